/*
 * Incremental evaluation against the slow truth: random instances, random walks; every change of cost that the searches
 * believe must be the difference of two evaluations from scratch, and every placement they reach must keep all rules.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "planner/search.h"
#include "planner/solve/walk/place.h"
#include "planner/term.h"
#include "tests/planner/small_fleet.h"

#define N_NODES SMALL_FLEET_NODES
#define N_ITEMS SMALL_FLEET_ITEMS
#define WALK 20000

static const struct term scalar_terms[] = {
	{ .kind = TERM_HINGE, .resource = 0, .weight = 10 }, { .kind = TERM_HINGE, .resource = 1, .weight = 3 },
	{ .kind = TERM_BALANCE, .resource = 0, .resource2 = 1, .weight = 7, .target = 2 }, { .kind = TERM_MOVE, .weight = 1 },
	{ .kind = TERM_MOVE_GROUP, .weight = 5 }, { .kind = TERM_MOVE_PAIR, .weight = 2 },
};

/* capacity false: nothing is said about capacity; true: all of it holds. */
static void assert_rules(const struct instance *in, const int32_t *item_node, bool capacity)
{
	assert_true(!capacity || small_fleet_capacity_holds(in, item_node));
	assert_true(small_fleet_caps_hold(in, item_node));
	for (uint32_t i = 0; i < in->n_spreads; i++) {
		uint32_t seen = 0, distinct = 0;

		for (uint32_t k = 0; k < N_ITEMS; k++)
			if (in->services[k].group == in->spreads[i].group)
				seen |= 1u << in->node_label[item_node[k]];
		for (; seen; seen &= seen - 1)
			distinct++;
		assert_true(distinct >= in->spreads[i].min_distinct);
	}
}

/* A shift, a swap, or one item that goes where another is, which goes somewhere else. */
static bool draw_chain(const struct place *p, struct rng *r, struct chain *c)
{
	uint32_t a = rng_below(r, N_ITEMS), b = rng_below(r, N_ITEMS), kind = rng_below(r, 3), any = rng_below(r, N_NODES);
	uint32_t from = (uint32_t)p->item_node[a], other = (uint32_t)p->item_node[b];

	*c = (struct chain){ kind ? 2 : 1, { a, b }, { kind ? other : any, kind == 1 ? from : any } };
	return c->to[0] != from && (kind != 2 || any != other);
}

/* Every kind of chain, overload allowed; judged from scratch. */
static void walk_chains(struct place *p, struct rng *r, uint32_t *changes, uint32_t *feasible)
{
	const struct instance *in = p->sc->in;
	uint32_t kinds[CHAIN_MAX + 1] = { 0 };

	for (int k = 0; k < WALK; k++) {
		struct chain c;
		double before = p->cost, delta;
		bool strict = k % 1000 < 500;

		if (k % 1000 == 0)
			place_price(p, 0);
		if (!draw_chain(p, r, &c) || !isfinite(delta = place_chain_delta(p, &c, INFINITY)) ||
		    (!strict && p->n_over == 0 && delta > 1e9) || !place_chain_try(p, &c))
			continue;
		kinds[c.n]++;
		if (strict)
			assert_true(fabs(p->cost - before - delta) < 1e-6);
		(*changes)++;
		if (k % 1000 == 499)
			place_price_forbid(p);
		if (*changes % 16)
			continue;
		assert_rules(in, p->item_node, p->n_over == 0);
		*feasible += p->n_over == 0;
		assert_true(fabs(p->cost - objective_value(in, NULL, p->item_node)) < 1e-6);
	}
	assert_true(kinds[1] > 100 && kinds[2] > 100);
}

static void test_place_walk(void **state)
{
	uint32_t changes = 0, feasible = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 3; seed++) {
		struct rng r;
		struct instance *in;
		struct scalar *sc;
		struct place *p;

		rng_seed(&r, seed);
		in = small_fleet_new(&r, 1, scalar_terms, sizeof(scalar_terms) / sizeof(scalar_terms[0]));
		in->spreads = mem_alloc(1, sizeof(*in->spreads));
		in->spreads[in->n_spreads++] = (struct rule_spread){ 3, 0, 2, 0 };
		assert_non_null(sc = scalar_new(in, NULL));
		p = place_new(sc);
		assert_true(place_load(p, in->item_node));
		assert_int_equal(p->n_over, 0);
		assert_rules(in, p->item_node, true);
		walk_chains(p, &r, &changes, &feasible);
		place_free(p);
		scalar_free(sc);
		instance_free(in);
	}
	assert_true(changes > 1000 && feasible > 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_place_walk) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
