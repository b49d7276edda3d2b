/*
 * Random walk of falling temperature; see walk.h.
 * Kirkpatrick, Gelatt, Vecchi: "Optimization by simulated annealing", Science 1983.
 */
#include "planner/solve/walk/walk.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "planner/term.h"

#define BATCH 256             /* sweeps between looks at the clock and changes of prices, and more in large fleets */
#define PROPOSALS 48          /* single ones per sweep: about as long as it takes */
#define TRIES 8               /* candidates of one sweep that may turn out forbidden */
#define MOST_PRICE 1e4        /* that sweeps reckon with: beyond it floats would lose the rest */
#define ENOUGH_SWEEPS 1500.0  /* per replica, in one phase, for all of its heat */
#define EASE_POWER 0.75
#define EASE_ANEW 0.16        /* below, a phase goes on from where the last one ended */
#define CALIBRATION 20000     /* proposals that set the unit of temperature */
#define FIRST_PRICE 20        /* of an overload by a whole node, in units of the mean change */
#define PRICE_STEP 0.02       /* its change per batch while there is overload */
#define LEAST_PRICE 20        /* in units of the temperature */
#define PRICE_RISE 0.1        /* its change per batch where overload is left over from the phase before */
#define SETTLE_UNTIL 0.5      /* of a phase: later, what is left is forbidden at once */

/* Share of the schedule that is used up: by iterations where they are the budget, else by time. */
static double progress(const struct walk *w)
{
	if (w->s->max_iterations != UINT64_MAX)
		return (double)w->iterations / (double)w->s->max_iterations;
	return (double)(search_now_ns() - w->start_ns) / (double)w->length_ns;
}

void walk_mark(struct walk *w, uint32_t item)
{
	if (w->is_changed[item])
		return;
	w->is_changed[item] = true;
	w->changed[w->n_changed++] = item;
}

/* New bests come in thousands: only what changed since the last one is copied. */
void walk_keep(struct walk *w)
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
		walk_mark(w, i);
	if (!place_load(w->p, item_node))
		return false;
	sheet_load(w->sheet);
	return true;
}

static double exponential(struct walk *w)
{
	return w->thresholds[rng_below(&w->rng, WALK_THRESHOLDS)];
}

static bool try(struct walk *w, const struct chain *c, double allowance)
{
	uint32_t from[CHAIN_MAX];

	for (uint32_t k = 0; k < c->n; k++)
		from[k] = (uint32_t)w->p->item_node[c->item[k]];
	if (!(place_chain_delta(w->p, c, allowance) <= allowance) || !place_chain_try(w->p, c))
		return false;
	sheet_moved(w->sheet, c, from);
	for (uint32_t k = 0; k < c->n; k++)
		walk_mark(w, c->item[k]);
	walk_keep(w);
	return true;
}

/* Heat bath: of all that the replica can do, staying among it, one by its Boltzmann weight (planner/solve/gumbel.h). */
static void step(struct walk *w, double temperature)
{
	uint32_t item = chain_draw_item(&w->draw);
	const float *noise = gumbel_run(&w->gumbel, &w->rng);
	float stay = -(float)temperature * *gumbel_run(&w->gumbel, &w->rng), value;

	w->iterations += sheet_sweep(w->sheet, item, stay + (float)temperature * w->gumbel.most, &w->rng);
	w->sweeps++;
	for (uint32_t t = 0; t < TRIES; t++) {
		uint32_t k = sheet_least(w->sheet, noise, (float)temperature, &value);
		struct chain c;

		if (!(value < stay))
			return;
		if (sheet_chain(w->sheet, k, &c) && try(w, &c, (double)w->sheet->value[k] + temperature * exponential(w)))
			return;
		w->sheet->value[k] = INFINITY;
		if (c.n == 2)
			w->sheet->refuge_cost[c.item[1]] = INFINITY; /* out of date, as likely as not */
	}
}

/* Single proposals (Metropolis): cheaper than a sweep where much is accepted, as small replicas are at any time. */
static void propose(struct walk *w, double temperature)
{
	for (uint32_t k = 0; k < PROPOSALS; k++) {
		struct chain c;

		if (chain_draw(&w->draw, &c))
			try(w, &c, temperature * exponential(w));
	}
	w->iterations += PROPOSALS;
}

static void batch(struct walk *w, double temperature)
{
	for (uint32_t k = 0; k < BATCH + w->s->in->n_items / 16; k++) {
		step(w, temperature);
		propose(w, temperature);
	}
}

/* Each column has a price of its own, as some bind far more than others. */
static void steer(struct walk *w, double wanted, double temperature)
{
	const struct instance *in = w->s->in;
	double share = fmin(0.5, wanted / ((double)in->n_nodes * in->n_columns));

	place_price_steer(w->p, share, PRICE_STEP, LEAST_PRICE * temperature);
	sheet_reprice(w->sheet, MOST_PRICE * w->unit);
}

void walk_offer(struct walk *w, const char *who)
{
	search_offer(w->s, w->best, objective_value(w->s->in, w->s->model, w->best), who);
}

/* How far the schedule's heat is worth having: with few sweeps to come per replica, what heat undoes could not be made good again. */
static double ease(const struct walk *w, double from, double until)
{
	double done = (double)w->sweeps / w->s->in->n_items;

	if (!(from > 0) || !w->sweeps)
		return 1;
	return fmin(1, pow(done * (until - from) / from / ENOUGH_SWEEPS, EASE_POWER));
}

static double between(double from, double to, double f)
{
	return from * pow(to / from, f);
}

/*
 * Without overload from now on. What is left of it is priced out step by step: at once, it would go at any cost. True: all is gone, or
 * it is late.
 */
static bool settle(struct walk *w, double temperature, bool late)
{
	bool settled = !w->p->n_over || late;

	if (settled)
		place_price_forbid(w->p);
	else
		place_price_steer(w->p, 0, PRICE_RISE, LEAST_PRICE * temperature);
	sheet_reprice(w->sheet, MOST_PRICE * w->unit);
	return settled;
}

static void cool(struct walk *w, const struct phase *f, double until)
{
	double from = progress(w), at = from, nodes = w->s->in->n_nodes, heat = f->heat;
	bool settled = false;

	if (f->anew)
		heat = fmax(f->cold, heat * ease(w, from, until));
	if (f->over > 0)
		place_price(w->p, FIRST_PRICE * w->unit);
	for (; at < until && !search_done(w->s, w->iterations); at = progress(w)) {
		double part = (at - from) / (until - from);
		double temperature = w->unit * between(heat, f->cold, part);

		if (f->over > 0)
			steer(w, nodes * between(f->over, f->over_end, part), temperature);
		else if (!settled)
			settled = settle(w, temperature, part > SETTLE_UNTIL);
		batch(w, temperature);
	}
	if (isfinite(w->best_cost))
		walk_offer(w, "anneal");
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
	place_price(w->p, FIRST_PRICE * w->unit);
}

void walk_run(struct walk *w, const struct phase *phases, size_t n_phases)
{
	double until = 0;

	for (size_t i = 0; i < n_phases && !search_done(w->s, w->iterations); i++) {
		const struct phase *f = &phases[i];

		until += f->share;
		if (f->anew && ease(w, progress(w), until) > EASE_ANEW)
			take_over(w, w->start);
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
	walk_keep(w);
	calibrate(w);
	return true;
}

struct walk *walk_new(struct search *s, uint64_t stream)
{
	struct walk *w = mem_alloc(1, sizeof(*w));

	w->s = s;
	w->sc = scalar_new(s->in, s->model);
	w->p = place_new(w->sc);
	w->sheet = sheet_new(w->p);
	w->start = mem_alloc(s->in->n_items, sizeof(int32_t));
	w->best = mem_alloc(s->in->n_items, sizeof(int32_t));
	w->changed = mem_alloc(s->in->n_items, sizeof(uint32_t));
	w->is_changed = mem_alloc(s->in->n_items, sizeof(bool));
	w->best_cost = INFINITY;
	rng_seed_stream(&w->rng, s->seed, stream);
	chain_draw_init(&w->draw, w->p, &w->rng);
	for (int k = 0; k < WALK_THRESHOLDS; k++)
		w->thresholds[k] = -log((k + 0.5) / WALK_THRESHOLDS);
	gumbel_init(&w->gumbel, 4 * SHEET_SPAN, &w->rng);
	w->start_ns = search_now_ns();
	w->length_ns = s->deadline_ns > w->start_ns ? s->deadline_ns - w->start_ns : 1;
	return w;
}

void walk_free(struct walk *w)
{
	chain_draw_fini(&w->draw);
	sheet_free(w->sheet);
	place_free(w->p);
	gumbel_fini(&w->gumbel);
	scalar_free(w->sc);
	free(w->start);
	free(w->best);
	free(w->changed);
	free(w->is_changed);
	free(w);
}
