/*
 * Books of curves against the slow truth: random fleets, random walks. Every change of cost that the search believes must be the difference
 * of two evaluations from scratch, coarse costs must lie below exact ones, and verify must find no rule broken. Curves of 1 to 288 slots,
 * one and two paid resources, hinges and exponentials.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "planner/moves.h"
#include "planner/solve/curve/curve.h"
#include "planner/solve/curve/curve_bound.h"
#include "planner/solve/curve/curve_build.h"
#include "planner/solve/curve/curve_bundle.h"
#include "planner/solve/curve/curve_cost.h"
#include "planner/solve/curve/curve_rules.h"
#include "planner/term.h"
#include "tests/planner/curve_fleet.h"
#include "tests/planner/planted.h"

#define WALK 6000
static uint32_t walk(const struct instance *in, struct curve *c, struct rng *r, double *least)
{
	const struct model *model = c->rules->model;
	uint32_t changes = 0;

	for (int k = 0; k < WALK; k++) {
		uint32_t a = rng_below(r, in->n_items), b = k % 2 ? rng_below(r, in->n_items) : NO_ITEM;
		uint32_t to = b == NO_ITEM ? rng_below(r, in->n_nodes) : (uint32_t)c->item_node[b];
		double before, delta, after;

		if (to == (uint32_t)c->item_node[a])
			continue;
		delta = (double)curve_delta(c, a, b, to, NULL);
		if (!isfinite(delta) || !curve_rules_allow(c, a, b, to, CURVE_ANY))
			continue;
		before = objective_value(in, model, c->item_node);
		curve_change(c, a, b, to, NULL);
		after = objective_value(in, model, c->item_node);
		assert_true(fabs(after - before - delta) < 1e-4 * fmax(1, before));
		*least = fmin(*least, after);
		if (changes++ % 32 == 0) {
			assert_curve_costs(in, model, c);
			assert_curve_holds(in, model, c);
		}
	}
	return changes;
}

/* One item for two: made, compared with the truth, and taken back, as rules are not asked here. */
static uint32_t trade(const struct instance *in, struct curve *c, struct rng *r)
{
	uint32_t a = rng_below(r, in->n_items), from = (uint32_t)c->item_node[a], to = rng_below(r, CURVE_FLEET_NODES), n = c->items[to].n, back[2];
	int32_t *row = curve_rows_alloc(c->width);
	double before = objective_value(in, NULL, c->item_node), delta = INFINITY;

	if (to != from && n > 1) {
		back[0] = c->items[to].v[rng_below(r, n)];
		back[1] = c->items[to].v[rng_below(r, n)];
		for (uint32_t k = 0; k < 2 * c->width; k++)
			row[k % c->width] += c->need[(size_t)in->item_service[back[k / c->width]] * c->width + k % c->width];
		delta = back[0] == back[1] ? INFINITY : (double)curve_trade_delta(c, a, row, to);
		delta += (double)(curve_move_price(c, a, to) + curve_move_price(c, back[0], from) + curve_move_price(c, back[1], from));
	}
	free(row);
	if (!isfinite(delta))
		return 0;
	curve_change(c, a, NO_ITEM, to, NULL);
	curve_change(c, back[0], NO_ITEM, from, NULL);
	curve_change(c, back[1], NO_ITEM, from, NULL);
	assert_true(fabs(objective_value(in, NULL, c->item_node) - before - delta) < 1e-4 * fmax(1, before));
	curve_change(c, a, NO_ITEM, from, NULL);
	curve_change(c, back[0], NO_ITEM, to, NULL);
	curve_change(c, back[1], NO_ITEM, to, NULL);
	return 1;
}

static void test_trade(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < N_CURVE_SHAPES; seed++) {
		int32_t *planted;
		struct instance *in = curve_fleet_new(&curve_shapes[seed], seed + 1, &planted);
		struct curve *c = curve_new(in, NULL);
		uint32_t made = 0;
		struct rng r;

		rng_seed(&r, seed);
		curve_adopt(c, planted);
		for (int k = 0; curve_bundle_applies(c) && k < 2000; k++)
			made += trade(in, c, &r);
		assert_true(made > 100 || !curve_bundle_applies(c));
		curve_free(c);
		free(planted);
		instance_free(in);
	}
}

/* Where slowdown is paid for; nobody has a limit, so that the walk may go anywhere. */
static struct model *model_for(struct instance *in, const int32_t *planted)
{
	struct model *m = NULL;

	for (uint32_t t = 0; t < in->n_terms; t++)
		if (in->terms[t].kind == TERM_SLOWDOWN)
			m = planted_model(in, planted, 5, 1);
	for (uint32_t s = 0; m && s < in->n_services; s++)
		in->services[s].limit_ratio = INFINITY;
	return m;
}

static void test_walk(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < N_CURVE_SHAPES; seed++) {
		int32_t *planted;
		struct instance *in = curve_fleet_new(&curve_shapes[seed], seed + 1, &planted);
		struct model *model;
		struct curve *c;
		struct curve_bound bound;
		double least = INFINITY;
		struct rng r;

		rng_seed(&r, seed);
		assert_true(curve_applies(in));
		model = model_for(in, planted);
		c = curve_new(in, model);
		curve_adopt(c, planted);
		for (uint32_t i = 0; i < in->n_items; i++)
			assert_int_equal(c->item_node[i], planted[i]);
		assert_curve_costs(in, model, c);
		assert_true(walk(in, c, &r, &least) > 300);
		curve_bound_find(&bound, in, 1);
		assert_true((bound.value > 0 || !c->n_paid) && bound.value <= least * (1 + 1e-9));
		curve_bound_fini(&bound);
		curve_free(c);
		model_free(model);
		free(planted);
		instance_free(in);
	}
}

/* What drifts in floats must come back from the integers. */
static void test_settle(void **state)
{
	int32_t *planted;
	struct instance *in = curve_fleet_new(&curve_shapes[4], 1, &planted);
	struct curve *c = curve_new(in, NULL);
	double before;

	(void)state;
	curve_adopt(c, planted);
	curve_settle(c);
	before = curve_total(c);
	for (uint32_t k = 0; k < 3000; k++) {
		curve_change(c, k % in->n_items, NO_ITEM, ((uint32_t)c->item_node[k % in->n_items] + 1) % CURVE_FLEET_NODES, NULL);
		if (k % in->n_items == in->n_items - 1)
			for (uint32_t i = 0; i < in->n_items; i++)
				if (c->item_node[i] != planted[i])
					curve_change(c, i, NO_ITEM, (uint32_t)planted[i], NULL);
	}
	for (uint32_t i = 0; i < in->n_items; i++)
		if (c->item_node[i] != planted[i])
			curve_change(c, i, NO_ITEM, (uint32_t)planted[i], NULL);
	curve_settle(c);
	assert_true(curve_total(c) == before);
	curve_free(c);
	free(planted);
	instance_free(in);
}

/* Evenness goes by the mean at the last settling: then it is exact, and a change in between never looks better than it is. */
static void test_evenness(void **state)
{
	static const struct term even[] = { { .kind = TERM_EVENNESS, .weight = 100 }, { .kind = TERM_NODE_COST, .weight = 1 } };
	static const struct curve_shape shape = { 24, even, 2 };
	int32_t *planted;
	struct instance *in = curve_fleet_new(&shape, 3, &planted);
	struct curve *c = curve_new(in, NULL);
	uint32_t changes = 0;
	struct rng r;

	(void)state;
	rng_seed(&r, 1);
	assert_true(curve_applies(in));
	curve_adopt(c, planted);
	for (int k = 0; k < 2000; k++) {
		uint32_t a = rng_below(&r, in->n_items), to = rng_below(&r, CURVE_FLEET_NODES);
		double before, delta;

		curve_settle(c);
		before = objective_value(in, NULL, c->item_node);
		assert_true(fabs(before - curve_total(c)) < 1e-4 * fmax(1, before));
		if (to == (uint32_t)c->item_node[a] || !isfinite(delta = (double)curve_delta(c, a, NO_ITEM, to, NULL)) ||
		    !curve_rules_allow(c, a, NO_ITEM, to, CURVE_ANY))
			continue;
		curve_change(c, a, NO_ITEM, to, NULL);
		assert_true(objective_value(in, NULL, c->item_node) - before <= delta + 1e-4 * fmax(1, before));
		changes++;
	}
	assert_true(changes > 100);
	curve_free(c);
	free(planted);
	instance_free(in);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_walk), cmocka_unit_test(test_trade), cmocka_unit_test(test_settle), cmocka_unit_test(test_evenness) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
