/*
 * Sweeps and exact re-solves against slow twins: what a sheet believes of every candidate is what place_chain_delta() says of it, all
 * along a random walk with overload and changing prices; what exact_solve() calls the best is what enumeration finds.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "planner/solve/walk/exact.h"
#include "planner/solve/walk/sheet.h"
#include "planner/term.h"
#include "tests/planner/small_fleet.h"

#define STEPS 600
#define ROUNDING 1 /* of a sum of floats as large as these fleets have them */
#define TOLERANCE 1e-5 /* of the largest cost in play: floats hold seven digits */

/* What a sheet knows of: no pairs of nodes, no most moved group. */
static const struct term terms[] = {
	{ .kind = TERM_HINGE, .resource = 0, .weight = 10 }, { .kind = TERM_HINGE, .resource = 1, .weight = 3 },
	{ .kind = TERM_BALANCE, .resource = 0, .resource2 = 1, .weight = 7, .target = 2 }, { .kind = TERM_MOVE, .weight = 50 },
	{ .kind = TERM_NODE_COST, .weight = 300 },
};

struct counts { uint32_t compared, forbidden, moved; };

/* One candidate: its value, or INFINITY only where the books forbid it too, or where another entry speaks of the same. */
static void check_candidate(const struct sheet *s, uint32_t k, struct counts *n)
{
	struct place *p = s->p;
	struct chain c;
	double exact;

	if (!sheet_chain(s, k, &c)) {
		assert_true(isinf(s->value[k]) || c.n == 2);
		return;
	}
	exact = (uint32_t)p->item_node[c.item[0]] == c.to[0] ? INFINITY : place_chain_delta(p, &c, INFINITY);
	if (isinf(s->value[k])) {
		bool mates = c.n == 2 && p->sc->group[c.item[0]] == p->sc->group[c.item[1]]; /* not worth a look where it is crowded */
		bool home = c.n == 1 && (int32_t)c.to[0] == p->sc->in->item_node[c.item[0]];

		assert_true(isinf(exact) || home || (s->crowded && mates) || (c.n == 2 && c.to[1] != (uint32_t)p->item_node[c.item[0]]));
		n->forbidden++;
	} else if (isfinite(exact)) {
		bool stale = c.n == 2 && c.to[1] != (uint32_t)p->item_node[c.item[0]] && !(s->home_cost[c.item[1]] < s->refuge_cost[c.item[1]]);

		if (stale)
			return;
		assert_true(fabs((double)s->value[k] - exact) < TOLERANCE * (p->cost + fabs(exact)));
		n->compared++;
	}
}

static void walk_sheet(struct sheet *s, struct rng *r, struct counts *n)
{
	for (uint32_t step = 0; step < STEPS; step++) {
		uint32_t k, from[CHAIN_MAX];
		struct chain c;

		if (step % 50 == 0) {
			place_price(s->p, 100 * (1 + step / 50));
			sheet_reprice(s, 1e6);
		}
		sheet_sweep(s, rng_below(r, SMALL_FLEET_ITEMS), INFINITY, r);
		for (k = 0; k < s->n_values; k++)
			check_candidate(s, k, n);
		k = rng_below(r, s->n_values);
		if (!sheet_chain(s, k, &c) || !isfinite(s->value[k]) || !isfinite(place_chain_delta(s->p, &c, INFINITY)))
			continue;
		for (uint32_t i = 0; i < c.n; i++)
			from[i] = (uint32_t)s->p->item_node[c.item[i]];
		if (!place_chain_try(s->p, &c))
			continue;
		sheet_moved(s, &c, from);
		n->moved++;
	}
}

/* A small fleet, and what is made of it. Between the two calls of its making it may be changed. */
struct world { struct rng r; struct instance *in; struct scalar *sc; struct place *p; };

static void world_draw(struct world *w, uint64_t seed, uint32_t slots, const struct term *its_terms, uint32_t n_terms)
{
	rng_seed(&w->r, seed);
	w->in = small_fleet_new(&w->r, slots, its_terms, n_terms);
}

static void world_place(struct world *w)
{
	assert_non_null(w->sc = scalar_new(w->in, NULL));
	w->p = place_new(w->sc);
	assert_true(place_load(w->p, w->in->item_node));
}

static void world_close(struct world *w)
{
	place_free(w->p);
	scalar_free(w->sc);
	instance_free(w->in);
}

static void test_sweep_against_books(void **state)
{
	struct counts n = { 0 };

	(void)state;
	for (uint64_t seed = 1; seed <= 6; seed++) {
		struct sheet *s;
		struct world w;

		world_draw(&w, seed, seed % 2 ? 1 : 3, terms, sizeof(terms) / sizeof(terms[0]));
		world_place(&w);
		s = sheet_new(w.p);
		s->crowded = seed > 2;
		sheet_load(s);
		walk_sheet(s, &w.r, &n);
		sheet_free(s);
		world_close(&w);
	}
	assert_true(n.compared > 50000 && n.forbidden > 5000 && n.moved > 300);
}

/* With a limit, what is below it stands as without, and what is above stands for something above. */
static void compare_limited(struct sheet *s, uint32_t item, struct rng *r, uint32_t *below, uint32_t *given_up)
{
	float *all, limit = (float)rng_below(r, 30000);

	sheet_sweep(s, item, INFINITY, r);
	all = mem_alloc(s->n_values, sizeof(*all));
	memcpy(all, s->value, s->n_values * sizeof(*all));
	sheet_sweep(s, item, limit, r);
	for (uint32_t k = 0; k < s->n_values; k++) {
		if (all[k] < limit - ROUNDING)
			assert_true(s->value[k] == all[k]);
		else
			assert_true(s->value[k] > limit - 2 * ROUNDING);
		*below += all[k] < limit - ROUNDING;
		*given_up += s->value[k] != all[k];
	}
	free(all);
}

/* Nodes as full as they can be, with overload dear: most candidates show after a few columns that they cost too much. */
static void test_limit(void **state)
{
	uint32_t below = 0, given_up = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct instance *in;
		struct sheet *s;
		struct world w;

		world_draw(&w, seed, 3, terms, sizeof(terms) / sizeof(terms[0]));
		in = w.in;
		memset(in->capacity, 0, (size_t)in->n_nodes * in->n_columns * sizeof(*in->capacity));
		for (uint32_t i = 0; i < in->n_items; i++)
			for (uint32_t c = 0; c < in->n_columns; c++)
				in->capacity[(uint32_t)in->item_node[i] * in->n_columns + c] += in->demand[i * in->n_columns + c];
		world_place(&w);
		place_price(w.p, 2e4);
		s = sheet_new(w.p);
		sheet_load(s);
		sheet_reprice(s, 1e6);
		for (uint32_t i = 0; i < SMALL_FLEET_ITEMS; i++)
			compare_limited(s, i, &w.r, &below, &given_up);
		sheet_free(s);
		world_close(&w);
	}
	assert_true(below > 1000 && given_up > 1000);
}

/* The least value of a sweep, by plain search. */
static void test_least(void **state)
{
	float value[40] __attribute__((aligned(32))), noise[50];
	struct sheet s = { .value = value, .n_values = 40 };
	struct rng r;

	(void)state;
	rng_seed(&r, 5);
	for (int round = 0; round < 500; round++) {
		uint32_t shift = rng_below(&r, 10), best = 0, got;
		float least;

		for (uint32_t k = 0; k < 50; k++)
			noise[k] = (float)rng_below(&r, 1000);
		for (uint32_t k = 0; k < 40; k++)
			value[k] = rng_below(&r, 4) ? (float)rng_below(&r, 100000) : INFINITY;
		for (uint32_t k = 1; k < 40; k++)
			if (value[k] - 2 * noise[shift + k] < value[best] - 2 * noise[shift + best])
				best = k;
		got = sheet_least(&s, noise + shift, 2, &least);
		assert_true(value[got] - 2 * noise[shift + got] == value[best] - 2 * noise[shift + best]);
		assert_true(least == value[best] - 2 * noise[shift + best]);
	}
}

static bool holds(const struct instance *in, const int32_t *item_node)
{
	return small_fleet_capacity_holds(in, item_node) && small_fleet_caps_hold(in, item_node);
}

/* Every placement of the chosen items on the chosen nodes. */
static double enumerate(const struct instance *in, const struct exact *x, int32_t *item_node, uint32_t i)
{
	double best = INFINITY;
	int32_t was;

	if (i == x->n_items)
		return holds(in, item_node) ? objective_value(in, NULL, item_node) : INFINITY;
	was = item_node[x->item[i]];
	for (uint32_t k = 0; k < x->n_nodes; k++) {
		item_node[x->item[i]] = (int32_t)x->node[k];
		best = fmin(best, enumerate(in, x, item_node, i + 1));
	}
	item_node[x->item[i]] = was;
	return best;
}

static void test_exact_against_enumeration(void **state)
{
	uint32_t gains = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 60; seed++) {
		static const struct term all[] = {
			{ .kind = TERM_HINGE, .resource = 0, .weight = 10 }, { .kind = TERM_HINGE, .resource = 1, .weight = 3 },
			{ .kind = TERM_BALANCE, .resource = 0, .resource2 = 1, .weight = 7, .target = 2 },
			{ .kind = TERM_MOVE, .weight = 1 }, { .kind = TERM_MOVE_GROUP, .weight = 5 }, { .kind = TERM_MOVE_PAIR, .weight = 2 },
			{ .kind = TERM_NODE_COST, .weight = 30 },
		};
		struct place *p;
		struct world w;
		struct exact x;
		double best;

		world_draw(&w, seed, 1, all, sizeof(all) / sizeof(all[0]));
		world_place(&w);
		p = w.p;
		exact_init(&x, p);
		x.n_nodes = 3;
		for (uint32_t k = 0; k < 3; k++)
			x.node[k] = (uint32_t)(seed + k) % SMALL_FLEET_NODES;
		for (uint32_t i = 0; i < SMALL_FLEET_ITEMS && x.n_items < 6; i++)
			for (uint32_t k = 0; k < 3 && x.n_items < 6; k++)
				if (p->item_node[i] == (int32_t)x.node[k])
					x.item[x.n_items++] = i;
		assert_int_equal(x.n_items, 6);
		best = enumerate(w.in, &x, p->item_node, 0);
		x.branches = 1000000;
		gains += exact_solve(&x);
		assert_true(x.branches > 0);
		assert_true(fabs(p->cost - best) < 1e-6);
		assert_true(fabs(p->cost - objective_value(w.in, NULL, p->item_node)) < 1e-6);
		assert_true(holds(w.in, p->item_node));
		exact_fini(&x);
		world_close(&w);
	}
	assert_true(gains > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_sweep_against_books), cmocka_unit_test(test_limit), cmocka_unit_test(test_least),
					    cmocka_unit_test(test_exact_against_enumeration) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
