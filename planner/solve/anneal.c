/*
 * Simulated annealing over shifts and swaps for piecewise linear objectives (machine reassignment and its kin).
 *
 * Which temperature suits differs by orders of magnitude between instances: tight ones need room made at great cost first,
 * loose ones lose time on it. So a stream first tries a ladder of starting temperatures briefly, each from the start,
 * then spends the bulk on a long run at the best rung, and the rest on warm runs from its best placement.
 * Kirkpatrick et al. 1983; noising for this problem: Gavranović, Buljubašić & Demirović 2012 (challenge winners).
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "planner/search.h"
#include "planner/solve/scalar.h"
#include "planner/term.h"

#define N_STREAMS 2
#define BATCH 8192            /* proposals between looks at the clock */
#define CALIBRATION 20000     /* feasible proposals that set the unit of temperature */
#define COOLING 1e-4          /* last temperature / first */
#define OPEN_ENDED_NS 60000000000ull /* length of a schedule when there is no budget at all; then it starts over */
#define THRESHOLDS 4096

/* Shares of the budget and starting temperatures (in units of the mean change); from_best: start from the stream's best. */
static const struct phase { double share, heat; bool ladder, from_best; } phases[] = {
	{ 0.03, 0.1, true, false }, { 0.03, 1, true, false }, { 0.03, 10, true, false }, { 0.03, 100, true, false },
	{ 0.62, 1, false, false }, { 0.18, 0.02, false, true }, { 0.08, 0.002, false, true },
};

struct walk {
	struct search *s;
	struct place *p;
	struct rng rng;
	int32_t *start, *best;
	double best_cost, unit, rung_cost, rung_heat;
	double thresholds[THRESHOLDS];
	uint64_t iterations, start_ns, length_ns;
};

/* Share of the schedule that is used up: by iterations where they are the budget, else by time. */
static double progress(const struct walk *w)
{
	if (w->s->max_iterations != UINT64_MAX)
		return (double)w->iterations / (double)w->s->max_iterations;
	return (double)(search_now_ns() - w->start_ns) / (double)w->length_ns;
}

static double propose_shift(struct walk *w, double allowance)
{
	const struct instance *in = w->s->in;
	uint32_t item = rng_below(&w->rng, in->n_items), to = rng_below(&w->rng, in->n_nodes);
	double delta;

	if (w->p->item_node[item] == (int32_t)to)
		return INFINITY;
	delta = place_shift_delta(w->p, item, to);
	return delta <= allowance && place_shift_try(w->p, item, to, delta) ? delta : INFINITY;
}

static double propose_swap(struct walk *w, double allowance)
{
	uint32_t a = rng_below(&w->rng, w->s->in->n_items), b = rng_below(&w->rng, w->s->in->n_items);
	double delta;

	if (w->p->item_node[a] == w->p->item_node[b])
		return INFINITY;
	delta = place_swap_delta(w->p, a, b);
	return delta <= allowance && place_swap_try(w->p, a, b, delta) ? delta : INFINITY;
}

static void keep_best(struct walk *w)
{
	if (w->p->cost >= w->best_cost - 1e-9 * fabs(w->best_cost))
		return;
	w->best_cost = w->p->cost;
	memcpy(w->best, w->p->item_node, w->s->in->n_items * sizeof(int32_t));
}

static void batch(struct walk *w, double temperature)
{
	for (int k = 0; k < BATCH; k++) {
		uint64_t r = rng_u64(&w->rng);
		double allowance = temperature * w->thresholds[r % THRESHOLDS];
		double delta = r >> 63 ? propose_swap(w, allowance) : propose_shift(w, allowance);

		if (delta < 0)
			keep_best(w);
	}
	w->iterations += BATCH;
}

static double objective(const struct walk *w, const int32_t *item_node)
{
	return objective_value(w->s->in, w->s->model, item_node);
}

static void offer(struct walk *w)
{
	search_offer(w->s, w->best, objective(w, w->best), "anneal");
}

/* Cool from `heat` until `until` of the schedule; returns the best cost seen within. */
static double cool(struct walk *w, double heat, double until)
{
	double from = progress(w), at = from, before = w->best_cost, seen;

	w->best_cost = INFINITY; /* the best within, kept apart from the best so far */
	int32_t *so_far = mem_alloc(w->s->in->n_items, sizeof(int32_t));
	memcpy(so_far, w->best, w->s->in->n_items * sizeof(int32_t));
	for (; at < until && !search_done(w->s, w->iterations); at = progress(w))
		batch(w, w->unit * heat * pow(COOLING, (at - from) / (until - from)));
	seen = w->best_cost;
	if (before <= seen) {
		w->best_cost = before;
		memcpy(w->best, so_far, w->s->in->n_items * sizeof(int32_t));
	} else
		offer(w);
	free(so_far);
	return seen;
}

static void calibrate(struct walk *w)
{
	const struct instance *in = w->s->in;
	uint32_t found = 0;
	double sum = 0;

	for (uint32_t k = 0; k < 100 * CALIBRATION && found < CALIBRATION; k++) {
		uint32_t item = rng_below(&w->rng, in->n_items), to = rng_below(&w->rng, in->n_nodes);
		double delta = w->p->item_node[item] == (int32_t)to ? INFINITY : place_shift_delta(w->p, item, to);

		if (isfinite(delta)) {
			sum += fabs(delta);
			found++;
		}
	}
	w->unit = found && sum > 0 ? sum / found : 1;
}

static void run_schedule(struct walk *w)
{
	double until = 0;

	w->rung_cost = INFINITY;
	w->rung_heat = 1;
	for (size_t i = 0; i < sizeof(phases) / sizeof(phases[0]); i++) {
		const struct phase *f = &phases[i];
		double heat = f->ladder ? f->heat : f->from_best ? f->heat * w->rung_heat : w->rung_heat, cost;

		if (search_done(w->s, w->iterations))
			return;
		until += f->share;
		place_load(w->p, f->from_best ? w->best : w->start);
		cost = cool(w, heat, until);
		if (f->ladder && cost < w->rung_cost) {
			w->rung_cost = cost;
			w->rung_heat = f->heat;
		}
	}
}

/* A complete placement to start from: today's when it is feasible, else the best so far. */
static bool find_start(struct walk *w)
{
	memcpy(w->start, w->s->in->item_node, w->s->in->n_items * sizeof(int32_t));
	if (place_load(w->p, w->start))
		return true;
	return search_best(w->s, w->start, NULL) && place_load(w->p, w->start);
}

static void walk_stream(struct search *s, unsigned index)
{
	struct scalar *sc = scalar_new(s->in);
	struct walk *w = mem_alloc(1, sizeof(*w));

	w->s = s;
	w->p = place_new(sc);
	w->start = mem_alloc(s->in->n_items, sizeof(int32_t));
	w->best = mem_alloc(s->in->n_items, sizeof(int32_t));
	rng_seed_stream(&w->rng, s->seed, index);
	for (int k = 0; k < THRESHOLDS; k++)
		w->thresholds[k] = -log((k + 0.5) / THRESHOLDS);
	w->start_ns = search_now_ns();
	w->length_ns = s->deadline_ns == UINT64_MAX ? OPEN_ENDED_NS : s->deadline_ns > w->start_ns ? s->deadline_ns - w->start_ns : 1;
	if (find_start(w)) {
		w->best_cost = w->p->cost;
		memcpy(w->best, w->start, s->in->n_items * sizeof(int32_t));
		calibrate(w);
		offer(w);
		do {
			w->start_ns = search_now_ns();
			run_schedule(w);
		} while (!search_done(s, w->iterations));
	}
	search_spend(s, w->iterations);
	place_free(w->p);
	scalar_free(sc);
	free(w->start);
	free(w->best);
	free(w);
}

static bool anneal_applies(const struct search *s)
{
	if (s->model)
		for (uint32_t i = 0; i < s->in->n_services; i++)
			if (isfinite(s->in->services[i].limit_ratio) && s->in->services[i].model_service >= 0)
				return false;
	return scalar_applies(s->in);
}

static void anneal_run(struct search *s)
{
	search_streams(s, N_STREAMS, walk_stream);
}

const struct packer packer_anneal = {
	.name = "anneal",
	.help = "simulated annealing over shifts and swaps, for hinge, balance and move costs",
	.applies = anneal_applies,
	.run = anneal_run,
};
