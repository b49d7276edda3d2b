/*
 * The incumbent that all solvers share, their budget, and streams of the same randomised search: see search.h.
 * A stream has its own incumbent; what it finds is merged in order of index, so that under an iteration budget neither
 * the number of threads nor their timing shows in the result.
 */
#include "planner/search.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "planner/team.h"

#define COST_EPSILON 1e-9 /* relative: smaller differences are rounding */

struct incumbent {
	pthread_mutex_t lock;
	const struct instance *in;
	int32_t *item_node;
	double cost, bound; /* bound: proven by packers */
	const char *prover;
	uint32_t n_unplaced, n_moves;
	bool any, progress;
	uint64_t iterations, start_ns, shown_ns, first_ns;
	const char *solver;
};

volatile int search_interrupted;

uint64_t search_now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

struct incumbent *incumbent_new(const struct instance *in, bool progress)
{
	struct incumbent *b = mem_alloc(1, sizeof(*b));

	pthread_mutex_init(&b->lock, NULL);
	b->in = in;
	b->progress = progress;
	b->item_node = mem_alloc(in->n_items, sizeof(*b->item_node));
	b->cost = INFINITY;
	b->bound = -INFINITY;
	b->solver = "none";
	b->start_ns = search_now_ns();
	return b;
}

void incumbent_free(struct incumbent *b)
{
	if (!b)
		return;
	pthread_mutex_destroy(&b->lock);
	free(b->item_node);
	free(b);
}

static bool cost_below(double a, double b)
{
	return a < b - COST_EPSILON * fmax(1, fabs(b));
}

static void show(const struct search *s, struct incumbent *b)
{
	uint64_t now = search_now_ns();
	char gap[48] = "bound unknown";

	if (!b->progress || now - b->shown_ns < 100000000u)
		return;
	b->shown_ns = now;
	if (isfinite(s->lower_bound))
		snprintf(gap, sizeof(gap), "bound %.10g, gap %.2f %%", s->lower_bound,
			 s->lower_bound > 0 ? (b->cost / s->lower_bound - 1) * 100 : 0.0);
	fprintf(stderr, "\r%6.1f s  cost %.10g, %s, %u unplaced  (%s)   ", (double)(now - b->start_ns) / 1e9, b->cost, gap,
		b->n_unplaced, b->solver);
}

bool search_done(const struct search *s, uint64_t iterations)
{
	const struct incumbent *b = s->best;

	if (search_interrupted || iterations >= s->max_iterations)
		return true;
	if (b && b->any && !b->n_unplaced && !b->n_moves && !cost_below(fmax(s->lower_bound, search_proven(s, NULL)), b->cost))
		return true;
	return s->deadline_ns != UINT64_MAX && search_now_ns() >= s->deadline_ns;
}

void search_prove(struct search *s, double bound, const char *who)
{
	struct incumbent *b = s->best;

	pthread_mutex_lock(&b->lock);
	if (bound > b->bound) {
		b->prover = who;
		__atomic_store(&b->bound, &bound, __ATOMIC_RELAXED);
	}
	pthread_mutex_unlock(&b->lock);
}

double search_proven(const struct search *s, const char **who)
{
	double bound;

	__atomic_load(&s->best->bound, &bound, __ATOMIC_RELAXED);
	if (who)
		*who = s->best->prover;
	return bound;
}

void search_spend(struct search *s, uint64_t iterations)
{
	__atomic_add_fetch(&s->best->iterations, iterations, __ATOMIC_RELAXED);
}

bool search_offer(struct search *s, const int32_t *item_node, double cost, const char *solver)
{
	const struct instance *in = s->in;
	struct incumbent *b = s->best;
	uint32_t unplaced = 0, moves = 0;
	bool better;

	for (uint32_t i = 0; i < in->n_items; i++) {
		if (item_node[i] < NO_NODE || item_node[i] >= (int64_t)in->n_nodes)
			return false;
		unplaced += item_node[i] < 0;
		moves += in->item_node[i] >= 0 && item_node[i] >= 0 && item_node[i] != in->item_node[i];
	}
	if (isnan(cost) || (in->max_moves >= 0 && moves > in->max_moves))
		return false;
	pthread_mutex_lock(&b->lock);
	if (!b->any || unplaced != b->n_unplaced)
		better = !b->any || unplaced < b->n_unplaced;
	else
		better = cost_below(cost, b->cost) || (!cost_below(b->cost, cost) && moves < b->n_moves);
	if (better) {
		memcpy(b->item_node, item_node, in->n_items * sizeof(*item_node));
		b->any = true;
		b->cost = cost;
		b->n_unplaced = unplaced;
		b->n_moves = moves;
		b->solver = solver;
		if (!unplaced && !b->first_ns)
			b->first_ns = search_now_ns() - b->start_ns;
		show(s, b);
	}
	pthread_mutex_unlock(&b->lock);
	return better;
}

bool search_best(const struct search *s, int32_t *item_node, double *cost)
{
	struct incumbent *b = s->best;
	bool any;

	pthread_mutex_lock(&b->lock);
	any = b->any;
	if (any && item_node)
		memcpy(item_node, b->item_node, s->in->n_items * sizeof(*item_node));
	if (any && cost)
		*cost = b->cost;
	pthread_mutex_unlock(&b->lock);
	return any;
}

uint64_t search_first_ns(const struct search *s)
{
	return s->best->first_ns;
}

bool search_complete(const struct search *s)
{
	return s->best->any && !s->best->n_unplaced;
}

const char *search_solver(const struct search *s, uint64_t *iterations)
{
	*iterations = s->best->iterations;
	return s->best->solver;
}

struct streams {
	struct search *parent, *streams;
	unsigned n;
	void (*run)(struct search *stream, unsigned index);
};

static void stream_run(void *streams, uint32_t index)
{
	struct streams *q = streams;

	q->run(&q->streams[index], index);
}

static void stream_open(struct streams *q, unsigned i)
{
	struct search *s = &q->streams[i];
	struct rng r;

	*s = *q->parent;
	s->threads = 1;
	rng_seed_stream(&r, q->parent->seed, i);
	s->seed = rng_u64(&r);
	if (s->max_iterations != UINT64_MAX)
		s->max_iterations = (s->max_iterations + q->n - 1) / q->n;
	s->best = incumbent_new(s->in, false);
	s->best->start_ns = q->parent->best->start_ns;
	s->best->first_ns = q->parent->best->first_ns;
	s->best->any = q->parent->best->any;
	memcpy(s->best->item_node, q->parent->best->item_node, s->in->n_items * sizeof(int32_t));
	s->best->cost = q->parent->best->cost;
	s->best->n_unplaced = q->parent->best->n_unplaced;
	s->best->n_moves = q->parent->best->n_moves;
}

void search_streams(struct search *s, unsigned n, void (*run)(struct search *stream, unsigned index))
{
	unsigned threads = s->threads ? s->threads : 1;
	struct streams q = { .parent = s, .run = run };

	q.n = s->max_iterations != UINT64_MAX ? n : threads;
	q.n = q.n ? q.n : 1;
	q.streams = mem_alloc(q.n, sizeof(*q.streams));
	for (unsigned i = 0; i < q.n; i++)
		stream_open(&q, i);
	team_run(threads, q.n, stream_run, &q);
	for (unsigned i = 0; i < q.n; i++) {
		struct incumbent *b = q.streams[i].best;

		if (b->first_ns && (!s->best->first_ns || b->first_ns < s->best->first_ns))
			s->best->first_ns = b->first_ns;
		if (b->any)
			search_offer(s, b->item_node, b->cost, b->solver);
		if (b->bound > -INFINITY)
			search_prove(s, b->bound, b->prover);
		search_spend(s, b->iterations);
		incumbent_free(b);
	}
	free(q.streams);
}
