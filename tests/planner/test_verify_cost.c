/*
 * The judge's cost against the planner's: two evaluations that share nothing must agree on random placements, term by term and in sum,
 * over one slot and over the day, with and without a model, with replicas left out; and a wrong figure must be found.
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
#include "planner/term.h"
#include "planner/verify/verify.h"
#include "tests/planner/planted.h"

#define NODES 10

static const struct term all_terms[] = {
	{ .kind = TERM_NODE_COST, .weight = 3 }, { .kind = TERM_HINGE, .resource = 1, .weight = 0.01 },
	{ .kind = TERM_EXPONENTIAL, .resource = 0, .weight = 2, .threshold = 0.3, .scale = 7 },
	{ .kind = TERM_BALANCE, .resource = 0, .resource2 = 1, .weight = 0.02, .target = 2 }, { .kind = TERM_MOVE, .weight = 0.25 },
	{ .kind = TERM_MOVE_GROUP, .weight = 5 }, { .kind = TERM_MOVE_PAIR, .weight = 0.5 }, { .kind = TERM_SLOWDOWN, .weight = 4 },
	{ .kind = TERM_EVENNESS, .weight = 30 },
};

#define N_TERMS (sizeof(all_terms) / sizeof(all_terms[0]))

/* Half of the replicas run somewhere today. */
static struct instance *fleet_new(uint32_t slots, uint64_t seed, struct model **model)
{
	struct planted_shape f = { .services = 60, .nodes = NODES, .slots = slots, .resources = 2, .per_node = 6, .fill = 0.7, .kinds = 2, .seed = seed };
	int32_t *planted;
	struct instance *in = planted_new(&f, &planted);
	struct rng r;

	rng_seed(&r, seed);
	*model = planted_model(in, planted, 7, seed);
	in->soft = mem_alloc((size_t)NODES * in->n_columns, sizeof(int64_t));
	for (size_t k = 0; k < (size_t)NODES * in->n_columns; k++)
		in->soft[k] = in->capacity[k] / (2 + (int64_t)(k % 3));
	in->move_pair = mem_alloc((size_t)NODES * NODES, sizeof(int32_t));
	for (uint32_t k = 0; k < NODES * NODES; k++)
		in->move_pair[k] = k % (NODES + 1) ? (int32_t)rng_below(&r, 9) : 0;
	for (uint32_t i = 0; i < in->n_items; i += 2)
		in->item_node[i] = planted[i];
	free(planted);
	return in;
}

static uint64_t wrong_figures(const struct plan *p, const struct model *m, bool *unjudged)
{
	struct verify v;
	uint64_t n;

	verify_plan(&v, p, m);
	n = v.n_of[BREACH_FIGURES];
	*unjudged = v.cost_unjudged;
	if (n)
		assert_non_null(strstr(v.first_of[BREACH_FIGURES], "cost: the plan says"));
	verify_fini(&v);
	return n;
}

static void compare(struct instance *in, const struct model *m, const struct term *terms, uint32_t n_terms, struct rng *r)
{
	struct plan *p = plan_new(in);
	bool unjudged, slowdown = false;

	in->terms = (struct term *)terms;
	in->n_terms = n_terms;
	for (uint32_t t = 0; t < n_terms; t++)
		slowdown |= terms[t].kind == TERM_SLOWDOWN;
	for (uint32_t i = 0; i < in->n_items; i++)
		p->item_node[i] = rng_below(r, 10) ? (int32_t)rng_below(r, NODES - 1) : NO_NODE;
	plan_count(p);
	p->cost = objective_value(in, m, p->item_node);
	assert_true(p->cost > 0 || (slowdown && !m));
	assert_int_equal(wrong_figures(p, m, &unjudged), 0);
	assert_int_equal(unjudged, slowdown && !m);
	p->cost = p->cost * (1 + 1e-4) + 1e-4;
	assert_int_equal(wrong_figures(p, m, &unjudged), slowdown && !m ? 0 : 1);
	p->cost = NAN;
	assert_int_equal(wrong_figures(p, m, &unjudged), 0);
	assert_true(unjudged);
	in->terms = NULL;
	in->n_terms = 0;
	plan_free(p);
}

static void test_terms(void **state)
{
	static const uint32_t slots[] = { 1, 24, 98 };

	(void)state;
	for (uint64_t seed = 1; seed <= 6; seed++) {
		struct model *model;
		struct instance *in = fleet_new(slots[seed % 3], seed, &model);
		struct rng r;

		rng_seed(&r, seed);
		for (uint32_t t = 0; t < N_TERMS; t++) {
			compare(in, model, &all_terms[t], 1, &r);
			compare(in, NULL, &all_terms[t], 1, &r);
		}
		compare(in, model, all_terms, N_TERMS, &r);
		compare(in, NULL, all_terms, N_TERMS, &r);
		model_free(model);
		instance_free(in);
	}
}

/* A bound above the true cost is found, whatever the plan itself says its cost is. */
static void test_bound(void **state)
{
	struct model *model;
	struct instance *in = fleet_new(1, 9, &model);
	struct plan *p = plan_new(in);
	bool unjudged;

	(void)state;
	for (uint32_t i = 0; i < in->n_items; i++)
		p->item_node[i] = (int32_t)(i % NODES);
	plan_count(p);
	p->cost = objective_value(in, NULL, p->item_node) + 10;
	p->lower_bound = p->cost - 1;
	assert_int_equal(wrong_figures(p, NULL, &unjudged), 2);
	p->cost -= 10;
	p->lower_bound = p->cost;
	assert_int_equal(wrong_figures(p, NULL, &unjudged), 0);
	plan_free(p);
	model_free(model);
	instance_free(in);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_terms), cmocka_unit_test(test_bound) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
