/*
 * Simulated annealing over chains of relocations for piecewise linear objectives (machine reassignment and its kin).
 *
 * Capacity is relaxed while it is hot: overload costs, and the price is steered so that as many nodes are overloaded as the
 * schedule allows, from many to hardly any. So large items can change places although small ones are in their way,
 * and placements between which no feasible path leads are reached (strategic oscillation, Glover 1977). What is kept as the
 * best is always feasible. Every stream cools by itself; then all start again, less hot, from the best of them.
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
#define FIRST_PRICE 20        /* of an overload by a whole node, in units of the mean change */
#define PRICE_STEP 0.01       /* largest change of its logarithm per batch */

/*
 * Temperatures in units of the mean change, overloaded nodes as shares of all nodes: geometric from .. to. `over` 0: no new
 * overload at all. `from`: where the phase begins: where the phase before ended, at the start, or at the best so far.
 */
enum from { FROM_LAST, FROM_START, FROM_BEST };
struct phase { double share, heat, cold, over, over_end; enum from from; };

/* Every stream by itself, from the start. */
static const struct phase first_phases[] = {
	{ 0.10, 0.05, 0.002, 0, 0, FROM_LAST }, /* something good soon */
	{ 0.72, 0.2, 0.005, 0.2, 0.005, FROM_START },
	{ 0.10, 0.005, 0.001, 0, 0, FROM_LAST },
	{ 0.08, 0.003, 0.0005, 0, 0, FROM_BEST },
};

/* From the best of all streams. */
static const struct phase later_phases[] = {
	{ 0.80, 0.02, 0.003, 0.05, 0.005, FROM_BEST },
	{ 0.20, 0.003, 0.0005, 0, 0, FROM_LAST },
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct stage { double share; const struct phase *phases; size_t n_phases; } stages[] = {
	{ 0.5, first_phases, COUNT(first_phases) },
	{ 0.3, later_phases, COUNT(later_phases) },
	{ 0.2, later_phases, COUNT(later_phases) },
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

	w->price = FIRST_PRICE * w->unit;
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

static void run_stage(struct walk *w, const struct stage *stage)
{
	double until = 0;

	for (size_t i = 0; i < stage->n_phases && !search_done(w->s, w->iterations); i++) {
		const struct phase *f = &stage->phases[i];

		until += f->share;
		if (f->from == FROM_START)
			place_load(w->p, w->start);
		else if (f->from == FROM_BEST && isfinite(w->best_cost))
			place_load(w->p, w->best);
		cool(w, f, until);
	}
}

/* A complete placement that keeps the rules: the best so far or today's, which may be overloaded. */
static bool find_start(struct walk *w, bool today)
{
	memcpy(w->start, w->s->in->item_node, w->s->in->n_items * sizeof(int32_t));
	if (today && place_load(w->p, w->start))
		return true;
	return search_best(w->s, w->start, NULL) && place_load(w->p, w->start);
}

static void walk_stage(struct search *s, unsigned index, const struct stage *stage)
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
	w->length_ns = s->deadline_ns > w->start_ns ? s->deadline_ns - w->start_ns : 1;
	if (find_start(w, stage == stages) || find_start(w, true)) {
		keep_best(w);
		calibrate(w);
		run_stage(w, stage);
	}
	search_spend(s, w->iterations);
	chain_draw_fini(&w->draw);
	place_free(w->p);
	scalar_free(sc);
	free(w->start);
	free(w->best);
	free(w);
}

static void walk_first(struct search *s, unsigned index)
{
	walk_stage(s, index, &stages[0]);
}

static void walk_second(struct search *s, unsigned index)
{
	walk_stage(s, index, &stages[1]);
}

static void walk_third(struct search *s, unsigned index)
{
	walk_stage(s, index, &stages[2]);
}

static bool anneal_applies(const struct search *s)
{
	return scalar_applies(s->in);
}

/* All stages once; a budget of time or iterations is shared out, `round` varies the seed. */
static void run_round(struct search *s, uint64_t round, uint64_t length_ns)
{
	static void (*const walks[COUNT(stages)])(struct search *, unsigned) = { walk_first, walk_second, walk_third };
	uint64_t start_ns = search_now_ns();
	double until = 0;

	for (size_t i = 0; i < COUNT(stages) && !search_done(s, 0); i++) {
		struct search part = *s;

		until += stages[i].share;
		part.seed = s->seed + round * COUNT(stages) + i;
		if (s->max_iterations != UINT64_MAX)
			part.max_iterations = (uint64_t)(stages[i].share * (double)s->max_iterations);
		else
			part.deadline_ns = start_ns + (uint64_t)(until * (double)length_ns);
		search_streams(&part, N_STREAMS, walks[i]);
	}
}

static void anneal_run(struct search *s)
{
	uint64_t now = search_now_ns(), round = 0;

	if (s->max_iterations != UINT64_MAX || s->deadline_ns != UINT64_MAX)
		run_round(s, 0, s->deadline_ns > now ? s->deadline_ns - now : 1);
	else
		while (!search_done(s, 0))
			run_round(s, round++, OPEN_ENDED_NS);
}

const struct packer packer_anneal = {
	.name = "anneal",
	.help = "simulated annealing over shifts, swaps and chains through overload, for hinge, balance and move costs",
	.applies = anneal_applies,
	.run = anneal_run,
};
