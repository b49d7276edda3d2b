/*
 * Random walk of falling temperature; see walk.h.
 * Kirkpatrick, Gelatt, Vecchi: "Optimization by simulated annealing", Science 1983.
 */
#include "planner/solve/walk.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "planner/term.h"

#define BATCH 16384           /* proposals between looks at the clock and changes of prices */
#define CALIBRATION 20000     /* proposals that set the unit of temperature */
#define FIRST_PRICE 20        /* of an overload by a whole node, in units of the mean change */
#define PRICE_STEP 0.02       /* its change per batch while there is overload */
#define LEAST_PRICE 20        /* in units of the temperature */

/* Share of the schedule that is used up: by iterations where they are the budget, else by time. */
static double progress(const struct walk *w)
{
	if (w->s->max_iterations != UINT64_MAX)
		return (double)w->iterations / (double)w->s->max_iterations;
	return (double)(search_now_ns() - w->start_ns) / (double)w->length_ns;
}

static void mark(struct walk *w, uint32_t item)
{
	if (w->is_changed[item])
		return;
	w->is_changed[item] = true;
	w->changed[w->n_changed++] = item;
}

/* New bests come in thousands: only what changed since the last one is copied. */
static void keep_best(struct walk *w)
{
	if (w->p->n_over || w->p->cost >= w->best_cost - 1e-9 * fabs(w->best_cost))
		return;
	w->best_cost = w->p->cost;
	while (w->n_changed) {
		uint32_t item = w->changed[--w->n_changed];

		w->best[item] = w->p->item_node[item];
		w->is_changed[item] = false;
	}
}

static bool take_over(struct walk *w, const int32_t *item_node)
{
	for (uint32_t i = 0; i < w->s->in->n_items; i++)
		mark(w, i);
	return place_load(w->p, item_node);
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
	for (int k = 0; k < WALK_AHEAD; k++)
		draw(w, &w->ahead[k]);
}

static void batch(struct walk *w, double temperature)
{
	draw_all(w);
	for (uint32_t k = 0; k < BATCH; k++) {
		struct chain *c = &w->ahead[k % WALK_AHEAD];
		double allowance = temperature * w->thresholds[rng_below(&w->rng, WALK_THRESHOLDS)];

		if (c->n && place_chain_delta(w->p, c, allowance) <= allowance && place_chain_try(w->p, c)) {
			for (uint32_t i = 0; i < c->n; i++)
				mark(w, c->item[i]);
			keep_best(w);
			draw_all(w);
		} else {
			draw(w, c);
		}
	}
	w->iterations += BATCH;
}

/*
 * Each column of each node has a price of its own, as some bind far more than others (breakout, Morris 1993): up while it is
 * overloaded, else down, so slowly that the mean number of overloaded columns would come to rest at what is wanted.
 */
static void steer(struct walk *w, double wanted, double temperature)
{
	const struct instance *in = w->s->in;
	double share = fmin(0.5, wanted / ((double)in->n_nodes * in->n_columns));

	place_price_adapt(w->p, 1 + PRICE_STEP, 1 - PRICE_STEP * share / (1 - share), LEAST_PRICE * temperature);
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

	if (f->over > 0)
		place_price(w->p, FIRST_PRICE * w->unit);
	else
		place_price_forbid(w->p);
	for (; at < until && !search_done(w->s, w->iterations); at = progress(w)) {
		double part = (at - from) / (until - from);
		double temperature = w->unit * between(f->heat, f->cold, part);

		batch(w, temperature);
		if (f->over > 0)
			steer(w, nodes * between(f->over, f->over_end, part), temperature);
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

void walk_run(struct walk *w, const struct phase *phases, size_t n_phases)
{
	double until = 0;

	for (size_t i = 0; i < n_phases && !search_done(w->s, w->iterations); i++) {
		const struct phase *f = &phases[i];

		until += f->share;
		if (f->from == FROM_START)
			take_over(w, w->start);
		else if (f->from == FROM_BEST && isfinite(w->best_cost))
			take_over(w, w->best);
		cool(w, f, until);
	}
}

static bool find_start(struct walk *w, bool today)
{
	memcpy(w->start, w->s->in->item_node, w->s->in->n_items * sizeof(int32_t));
	if (today && take_over(w, w->start))
		return true;
	if (search_best(w->s, w->start, NULL) && take_over(w, w->start))
		return true;
	memcpy(w->start, w->s->in->item_node, w->s->in->n_items * sizeof(int32_t));
	return take_over(w, w->start);
}

bool walk_begin(struct walk *w, bool today)
{
	if (!find_start(w, today))
		return false;
	keep_best(w);
	calibrate(w);
	return true;
}

struct walk *walk_new(struct search *s, uint64_t stream)
{
	struct walk *w = mem_alloc(1, sizeof(*w));

	w->s = s;
	w->sc = scalar_new(s->in, s->model);
	w->p = place_new(w->sc);
	w->start = mem_alloc(s->in->n_items, sizeof(int32_t));
	w->best = mem_alloc(s->in->n_items, sizeof(int32_t));
	w->changed = mem_alloc(s->in->n_items, sizeof(uint32_t));
	w->is_changed = mem_alloc(s->in->n_items, sizeof(bool));
	w->best_cost = INFINITY;
	rng_seed_stream(&w->rng, s->seed, stream);
	chain_draw_init(&w->draw, w->p, &w->rng);
	for (int k = 0; k < WALK_THRESHOLDS; k++)
		w->thresholds[k] = -log((k + 0.5) / WALK_THRESHOLDS);
	w->start_ns = search_now_ns();
	w->length_ns = s->deadline_ns > w->start_ns ? s->deadline_ns - w->start_ns : 1;
	return w;
}

void walk_free(struct walk *w)
{
	chain_draw_fini(&w->draw);
	place_free(w->p);
	scalar_free(w->sc);
	free(w->start);
	free(w->best);
	free(w->changed);
	free(w->is_changed);
	free(w);
}
