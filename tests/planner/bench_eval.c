/*
 * Evaluations per second and core: does a service fit a node, over every column. Nothing leaves early (all fit), services and
 * nodes are drawn in a fixed random order from a fleet that lies in cache, medians of 7 rounds.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/mem.h"
#include "base/rng.h"
#include "base/sort.h"
#include "planner/solve/curve/curve.h"
#include "planner/solve/walk/sheet.h"
#include "planner/state.h"
#include "tests/planner/planted.h"

#define PAIRS 4096
#define ROUNDS 7

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double median(double *rates)
{
	qsort(rates, ROUNDS, sizeof(*rates), sort_doubles);
	return rates[ROUNDS / 2];
}

/* Whoever does not fit is judged only until that is known. */
static void exits_note(uint64_t fit, uint32_t repeats)
{
	if (fit != (uint64_t)ROUNDS * repeats * PAIRS)
		printf("(not all fitted: the figure includes early exits)\n");
}

static double rate(uint32_t resources, uint32_t slots, uint32_t repeats)
{
	struct planted_shape shape = { .services = 200, .nodes = 60, .slots = slots, .resources = resources, .per_node = 10, .fill = 0.5, .seed = 1 };
	struct instance *in = planted_new(&shape, NULL);
	struct state *st = state_new(in, NULL);
	static uint32_t service[PAIRS], node[PAIRS];
	double rates[ROUNDS];
	volatile uint64_t sink = 0;
	struct rng rng;

	rng_seed(&rng, 3);
	for (uint32_t i = 0; i < in->n_items; i++)
		state_put(st, i, i / 10);
	for (uint32_t k = 0; k < PAIRS; k++) {
		service[k] = rng_below(&rng, in->n_services);
		node[k] = rng_below(&rng, in->n_nodes);
	}
	for (int round = 0; round < ROUNDS; round++) {
		double start = now_s();
		uint64_t fit = 0;

		for (uint32_t n = 0; n < repeats; n++)
			for (uint32_t k = 0; k < PAIRS; k++)
				fit += state_fits_columns(st, service[k], node[k]);
		rates[round] = (double)repeats * PAIRS / (now_s() - start);
		sink += fit;
	}
	exits_note(sink, repeats);
	state_free(st);
	instance_free(in);
	return median(rates);
}

/* Cost and capacity of a node with one replica exchanged: curve_delta() of a swap judges two. */
static double swap_rate(uint32_t repeats)
{
	struct planted_shape shape = { .services = 200, .nodes = 60, .slots = 98, .resources = 2, .per_node = 10, .fill = 0.5, .seed = 1 };
	struct instance *in = planted_new(&shape, NULL);
	struct term term = { .kind = TERM_EXPONENTIAL, .resource = 0, .weight = 1, .threshold = 0.5, .scale = 10 };
	struct curve *c;
	static uint32_t a[PAIRS], b[PAIRS];
	double rates[ROUNDS];
	volatile float sink = 0;
	struct rng rng;

	in->terms = &term;
	in->n_terms = 1;
	c = curve_new(in, NULL);
	rng_seed(&rng, 3);
	for (uint32_t i = 0; i < in->n_items; i++)
		curve_put(c, i, i / 10);
	for (uint32_t k = 0; k < PAIRS;) {
		a[k] = rng_below(&rng, in->n_items);
		b[k] = rng_below(&rng, in->n_items);
		k += c->item_node[a[k]] != c->item_node[b[k]];
	}
	for (int round = 0; round < ROUNDS; round++) {
		double start = now_s();

		for (uint32_t n = 0; n < repeats; n++)
			for (uint32_t k = 0; k < PAIRS; k++)
				sink += curve_delta(c, a[k], b[k], (uint32_t)c->item_node[b[k]], NULL);
		rates[round] = 2.0 * repeats * PAIRS / (now_s() - start);
	}
	curve_free(c);
	in->terms = NULL;
	in->n_terms = 0;
	instance_free(in);
	return median(rates);
}

/* May one more service stand on a node, for its slowdown limit and everybody's there: nanoseconds per service judged and pressure. */
static double limit_ns(uint32_t repeats)
{
	struct planted_shape shape = { .services = 200, .nodes = 60, .slots = 1, .resources = 2, .per_node = 10, .fill = 0.5, .seed = 1 };
	int32_t *planted;
	struct instance *in = planted_new(&shape, &planted);
	struct model *m = planted_model(in, planted, 40, 1);
	struct state *st;
	static uint32_t service[PAIRS], node[PAIRS];
	double rates[ROUNDS], judged = 0;
	uint64_t fit = 0;
	struct rng rng;

	instance_bind(in, m);
	st = state_new(in, m);
	rng_seed(&rng, 3);
	for (uint32_t i = 0; i < in->n_items; i++)
		state_put(st, i, i / 10);
	for (uint32_t k = 0; k < in->n_services; k++)
		in->services[k].limit_ratio = 1e5; /* nothing leaves early */
	for (uint32_t k = 0; k < PAIRS; k++) {
		service[k] = rng_below(&rng, in->n_services);
		node[k] = rng_below(&rng, in->n_items / 10);
		judged += st->items[node[k]].n + 1;
	}
	for (int round = 0; round < ROUNDS; round++) {
		double start = now_s();

		for (uint32_t n = 0; n < repeats; n++)
			for (uint32_t k = 0; k < PAIRS; k++)
				fit += state_fits_limits(st, service[k], node[k]);
		rates[round] = (now_s() - start) * 1e9 / (repeats * judged * model_n_pressures(m));
	}
	exits_note(fit, repeats);
	state_free(st);
	model_free(m);
	free(planted);
	instance_free(in);
	return median(rates);
}

/* Shifts, swaps and evictions of one replica, valued in one sweep: a fleet of 100 nodes, 12 resources with soft thresholds. */
static double sweep_rate(uint32_t sweeps)
{
	struct planted_shape shape = { .services = 1000, .nodes = 100, .slots = 1, .resources = 12, .per_node = 10, .fill = 0.8, .seed = 1 };
	struct instance *in = planted_new(&shape, NULL);
	struct term terms[12] = { 0 };
	struct scalar *sc;
	struct place *p;
	struct sheet *s;
	double rates[ROUNDS];
	struct rng rng;

	in->soft = mem_alloc((size_t)in->n_nodes * in->n_columns, sizeof(*in->soft));
	for (size_t k = 0; k < (size_t)in->n_nodes * in->n_columns; k++)
		in->soft[k] = in->capacity[k] * 7 / 10;
	for (uint32_t r = 0; r < 12; r++)
		terms[r] = (struct term){ .kind = TERM_HINGE, .resource = r, .weight = 10 };
	in->terms = terms;
	in->n_terms = 12;
	for (uint32_t i = 0; i < in->n_items; i++)
		in->item_node[i] = (int32_t)(i / 10);
	sc = scalar_new(in, NULL);
	p = place_new(sc);
	place_load(p, in->item_node);
	place_price(p, 1e6);
	s = sheet_new(p);
	sheet_load(s);
	rng_seed(&rng, 3);
	for (int round = 0; round < ROUNDS; round++) {
		double start = now_s();
		uint64_t values = 0;

		for (uint32_t n = 0; n < sweeps; n++) {
			sheet_sweep(s, rng_below(&rng, in->n_items), INFINITY, &rng);
			values += s->n_values;
		}
		rates[round] = (double)values / (now_s() - start);
	}
	sheet_free(s);
	place_free(p);
	scalar_free(sc);
	in->terms = NULL;
	in->n_terms = 0;
	instance_free(in);
	return median(rates);
}

int main(void)
{
	printf("fit tests per second and core, in millions\n");
	printf("  static,  6 resources   %7.1f\n", rate(6, 1, 500) / 1e6);
	printf("  static, 10 resources   %7.1f   (must 30, aim 80)\n", rate(10, 1, 500) / 1e6);
	printf("  curves, 196 samples    %7.1f   (must 5, aim 8)\n", rate(2, 98, 50) / 1e6);
	printf("nodes judged with one replica exchanged, cost and capacity, per second and core, in millions\n");
	printf("  curves, 196 samples    %7.1f   (must 5, aim 8)\n", swap_rate(20) / 1e6);
	printf("slowdown limits: ns per neighbour and pressure %7.1f   (must 1,000)\n", limit_ns(50));
	printf("changes of cost valued by sweeps over 100 nodes and 1,000 replicas, per second and core, in millions\n");
	printf("  static, 12 resources, 12 thresholds %7.1f\n", sweep_rate(20000) / 1e6);
	return 0;
}
