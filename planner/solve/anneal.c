/*
 * Simulated annealing over chains of relocations for piecewise linear objectives (machine reassignment and its kin).
 *
 * Capacity is relaxed while it is hot: overload costs, and the price is steered so that as many nodes are overloaded as the
 * schedule allows, from many to hardly any. So large items can change places although small ones are in their way,
 * and placements between which no feasible path leads are reached (strategic oscillation, Glover 1977). What is kept as the
 * best is always feasible. Then shorter runs from the best, without overload.
 * Kirkpatrick et al. 1983; noising for this problem: Gavranović, Buljubašić & Demirović 2012 (challenge winners).
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "planner/search.h"
#include "planner/solve/chain_draw.h"
#include "planner/term.h"

#define N_STREAMS 2
#define BATCH 16384           /* proposals between looks at the clock; also the period of the price control */
#define CALIBRATION 20000     /* proposals that set the unit of temperature */
#define OPEN_ENDED_NS 60000000000ull /* length of a schedule when there is no budget at all; then it starts over */
#define THRESHOLDS 4096
#define AHEAD 6               /* proposals under way at once */
#define FIRST_PRICE 100       /* of an overload by a whole node, in units of the first temperature */
#define PRICE_STEP 0.01       /* largest change of its logarithm per batch */

/*
 * Temperatures in units of the mean change, overloaded nodes as shares of all nodes: geometric from .. to. `over` 0: no new
 * overload at all. `from`: where the phase begins, the placement that the phase before left, the start
 * or the best so far.
 */
enum from { FROM_LAST, FROM_START, FROM_BEST };
static const struct phase { double share, heat, cold, over, over_end; enum from from; } phases[] = {
	{ 0.08, 0.05, 0.002, 0, 0, FROM_LAST },        /* something good soon */
	{ 0.70, 0.15, 0.005, 0.2, 0.005, FROM_START },  /* through overload */
	{ 0.10, 0.005, 0.001, 0, 0, FROM_LAST },
	{ 0.12, 0.003, 0.0005, 0, 0, FROM_BEST },
};

struct walk {
	struct search *s;
	struct place *p;
	struct rng rng;
	struct chain_draw draw;
	struct chain ahead[AHEAD];
	int32_t *start, *best;
	double best_cost, unit, price;
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

static void keep_best(struct walk *w)
{
	if (w->p->n_over || w->p->cost >= w->best_cost - 1e-9 * fabs(w->best_cost))
		return;
	w->best_cost = w->p->cost;
	memcpy(w->best, w->p->item_node, w->s->in->n_items * sizeof(int32_t));
}

/* One more chain to come; n == 0 where the draw was improper. */
static void draw(struct walk *w, struct chain *c)
{
	if (!chain_draw(&w->draw, c))
		c->n = 0;
	else
		place_chain_prefetch(w->p, c);
}

/* Chains are drawn some ahead of their judgement, so that memory has time; what was drawn before a change is drawn anew. */
static void draw_all(struct walk *w)
{
	for (int k = 0; k < AHEAD; k++)
		draw(w, &w->ahead[k]);
}

/* Returns the mean number of overloaded nodes. */
static double batch(struct walk *w, double temperature)
{
	uint64_t over = 0;

	draw_all(w);
	for (uint32_t k = 0; k < BATCH; k++) {
		struct chain *c = &w->ahead[k % AHEAD];
		double allowance = temperature * w->thresholds[rng_below(&w->rng, THRESHOLDS)];

		if (c->n && place_chain_delta(w->p, c, allowance) <= allowance && place_chain_try(w->p, c)) {
			keep_best(w);
			draw_all(w);
		} else {
			draw(w, c);
		}
		over += w->p->n_over;
	}
	w->iterations += BATCH;
	return (double)over / BATCH;
}

/* Dearer when more nodes are overloaded than wanted. */
static void steer(struct walk *w, double over, double wanted)
{
	w->price *= exp(fmin(PRICE_STEP, PRICE_STEP / 4 * (over / wanted - 1)));
	place_price(w->p, w->price);
}

static void offer(struct walk *w)
{
	search_offer(w->s, w->best, objective_value(w->s->in, w->s->model, w->best), "anneal");
}

static double between(double from, double to, double f)
{
	return from * pow(to / from, f);
}

static void cool(struct walk *w, const struct phase *f, double until)
{
	double from = progress(w), at = from, nodes = w->s->in->n_nodes;

	w->price = FIRST_PRICE * w->unit * f->heat;
	if (f->over > 0)
		place_price(w->p, w->price);
	else
		place_price_forbid(w->p);
	for (; at < until && !search_done(w->s, w->iterations); at = progress(w)) {
		double part = (at - from) / (until - from);
		double over = batch(w, w->unit * between(f->heat, f->cold, part));

		if (f->over > 0)
			steer(w, over, nodes * between(f->over, f->over_end, part));
	}
	if (isfinite(w->best_cost))
		offer(w);
}

/* Mean change of cost that a shift makes, capacity aside. */
static void calibrate(struct walk *w)
{
	const struct instance *in = w->s->in;
	uint32_t found = 0;
	double sum = 0;

	place_price(w->p, 0);
	for (uint32_t k = 0; k < 100 * CALIBRATION && found < CALIBRATION; k++) {
		uint32_t item = rng_below(&w->rng, in->n_items), to = rng_below(&w->rng, in->n_nodes);
		struct chain c = { 1, { item }, { to } };
		double delta = w->p->item_node[item] == (int32_t)to ? INFINITY : place_chain_delta(w->p, &c, INFINITY);

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

	for (size_t i = 0; i < sizeof(phases) / sizeof(phases[0]); i++) {
		if (search_done(w->s, w->iterations))
			return;
		until += phases[i].share;
		if (phases[i].from == FROM_START)
			place_load(w->p, w->start);
		else if (phases[i].from == FROM_BEST && isfinite(w->best_cost))
			place_load(w->p, w->best);
		cool(w, &phases[i], until);
	}
}

/* A complete placement that keeps the rules: today's, else the best so far. It may be overloaded. */
static bool find_start(struct walk *w)
{
	memcpy(w->start, w->s->in->item_node, w->s->in->n_items * sizeof(int32_t));
	if (place_load(w->p, w->start))
		return true;
	return search_best(w->s, w->start, NULL) && place_load(w->p, w->start);
}

static void walk_stream(struct search *s, unsigned index)
{
	struct scalar *sc = scalar_new(s->in, s->model);
	struct walk *w = mem_alloc(1, sizeof(*w));

	w->s = s;
	w->p = place_new(sc);
	w->start = mem_alloc(s->in->n_items, sizeof(int32_t));
	w->best = mem_alloc(s->in->n_items, sizeof(int32_t));
	w->best_cost = INFINITY;
	rng_seed_stream(&w->rng, s->seed, index);
	chain_draw_init(&w->draw, w->p, &w->rng);
	for (int k = 0; k < THRESHOLDS; k++)
		w->thresholds[k] = -log((k + 0.5) / THRESHOLDS);
	w->start_ns = search_now_ns();
	w->length_ns = s->deadline_ns == UINT64_MAX ? OPEN_ENDED_NS : s->deadline_ns > w->start_ns ? s->deadline_ns - w->start_ns : 1;
	if (find_start(w)) {
		keep_best(w);
		calibrate(w);
		do {
			w->start_ns = search_now_ns();
			run_schedule(w);
		} while (!search_done(s, w->iterations));
	}
	search_spend(s, w->iterations);
	chain_draw_fini(&w->draw);
	place_free(w->p);
	scalar_free(sc);
	free(w->start);
	free(w->best);
	free(w);
}

static bool anneal_applies(const struct search *s)
{
	return scalar_applies(s->in);
}

static void anneal_run(struct search *s)
{
	search_streams(s, N_STREAMS, walk_stream);
}

const struct packer packer_anneal = {
	.name = "anneal",
	.help = "simulated annealing over shifts, swaps and chains through overload, for hinge, balance and move costs",
	.applies = anneal_applies,
	.run = anneal_run,
};
