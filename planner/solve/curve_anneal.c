/*
 * Annealing of placements by curves. The nodes are split at random into regions, each annealed on its own for a while, in parallel
 * when there are threads; then they are split anew. So both cores work on one placement, and the result
 * depends on neither the number of threads nor their timing.
 *
 * The relaxation (curve_bound.h) says how many nodes of each class to use; the construction fills just those, and
 * annealing then evens out the day between them. With a move budget the search starts from today's placement instead,
 * puts aside what violates a rule there, places it and all that is unplaced, and keeps within the budget.
 */
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "planner/search.h"
#include "planner/solve/curve.h"
#include "planner/solve/curve_bound.h"
#include "planner/term.h"

#define REGION_NODES 48       /* so that the rows of a region stay in a core's own cache */
#define PER_ITEM 24           /* proposals per item between two splits */
#define MAX_THREADS 64
#define SAMPLE 60             /* nodes looked at when constructing, before all are */
#define HOT 0.3               /* first and last temperature, in units of a used node's cost per 100 items it holds */
#define COLD 0.001
#define CLOSED_SHARE 64       /* one shift in so many may open an empty node */
#define OPEN_ENDED_NS 60000000000ull

struct region {
	struct curve *c;
	struct rng rng;
	uint32_t *nodes, *items, n_nodes, n_open, n_items; /* slices of the job's arrays */
	double temperature;
	int64_t moves_left;
	uint64_t proposals;
};

struct job {
	struct search *s;
	struct curve *c;
	struct rng rng;
	bool *chosen;              /* [node]: the relaxation uses it */
	uint32_t *region_of, *nodes, *items, *order;
	struct region *regions;
	uint32_t n_regions, next;  /* next: region to be annealed, taken by threads */
	uint64_t n_epochs;
	uint64_t iterations, start_ns, length_ns;
	double offered;
};

static bool accepts(struct region *r, float delta)
{
	return delta <= 0 || (isfinite(delta) && rng_unit(&r->rng) < exp(-(double)delta / r->temperature));
}

static void propose_shift(struct region *r)
{
	uint32_t item = r->items[rng_below(&r->rng, r->n_items)];
	uint32_t n = r->n_open && rng_below(&r->rng, CLOSED_SHARE) ? r->n_open : r->n_nodes;
	uint32_t to = r->nodes[rng_below(&r->rng, n)];
	int change;

	if (r->c->item_node[item] == (int32_t)to)
		return;
	change = curve_move_change(r->c, item, to);
	if (change > r->moves_left || !accepts(r, curve_shift_delta(r->c, item, to)) || !curve_shift_allowed(r->c, item, to))
		return;
	curve_take(r->c, item);
	curve_put(r->c, item, to);
	r->moves_left -= change;
}

static void propose_swap(struct region *r)
{
	uint32_t a = r->items[rng_below(&r->rng, r->n_items)], b = r->items[rng_below(&r->rng, r->n_items)];
	int32_t na = r->c->item_node[a], nb = r->c->item_node[b];
	int change;

	if (na == nb)
		return;
	change = curve_move_change(r->c, a, (uint32_t)nb) + curve_move_change(r->c, b, (uint32_t)na);
	if (change > r->moves_left || !accepts(r, curve_swap_delta(r->c, a, b)) || !curve_swap_allowed(r->c, a, b))
		return;
	curve_take(r->c, a);
	curve_take(r->c, b);
	curve_put(r->c, a, (uint32_t)nb);
	curve_put(r->c, b, (uint32_t)na);
	r->moves_left -= change;
}

static void region_run(struct region *r)
{
	for (uint64_t i = 0; r->n_items > 1 && r->n_nodes > 1 && i < r->proposals; i++)
		if (rng_u64(&r->rng) >> 63)
			propose_swap(r);
		else
			propose_shift(r);
}

static int64_t moves_left(const struct curve *c)
{
	int64_t moved = 0;

	if (c->in->max_moves < 0)
		return INT64_MAX / 2;
	for (uint32_t i = 0; i < c->in->n_items; i++)
		moved += c->in->item_node[i] != NO_NODE && c->item_node[i] != NO_NODE && c->item_node[i] != c->in->item_node[i];
	return c->in->max_moves - moved;
}

static void shuffle(struct rng *r, uint32_t *v, uint32_t n)
{
	for (uint32_t i = n; i > 1; i--) {
		uint32_t k = rng_below(r, i), other = v[i - 1];

		v[i - 1] = v[k];
		v[k] = other;
	}
}

/* Nodes dealt out at random; in each region those in use come first. */
static void split_nodes(struct job *j)
{
	uint32_t n = j->s->in->n_nodes, at = 0;

	shuffle(&j->rng, j->order, n);
	for (uint32_t k = 0; k < j->n_regions; k++) {
		struct region *r = &j->regions[k];
		uint32_t from = (uint32_t)((uint64_t)n * k / j->n_regions), to = (uint32_t)((uint64_t)n * (k + 1) / j->n_regions);

		r->nodes = j->nodes + at;
		for (int used = 1; used >= 0; used--) {
			for (uint32_t i = from; i < to; i++)
				if ((j->c->node_items[j->order[i]] > 0) == used) {
					j->region_of[j->order[i]] = k;
					j->nodes[at++] = j->order[i];
				}
			if (used)
				r->n_open = (uint32_t)(j->nodes + at - r->nodes);
		}
		r->n_nodes = to - from;
	}
}

static void split_items(struct job *j)
{
	const struct instance *in = j->s->in;
	uint32_t at = 0;

	for (uint32_t k = 0; k < j->n_regions; k++) {
		struct region *r = &j->regions[k];

		r->items = j->items + at;
		r->n_items = 0;
		for (uint32_t i = 0; i < r->n_nodes; i++)
			at += j->c->node_items[r->nodes[i]];
	}
	for (uint32_t i = 0; i < in->n_items; i++)
		if (j->c->item_node[i] != NO_NODE) {
			struct region *r = &j->regions[j->region_of[j->c->item_node[i]]];

			r->items[r->n_items++] = i;
		}
}

static void split(struct job *j, double temperature)
{
	int64_t left = moves_left(j->c);

	split_nodes(j);
	split_items(j);
	for (uint32_t k = 0; k < j->n_regions; k++) {
		struct region *r = &j->regions[k];

		r->moves_left = left / j->n_regions + (k < left % j->n_regions);
		r->temperature = temperature;
		r->proposals = (uint64_t)r->n_items * PER_ITEM;
		rng_seed_stream(&r->rng, j->s->seed, 1 + j->n_epochs * j->n_regions + k);
		j->iterations += r->proposals;
	}
	j->n_epochs++;
	j->next = 0;
}

static void *work(void *arg)
{
	struct job *j = arg;
	uint32_t k;

	while ((k = __atomic_fetch_add(&j->next, 1, __ATOMIC_RELAXED)) < j->n_regions)
		region_run(&j->regions[k]);
	return NULL;
}

static void epoch(struct job *j, double temperature)
{
	pthread_t threads[MAX_THREADS];
	unsigned n = 0;

	split(j, temperature);
	while (n + 1 < j->s->threads && n < MAX_THREADS && n + 1 < j->n_regions && !pthread_create(&threads[n], NULL, work, j))
		n++;
	work(j);
	while (n > 0)
		pthread_join(threads[--n], NULL);
}

static void offer(struct job *j)
{
	double exact = objective_value(j->s->in, j->s->model, j->c->item_node);

	search_offer(j->s, j->c->item_node, exact, "curve");
	j->offered = curve_total(j->c);
}

static double progress(const struct job *j)
{
	if (j->s->max_iterations != UINT64_MAX)
		return (double)j->iterations / (double)j->s->max_iterations;
	return (double)(search_now_ns() - j->start_ns) / (double)j->length_ns;
}

static double temperature_unit(const struct curve *c)
{
	uint32_t used = 0;

	for (uint32_t m = 0; m < c->in->n_nodes; m++)
		used += c->node_items[m] > 0;
	return curve_total(c) / (used ? used : 1) / 100;
}

static void cool(struct job *j)
{
	double unit = temperature_unit(j->c), from = progress(j), at;

	for (at = from; at < 1 && !search_done(j->s, j->iterations); at = progress(j)) {
		epoch(j, unit * HOT * pow(COLD / HOT, (at - from) / (1 - from)));
		if (curve_total(j->c) < j->offered - 0.001 * fabs(j->offered))
			offer(j);
	}
	offer(j);
}

struct sized { double size; uint32_t item; };

static int compare_sized(const void *a, const void *b)
{
	const struct sized *x = a, *y = b;

	if (x->size != y->size)
		return x->size > y->size ? -1 : 1;
	return (x->item > y->item) - (x->item < y->item);
}

/* Peak share of the largest node in any column. */
static double item_size(const struct instance *in, const int64_t *largest, uint32_t item)
{
	const int64_t *need = in->demand + (size_t)in->item_service[item] * in->n_columns;
	double size = 0;

	for (uint32_t k = 0; k < in->n_columns; k++)
		if (largest[k])
			size = fmax(size, (double)need[k] / (double)largest[k]);
	return size;
}

static struct sized *unplaced_by_size(const struct curve *c, uint32_t *n)
{
	const struct instance *in = c->in;
	int64_t *largest = mem_alloc(in->n_columns, sizeof(int64_t));
	struct sized *v = mem_alloc(in->n_items, sizeof(*v));

	*n = 0;
	for (size_t k = 0; k < (size_t)in->n_nodes * in->n_columns; k++)
		if (in->capacity[k] > largest[k % in->n_columns])
			largest[k % in->n_columns] = in->capacity[k];
	for (uint32_t i = 0; i < in->n_items; i++)
		if (c->item_node[i] == NO_NODE)
			v[(*n)++] = (struct sized){ item_size(in, largest, i), i };
	if (*n)
		qsort(v, *n, sizeof(*v), compare_sized);
	free(largest);
	return v;
}

/* Cost of putting the item there; nodes the relaxation uses anyway cost nothing to open. */
static float put_cost(struct job *j, uint32_t item, uint32_t node, int64_t left)
{
	float delta;

	if (curve_move_change(j->c, item, node) > left || !curve_shift_allowed(j->c, item, node))
		return INFINITY;
	delta = curve_shift_delta(j->c, item, node);
	return !j->c->node_items[node] && j->chosen[node] ? delta - j->c->node_price[node] : delta;
}

static bool put_somewhere(struct job *j, uint32_t item, const uint32_t *open, uint32_t n_open, int64_t left)
{
	float best = INFINITY, cost;
	int32_t to = NO_NODE;

	for (uint32_t k = 0; k < SAMPLE && n_open; k++) {
		uint32_t node = open[rng_below(&j->rng, n_open)];

		if ((cost = put_cost(j, item, node, left)) < best) {
			best = cost;
			to = (int32_t)node;
		}
	}
	for (uint32_t node = 0; to == NO_NODE && node < j->s->in->n_nodes; node++)
		if ((cost = put_cost(j, item, node, left)) < best) {
			best = cost;
			to = (int32_t)node;
		}
	if (to != NO_NODE)
		curve_put(j->c, item, (uint32_t)to);
	return to != NO_NODE;
}

static bool place_all(struct job *j)
{
	const struct instance *in = j->s->in;
	uint32_t n, n_open = 0, *open = mem_alloc(in->n_nodes, sizeof(uint32_t)), failed = 0;
	struct sized *v = unplaced_by_size(j->c, &n);
	int64_t left = moves_left(j->c);

	for (uint32_t m = 0; m < in->n_nodes; m++)
		if (j->chosen[m] || j->c->node_items[m])
			open[n_open++] = m;
	for (uint32_t k = 0; k < n; k++) {
		uint32_t item = v[k].item;

		if (!put_somewhere(j, item, open, n_open, left))
			failed++;
		else
			left -= in->item_node[item] != NO_NODE && in->item_node[item] != j->c->item_node[item];
	}
	free(open);
	free(v);
	return !failed;
}

static void choose_nodes(struct job *j)
{
	const struct instance *in = j->s->in;
	struct curve_bound b;
	double *due;

	curve_bound_find(&b, in);
	due = mem_alloc(b.n_classes, sizeof(double));
	for (uint32_t m = 0; m < in->n_nodes; m++) {
		due[b.node_class[m]] += b.share[b.node_class[m]];
		j->chosen[m] = due[b.node_class[m]] >= 0.5;
		due[b.node_class[m]] -= j->chosen[m];
	}
	free(due);
	curve_bound_fini(&b);
}

static void empty_all(struct curve *c)
{
	for (uint32_t i = 0; i < c->in->n_items; i++)
		if (c->item_node[i] != NO_NODE)
			curve_take(c, i);
}

/* Puts items where `item_node` says, leaving out what violates something there. */
static void adopt(struct curve *c, const int32_t *item_node)
{
	empty_all(c);
	for (uint32_t i = 0; i < c->in->n_items; i++)
		if (item_node[i] != NO_NODE && isfinite(curve_shift_delta(c, i, (uint32_t)item_node[i])) &&
		    curve_shift_allowed(c, i, (uint32_t)item_node[i]))
			curve_put(c, i, (uint32_t)item_node[i]);
}

static bool construct(struct job *j)
{
	int32_t *best;
	bool ok;

	if (j->s->in->max_moves < 0) {
		choose_nodes(j);
		if (place_all(j))
			return true;
	}
	memset(j->chosen, 0, j->s->in->n_nodes * sizeof(bool));
	adopt(j->c, j->s->in->item_node);
	if (place_all(j))
		return true;
	best = mem_alloc(j->s->in->n_items, sizeof(int32_t));
	ok = search_best(j->s, best, NULL);
	if (ok) {
		adopt(j->c, best);
		ok = place_all(j);
	}
	free(best);
	return ok;
}

static void curve_run(struct search *s)
{
	struct job *j = mem_alloc(1, sizeof(*j));

	j->s = s;
	j->c = curve_new(s->in);
	j->chosen = mem_alloc(s->in->n_nodes, sizeof(bool));
	j->region_of = mem_alloc(s->in->n_nodes, sizeof(uint32_t));
	j->nodes = mem_alloc(s->in->n_nodes, sizeof(uint32_t));
	j->order = mem_alloc(s->in->n_nodes, sizeof(uint32_t));
	j->items = mem_alloc(s->in->n_items, sizeof(uint32_t));
	for (uint32_t m = 0; m < s->in->n_nodes; m++)
		j->order[m] = m;
	j->n_regions = (s->in->n_nodes + REGION_NODES - 1) / REGION_NODES;
	j->regions = mem_alloc(j->n_regions, sizeof(*j->regions));
	for (uint32_t k = 0; k < j->n_regions; k++)
		j->regions[k].c = j->c;
	rng_seed(&j->rng, s->seed);
	j->start_ns = search_now_ns();
	j->length_ns = s->deadline_ns == UINT64_MAX ? OPEN_ENDED_NS : s->deadline_ns > j->start_ns ? s->deadline_ns - j->start_ns : 1;
	if (construct(j)) { /* else leave the instance to the general packers */
		offer(j);
		cool(j);
	}
	search_spend(s, j->iterations);
	free(j->regions);
	free(j->nodes);
	free(j->order);
	free(j->items);
	curve_free(j->c);
	free(j->chosen);
	free(j->region_of);
	free(j);
}

static bool packer_applies(const struct search *s)
{
	if (s->model)
		for (uint32_t i = 0; i < s->in->n_services; i++)
			if (isfinite(s->in->services[i].limit_ratio) && s->in->services[i].model_service >= 0)
				return false;
	return curve_applies(s->in);
}

extern const struct packer packer_curve;
const struct packer packer_curve = {
	.name = "curve",
	.help = "annealing in random regions for curves over the day with a convex cost of utilisation",
	.applies = packer_applies,
	.run = curve_run,
	.share = 0.97, /* the rest is for the bounds */
};
