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
#include "planner/solve/chain_draw.h"
#include "planner/term.h"

#define N_NODES 6
#define N_ITEMS 30
#define N_GROUPS 10
#define WALK 20000

static const struct term scalar_terms[] = {
	{ .kind = TERM_HINGE, .resource = 0, .weight = 10 }, { .kind = TERM_HINGE, .resource = 1, .weight = 3 },
	{ .kind = TERM_BALANCE, .resource = 0, .resource2 = 1, .weight = 7, .target = 2 }, { .kind = TERM_MOVE, .weight = 1 },
	{ .kind = TERM_MOVE_GROUP, .weight = 5 }, { .kind = TERM_MOVE_PAIR, .weight = 2 },
};

/* Two resources; one service per item; the second resource is transient where it is scalar. */
static struct instance *instance_make(struct rng *r, uint32_t slots, const struct term *terms, uint32_t n_terms)
{
	struct instance *in = mem_alloc(1, sizeof(*in));
	uint32_t columns = 2 * slots;

	*in = (struct instance){ .n_resources = 2, .n_slots = slots, .n_columns = columns, .n_nodes = N_NODES, .n_services = N_ITEMS,
				 .n_items = N_ITEMS, .n_groups = N_GROUPS, .n_labels = 1, .max_moves = -1, .n_terms = n_terms };
	in->resources = mem_alloc(2, sizeof(*in->resources));
	in->nodes = mem_alloc(N_NODES, sizeof(*in->nodes));
	in->services = mem_alloc(N_ITEMS, sizeof(*in->services));
	in->node_label = mem_alloc(N_NODES, sizeof(uint32_t));
	in->label_counts = mem_alloc(1, sizeof(uint32_t));
	in->label_counts[0] = 3;
	in->label_values = mem_alloc(1, sizeof(char **));
	in->label_values[0] = mem_alloc(3, sizeof(char *));
	in->label_names = mem_alloc(1, sizeof(char *));
	in->group_ids = mem_alloc(N_GROUPS, sizeof(char *));
	in->capacity = mem_alloc((size_t)N_NODES * columns, sizeof(int64_t));
	in->soft = mem_alloc((size_t)N_NODES * columns, sizeof(int64_t));
	in->demand = mem_alloc((size_t)N_ITEMS * columns, sizeof(int64_t));
	in->item_service = mem_alloc(N_ITEMS, sizeof(uint32_t));
	in->item_node = mem_alloc(N_ITEMS, sizeof(int32_t));
	in->move_pair = mem_alloc((size_t)N_NODES * N_NODES, sizeof(int32_t));
	in->terms = mem_alloc(n_terms, sizeof(*in->terms));
	memcpy(in->terms, terms, n_terms * sizeof(*terms));
	in->caps = mem_alloc(2, sizeof(*in->caps));
	in->caps[in->n_caps++] = (struct rule_cap){ 0, 0, 1 };
	in->caps[in->n_caps++] = (struct rule_cap){ 1, 2, 1 };
	for (uint32_t k = 0; k < 2; k++)
		in->resources[k] = (struct resource){ .slots = slots, .column = k * slots, .transient = k && slots == 1 };
	for (uint32_t m = 0; m < N_NODES; m++) {
		in->nodes[m].cost = 1 + m % 2;
		in->node_label[m] = m % 3;
		for (uint32_t c = 0; c < columns; c++) {
			in->capacity[m * columns + c] = 900 + 50 * m;
			in->soft[m * columns + c] = 400;
		}
		for (uint32_t k = 0; k < N_NODES; k++)
			in->move_pair[m * N_NODES + k] = m == k ? 0 : (int32_t)rng_below(r, 20);
	}
	for (uint32_t i = 0; i < N_ITEMS; i++) {
		in->services[i] = (struct service){ .group = i % N_GROUPS, .first_item = i, .replicas = 1, .move_cost = 1 + i % 4,
						    .limit_ratio = INFINITY, .model_service = -1 };
		in->item_service[i] = i;
		in->item_node[i] = (int32_t)(i / N_GROUPS + i % 2 * 3);
		for (uint32_t c = 0; c < columns; c++)
			in->demand[i * columns + c] = 20 + rng_below(r, 100);
	}
	return in;
}

static void instance_unmake(struct instance *in)
{
	instance_free(in);
}

static uint32_t on_node(const struct instance *in, const int32_t *item_node, int32_t node, uint32_t group)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < in->n_items; i++)
		n += item_node[i] == node && in->services[i].group == group;
	return n;
}

/* capacity false: nothing is said about capacity; true: all of it holds. */
static void assert_rules(const struct instance *in, const int32_t *item_node, bool capacity)
{
	for (int32_t m = 0; m < N_NODES; m++) {
		for (uint32_t r = 0; r < in->n_resources && capacity; r++)
			for (uint32_t k = 0; k < in->resources[r].slots; k++) {
				uint32_t c = in->resources[r].column + k;
				int64_t sum = 0;

				for (uint32_t i = 0; i < N_ITEMS; i++)
					if (item_node[i] == m || (in->resources[r].transient && in->item_node[i] == m))
						sum += in->demand[i * in->n_columns + c];
				assert_true(sum <= in->capacity[(uint32_t)m * in->n_columns + c]);
			}
		for (uint32_t i = 0; i < in->n_caps; i++)
			if (on_node(in, item_node, m, in->caps[i].a))
				assert_true(on_node(in, item_node, m, in->caps[i].b) <= in->caps[i].k);
	}
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

/* Every kind of chain, overload allowed; judged from scratch. */
static void walk_chains(struct place *p, struct rng *r, uint32_t *changes, uint32_t *feasible)
{
	const struct instance *in = p->sc->in;
	struct chain_draw draw;
	uint32_t kinds[CHAIN_MAX + 1] = { 0 };

	chain_draw_init(&draw, p, r);
	for (int k = 0; k < WALK; k++) {
		struct chain c;
		double before = p->cost, delta;
		bool strict = k % 1000 < 500;

		if (k % 1000 == 0)
			place_price(p, 0);
		if (!chain_draw(&draw, &c) || !isfinite(delta = place_chain_delta(p, &c, INFINITY)) ||
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
	chain_draw_fini(&draw);
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
		in = instance_make(&r, 1, scalar_terms, sizeof(scalar_terms) / sizeof(scalar_terms[0]));
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
		instance_unmake(in);
	}
	assert_true(changes > 1000 && feasible > 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_place_walk) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
