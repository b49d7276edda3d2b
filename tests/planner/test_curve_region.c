/*
 * Regions of a fleet with curves: what they may change, their own count of moves, and sweeps against looking at every swap one by one.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/rng.h"
#include "planner/solve/curve/curve_build.h"
#include "planner/solve/curve/curve_reopen.h"
#include "planner/solve/curve/curve_rules.h"
#include "planner/solve/curve/curve_split.h"
#include "planner/term.h"
#include "tests/planner/curve_fleet.h"

/* In several regions, only the owner of a cluster may change how its replicas lie over labels. */
static void test_owner(void **state)
{
	int32_t *planted;
	struct instance *in = curve_fleet_new(&curve_shapes[2], 1, &planted);
	struct curve *c = curve_new(in, NULL);
	uint32_t group = in->services[10].group, cluster, moves = 0;

	(void)state;
	curve_adopt(c, planted);
	cluster = c->rules->cluster[group];
	assert_true(cluster != CURVE_ANY);
	c->rules->cluster_owner[cluster] = 3;
	for (uint32_t to = 0; to < CURVE_FLEET_NODES; to++) {
		bool same_zone = in->node_label[to] == in->node_label[planted[10]];

		if (to == (uint32_t)planted[10] || !curve_rules_allow(c, 10, NO_ITEM, to, 3))
			continue;
		moves++;
		assert_int_equal(curve_rules_allow(c, 10, NO_ITEM, to, 2), same_zone);
	}
	assert_true(moves > 0);
	curve_free(c);
	free(planted);
	instance_free(in);
}

/* A region's own count of the moves left, through shifts, swaps, bundles and nodes emptied and opened, against a recount. */
static void test_moves_left(void **state)
{
	int32_t *planted;
	struct instance *in = curve_fleet_new(&curve_shapes[2], 2, &planted);
	struct curve *c = curve_new(in, NULL);
	struct curve_split *x = curve_split_new(c);
	struct rng r;

	(void)state;
	rng_seed(&r, 4);
	in->max_moves = in->n_items / 8;
	curve_adopt(c, planted);
	c->toll = 0.01f;
	for (int epoch = 0; epoch < 20; epoch++) {
		struct curve_region *g = &x->regions[0];

		curve_split_deal(x, &r);
		assert_int_equal(x->n_regions, 1);
		g->moves_left = curve_moves_left(c);
		g->temperature = epoch % 2 ? 1 : 0.01f;
		g->proposals = 20000;
		g->rng = r;
		curve_reopen_close(g);
		curve_reopen_open(g);
		curve_region_run(g);
		r = g->rng;
		assert_true(g->moves_left == curve_moves_left(c) && g->moves_left >= 0);
		assert_true(g->n_loose > 1);
		assert_curve_holds(in, NULL, c);
	}
	assert_true(curve_moves_left(c) < in->max_moves);
	curve_split_free(x);
	curve_free(c);
	free(planted);
	instance_free(in);
}

/* The best swap that the item in a slot can make, by looking at every one; 0: to stay. */
static double best_swap(const struct curve_region *g, uint32_t slot)
{
	const struct curve_slot *a = g->slots + slot;
	double best = 0;

	for (uint32_t k = 0; k < g->n_items; k++) {
		const struct curve_slot *b = g->slots + k;

		if (b->node != a->node && curve_rules_allow(g->c, a->item, b->item, b->node, g->index))
			best = fmin(best, (double)curve_delta(g->c, a->item, b->item, b->node, NULL));
	}
	return best;
}

/* Without heat a sweep must find the best swap there is, nearly always: coarse rows tell nearly as much as all slots. */
static void sweep_cold(struct curve_region *g, uint32_t *wanted, uint32_t *found)
{
	const struct instance *in = g->c->in;

	g->temperature = 1e-7f;
	for (uint32_t slot = 0; slot < g->n_items; slot++) {
		double best = best_swap(g, slot), before = objective_value(in, NULL, g->c->item_node), gain;

		curve_sweep_try(g, slot);
		gain = before - objective_value(in, NULL, g->c->item_node);
		assert_true(gain > -1e-4 * fmax(1, before) && gain < -best + 1e-4 * fmax(1, before));
		if (best < -2e-4 * fmax(1, before)) {
			*wanted += 1;
			*found += gain > -best - 1e-4 * fmax(1, before);
		}
	}
}

static void test_sweep(void **state)
{
	uint32_t wanted = 0, found = 0;

	(void)state;
	for (uint64_t seed = 0; seed < N_CURVE_SHAPES; seed++) {
		int32_t *planted;
		struct instance *in = curve_fleet_new(&curve_shapes[seed], seed + 1, &planted);
		struct curve *c = curve_new(in, NULL);
		struct curve_split *x = curve_split_new(c);
		struct curve_region *g = &x->regions[0];
		struct rng r;

		rng_seed(&r, seed);
		curve_adopt(c, planted);
		curve_split_deal(x, &r);
		g->rng = r;
		curve_region_fill(g);
		for (int round = 0; curve_sweep_begin(g) && round < 20; round++) {
			g->temperature = 10;
			for (uint32_t slot = 0; slot < g->n_items; slot++)
				curve_sweep_try(g, slot);
			assert_curve_costs(in, NULL, c);
			assert_curve_holds(in, NULL, c);
			sweep_cold(g, &wanted, &found);
		}
		curve_split_free(x);
		curve_free(c);
		free(planted);
		instance_free(in);
	}
	assert_true(wanted > 200 && found >= wanted - wanted / 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_owner), cmocka_unit_test(test_moves_left), cmocka_unit_test(test_sweep) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
