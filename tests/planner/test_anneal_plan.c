/*
 * The reassignment search as a whole, under iteration budgets: small fleets with transient resources, conflicts, spread, move
 * budgets and interference limits against enumeration of every placement; a start that is overloaded; any number of threads.
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
#include "planner/model/model.h"
#include "planner/search.h"
#include "planner/term.h"
#include "tests/planner/judge.h"

#define NODES 4
#define ITEMS 7
#define GROUPS 4
#define ITERATIONS 400000

extern const struct packer packer_anneal;

static const struct term terms[] = {
	{ .kind = TERM_HINGE, .resource = 0, .weight = 10 }, { .kind = TERM_HINGE, .resource = 1, .weight = 3 },
	{ .kind = TERM_BALANCE, .resource = 0, .resource2 = 1, .weight = 2, .target = 1 }, { .kind = TERM_MOVE, .weight = 1 },
	{ .kind = TERM_MOVE_GROUP, .weight = 5 }, { .kind = TERM_MOVE_PAIR, .weight = 2 },
};

static char **names(uint32_t n, char prefix)
{
	char **v = mem_alloc(n, sizeof(char *));

	for (uint32_t i = 0; i < n; i++)
		v[i] = str_fmt("%c%u", prefix, i);
	return v;
}

/* The second resource is transient; group 0 at most one per node and on two racks; group 1 and 2 avoid each other. */
static void add_rules(struct instance *in)
{
	in->caps = mem_alloc(2, sizeof(*in->caps));
	in->caps[in->n_caps++] = (struct rule_cap){ 0, 0, 1 };
	in->caps[in->n_caps++] = (struct rule_cap){ 1, 2, 0 };
	in->spreads = mem_alloc(1, sizeof(*in->spreads));
	in->spreads[in->n_spreads++] = (struct rule_spread){ 0, 0, 2, 0 };
	in->nears = mem_alloc(1, sizeof(*in->nears));
	in->nears[in->n_nears++] = (struct rule_near){ 3, 0, 0 };
}

static struct instance *instance_make(struct rng *r)
{
	struct instance *in = instance_new();

	in->name = str_dup("small");
	in->cost_unit = str_dup("points");
	in->n_resources = 2;
	in->n_slots = in->n_labels = 1;
	in->n_columns = 2;
	in->n_nodes = NODES;
	in->n_services = ITEMS;
	in->n_groups = GROUPS;
	in->n_terms = sizeof(terms) / sizeof(terms[0]);
	in->terms = mem_alloc(in->n_terms, sizeof(*in->terms));
	memcpy(in->terms, terms, sizeof(terms));
	in->resources = mem_alloc(2, sizeof(*in->resources));
	in->nodes = mem_alloc(NODES, sizeof(*in->nodes));
	in->services = mem_alloc(ITEMS, sizeof(*in->services));
	in->group_ids = names(GROUPS, 'g');
	in->label_names = names(1, 'l');
	in->label_counts = mem_alloc(1, sizeof(uint32_t));
	in->label_counts[0] = 2;
	in->label_values = mem_alloc(1, sizeof(char **));
	in->label_values[0] = names(2, 'r');
	in->node_label = mem_alloc(NODES, sizeof(uint32_t));
	in->capacity = mem_alloc(NODES * 2, sizeof(int64_t));
	in->soft = mem_alloc(NODES * 2, sizeof(int64_t));
	in->demand = mem_alloc(ITEMS * 2, sizeof(int64_t));
	in->move_pair = mem_alloc(NODES * NODES, sizeof(int32_t));
	for (uint32_t k = 0; k < 2; k++)
		in->resources[k] = (struct resource){ .name = str_fmt("r%u", k), .unit = str_dup(""), .slots = 1, .column = k, .transient = k };
	for (uint32_t m = 0; m < NODES; m++) {
		in->nodes[m] = (struct node){ .id = str_fmt("n%u", m), .type = str_dup(""), .cost = 1, .model_type = -1 };
		in->node_label[m] = m % 2;
		for (uint32_t k = 0; k < 2; k++) {
			in->capacity[m * 2 + k] = 180 + 40 * k;
			in->soft[m * 2 + k] = 90;
		}
		for (uint32_t k = 0; k < NODES; k++)
			in->move_pair[m * NODES + k] = m == k ? 0 : (int32_t)rng_below(r, 9);
	}
	for (uint32_t i = 0; i < ITEMS; i++) {
		in->services[i] = (struct service){ .id = str_fmt("s%u", i), .group = i % GROUPS, .first_item = i, .replicas = 1,
						    .move_cost = 1 + i % 3, .limit_ratio = INFINITY, .limit_confidence = 0.9, .model_service = -1 };
		for (uint32_t k = 0; k < 2; k++)
			in->demand[i * 2 + k] = 20 + rng_below(r, 60);
	}
	add_rules(in);
	instance_number(in);
	memset(in->item_node, 0, ITEMS * sizeof(*in->item_node)); /* all on the first node, until a test says otherwise */
	return in;
}

/* Every service presses with 0.3 and feels 0.5 of it; every fourth accepts a slowdown of `limit`. */
static struct model *model_make(struct instance *in, double limit)
{
	struct model *m = model_new(1, 0, 1);
	struct response *r = model_response(m, 0, -1);

	m->pressures[0] = str_dup("cpu");
	model_name(m, 0, "all");
	r->known = true;
	r->link = 1;
	r->pressure[0] = 0.3;
	r->sensitivity[0] = 0.5;
	r->range[0] = 100;
	for (uint32_t s = 0; s < in->n_services; s++) {
		in->services[s].profile = str_dup("all");
		in->services[s].limit_ratio = s % 4 ? INFINITY : limit;
	}
	assert_int_equal(instance_bind(in, m), in->n_services);
	return m;
}

static bool capacity_holds(const struct instance *in, const int32_t *where, int32_t node)
{
	int64_t use[2] = { 0 };

	for (uint32_t i = 0; i < ITEMS; i++)
		for (uint32_t k = 0; k < 2; k++)
			if (where[i] == node || (k == 1 && in->item_node[i] == node))
				use[k] += in->demand[i * 2 + k];
	return use[0] <= in->capacity[node * 2] && use[1] <= in->capacity[node * 2 + 1];
}

static bool node_holds(const struct instance *in, const struct model *m, const int32_t *where, int32_t node)
{
	uint32_t of[GROUPS] = { 0 }, n = 0;

	for (uint32_t i = 0; i < ITEMS; i++)
		if (where[i] == node) {
			of[in->services[i].group]++;
			n++;
		}
	for (uint32_t i = 0; m && i < ITEMS; i++)
		if (where[i] == node && n && isfinite(in->services[i].limit_ratio)) {
			double others = 0.3 * (n - 1);

			if (model_upper(m, in->services[i].model_service, -1, &others, in->services[i].limit_confidence) > in->services[i].limit_ratio)
				return false;
		}
	return of[0] <= 1 && !(of[1] && of[2]);
}

/* Without capacity: what may stand as a start. */
static bool rules_hold(const struct instance *in, const struct model *m, const int32_t *where)
{
	uint32_t racks = 0, needs = 0;
	int64_t moved = 0;

	for (uint32_t i = 0; i < ITEMS; i++) {
		racks |= in->services[i].group == 0 ? 1u << where[i] % 2 : 0;
		needs |= in->services[i].group == 3 ? 1u << where[i] % 2 : 0;
		moved += where[i] != in->item_node[i];
	}
	for (int32_t n = 0; n < NODES; n++)
		if (!node_holds(in, m, where, n))
			return false;
	return racks == 3 && !(needs & ~racks) && (in->max_moves < 0 || moved <= in->max_moves);
}

static bool all_holds(const struct instance *in, const struct model *m, const int32_t *where)
{
	for (int32_t n = 0; n < NODES; n++)
		if (!capacity_holds(in, where, n))
			return false;
	return rules_hold(in, m, where);
}

static void placement(uint32_t number, int32_t *where)
{
	for (uint32_t i = 0; i < ITEMS; i++, number /= NODES)
		where[i] = (int32_t)(number % NODES);
}

static uint32_t placements(void)
{
	uint32_t n = 1;

	for (uint32_t i = 0; i < ITEMS; i++)
		n *= NODES;
	return n;
}

static double optimum(const struct instance *in, const struct model *m)
{
	int32_t where[ITEMS];
	double least = INFINITY;

	for (uint32_t k = 0; k < placements(); k++) {
		placement(k, where);
		if (all_holds(in, m, where))
			least = fmin(least, objective_value(in, m, where));
	}
	return least;
}

/* A start that keeps all rules; over capacity when asked. */
static void start_draw(struct instance *in, const struct model *m, struct rng *r, bool over)
{
	int32_t where[ITEMS];

	for (;;) {
		placement(rng_below(r, placements()), where);
		memcpy(in->item_node, where, sizeof(where));
		if (over ? rules_hold(in, m, where) && !capacity_holds(in, where, 0) : all_holds(in, m, where))
			return;
	}
}

static double solve(const struct instance *in, const struct model *m, unsigned threads, int32_t *where)
{
	struct search s = { .in = in, .model = m, .seed = 3, .deadline_ns = UINT64_MAX, .max_iterations = ITERATIONS, .threads = threads,
			    .lower_bound = -INFINITY };
	struct plan *p = judge_solve(&packer_anneal, &s);
	double cost = p->cost;

	assert_true(judge_holds(p, m));
	memcpy(where, p->item_node, ITEMS * sizeof(int32_t));
	plan_free(p);
	return cost;
}

static void compare(struct instance *in, const struct model *m)
{
	int32_t where[ITEMS], again[ITEMS];
	double least = optimum(in, m), cost = solve(in, m, 1, where);

	assert_true(isfinite(least));
	if (fabs(cost - least) >= 1e-6)
		print_error("cost %g, optimum %g\n", cost, least);
	assert_true(fabs(cost - least) < 1e-6);
	assert_true(all_holds(in, m, where));
	solve(in, m, 3, again);
	assert_memory_equal(where, again, sizeof(where));
}

static void test_optimum(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 6; seed++) {
		struct rng r;
		struct instance *in;

		rng_seed(&r, seed);
		in = instance_make(&r);
		start_draw(in, NULL, &r, false);
		in->max_moves = seed % 3 == 0 ? 2 : -1;
		compare(in, NULL);
		instance_free(in);
	}
}

static void test_overloaded_start(void **state)
{
	uint32_t solved = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 8; seed++) {
		struct rng r;
		struct instance *in;

		rng_seed(&r, seed);
		in = instance_make(&r);
		start_draw(in, NULL, &r, true);
		if (isfinite(optimum(in, NULL))) { /* what is transient may make it hopeless */
			compare(in, NULL);
			solved++;
		}
		instance_free(in);
	}
	assert_true(solved > 0);
}

static void test_limits(void **state)
{
	uint32_t binding = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 4; seed++) {
		struct rng r;
		struct instance *in;
		struct model *m;

		rng_seed(&r, seed);
		in = instance_make(&r);
		m = model_make(in, 1.05); /* no neighbours */
		start_draw(in, m, &r, false);
		compare(in, m);
		binding += optimum(in, m) > optimum(in, NULL);
		model_free(m);
		instance_free(in);
	}
	assert_true(binding > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_optimum), cmocka_unit_test(test_overloaded_start),
					    cmocka_unit_test(test_limits) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
