/*
 * The curve search as a whole, under iteration budgets: small fleets against enumeration, planted fleets against their
 * known optimum, limits and rules against verify, move budgets, and the same answer from any number of threads.
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
#include "planner/term.h"
#include "tests/planner/judge.h"
#include "tests/planner/planted.h"

#define ALL_MOVES 0.09 /* what it costs in test_mixed to move all 8 */
#define PROFILES 7 /* as planted.c names them */

extern const struct packer packer_curve;

static void add_terms(struct instance *in, double threshold)
{
	in->terms = mem_alloc(2, sizeof(*in->terms));
	in->terms[in->n_terms++] = (struct term){ .kind = TERM_NODE_COST, .weight = 1 };
	in->terms[in->n_terms++] = (struct term){ .kind = TERM_EXPONENTIAL, .resource = 0, .weight = 1, .threshold = threshold, .scale = 10 };
}

/* The placement it found, judged; the caller frees. */
static struct plan *solve(const struct instance *in, const struct model *m, uint64_t iterations, unsigned threads)
{
	struct search s = { .in = in, .model = m, .seed = 5, .deadline_ns = UINT64_MAX, .max_iterations = iterations, .threads = threads,
			    .lower_bound = -INFINITY };
	struct plan *p = judge_solve(&packer_curve, &s);

	assert_true(judge_holds(p, m));
	return p;
}

static bool fits(const struct instance *in, const struct model *m, const int32_t *where)
{
	struct plan *p = judge_placed(in, m, where);
	bool ok = !judge_count(p, m);

	plan_free(p);
	return ok;
}

/* Every placement there is. */
static double best_of_all(const struct instance *in, const struct model *m)
{
	int32_t *where = mem_alloc(in->n_items, sizeof(*where));
	double best = INFINITY;
	uint32_t i = 0;

	while (i < in->n_items) {
		double cost = objective_value(in, m, where);

		if (cost < best && fits(in, m, where))
			best = cost;
		for (i = 0; i < in->n_items && ++where[i] == (int32_t)in->n_nodes; i++)
			where[i] = 0;
	}
	free(where);
	return best;
}

static void test_small(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 6; seed++) {
		struct planted_shape f = { .services = 8, .nodes = 3, .slots = seed % 2 ? 5 : 24, .resources = 2, .per_node = 3, .conflicts = 4,
					   .spreads = 1, .fill = 0.6, .seed = seed };
		struct instance *in = planted_new(&f, NULL);
		struct plan *p;

		add_terms(in, 0.3);
		p = solve(in, NULL, 400000, 1);
		assert_true(fabs(p->cost - best_of_all(in, NULL)) < 1e-6);
		plan_free(p);
		instance_free(in);
	}
}

/*
 * Every kind of term at once, or without any that is paid for by load. What two nodes hold may lie the wrong way round, which no single
 * change mends, and move_group is seen only when a placement is offered: so the optimum but for what moves cost.
 */
static void test_mixed(void **state)
{
	static const struct term mixed[] = {
		{ .kind = TERM_SLOWDOWN, .weight = 3 }, { .kind = TERM_NODE_COST, .weight = 1 }, { .kind = TERM_EVENNESS, .weight = 20 },
		{ .kind = TERM_BALANCE, .resource = 0, .resource2 = 1, .weight = 0.001, .target = 1 }, { .kind = TERM_MOVE, .weight = 0.01 },
		{ .kind = TERM_EXPONENTIAL, .resource = 1, .weight = 2, .threshold = 0.3, .scale = 5 }, { .kind = TERM_MOVE_GROUP, .weight = 0.001 },
	};

	(void)state;
	for (uint64_t seed = 1; seed <= 4; seed++) {
		struct planted_shape f = { .services = 8, .nodes = 3, .slots = 24, .resources = 2, .per_node = 3, .conflicts = 4, .fill = 0.6, .seed = seed };
		int32_t *planted;
		struct instance *in = planted_new(&f, &planted);
		struct model *m = planted_model(in, planted, 3, seed);
		struct plan *p;
		double least;

		in->terms = mem_alloc(7, sizeof(*in->terms));
		memcpy(in->terms, mixed, sizeof(mixed));
		in->n_terms = seed % 2 ? 7 : 5;
		for (uint32_t i = 0; i < in->n_items; i += 2)
			in->item_node[i] = (int32_t)(i / 2 % 3);
		p = solve(in, m, 400000, 1);
		least = best_of_all(in, m);
		if (p->cost > least + ALL_MOVES)
			print_error("seed %d: cost %g, optimum %g\n", (int)seed, p->cost, least);
		assert_true(p->cost <= least + ALL_MOVES);
		plan_free(p);
		model_free(m);
		free(planted);
		instance_free(in);
	}
}

/* Filled to the threshold in every slot, so the planted nodes are the optimum: no node can carry more without cost above its own. */
static void test_planted(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 2; seed++) {
		struct planted_shape f = { .services = 400, .nodes = 60, .slots = seed == 1 ? 24 : 98, .resources = 2, .per_node = 10, .conflicts = 200,
					   .spreads = 20, .fill = 0.5, .seed = seed };
		struct instance *in = planted_new(&f, NULL);
		struct plan *p;

		add_terms(in, 0.5);
		p = solve(in, NULL, 3000000, 2);
		assert_true(p->cost >= 40 - 0.01 && p->cost < 40 * 1.04);
		plan_free(p);
		instance_free(in);
	}
}

static void test_threads(void **state)
{
	struct planted_shape f = { .services = 600, .nodes = 250, .slots = 24, .resources = 2, .per_node = 3, .conflicts = 200, .spreads = 60,
				   .fill = 0.6, .seed = 3 };
	struct instance *in = planted_new(&f, NULL);
	struct plan *one, *three;

	(void)state;
	add_terms(in, 0.5);
	one = solve(in, NULL, 600000, 1);
	three = solve(in, NULL, 600000, 3);
	assert_memory_equal(one->item_node, three->item_node, in->n_items * sizeof(int32_t));
	plan_free(one);
	plan_free(three);
	instance_free(in);
}

static struct model *model_make(void)
{
	struct model *m = model_new(PROFILES, 0, 2);

	m->pressures[0] = str_dup("cpu");
	m->pressures[1] = str_dup("disk");
	for (int s = 0; s < PROFILES; s++) {
		char *name = str_fmt("p%d", s);
		struct response *r = model_response(m, s, -1);

		model_name(m, s, name);
		free(name);
		r->known = true;
		r->link = 1;
		for (int k = 0; k < 2; k++) {
			r->pressure[k] = 0.1 * (1 + (s + k) % 4);
			r->sensitivity[k] = 0.08 * (1 + (s * (k + 1)) % 3);
			r->range[k] = 100;
		}
	}
	return m;
}

static void test_limits(void **state)
{
	struct planted_shape f = { .services = 120, .nodes = 60, .slots = 24, .resources = 2, .per_node = 10, .fill = 0.5, .limits = true, .seed = 4 };
	struct instance *in = planted_new(&f, NULL);
	struct model *m = model_make();
	struct plan *free_of, *held;

	(void)state;
	add_terms(in, 0.5);
	assert_int_equal(instance_bind(in, m), in->n_services);
	held = solve(in, m, 600000, 2);
	for (uint32_t s = 0; s < in->n_services; s++)
		in->services[s].limit_ratio = INFINITY;
	free_of = solve(in, m, 600000, 2);
	assert_true(held->cost > free_of->cost + 1); /* the limits did bind */
	plan_free(free_of);
	plan_free(held);
	model_free(m);
	instance_free(in);
}

/* Today's placement lies badly; a larger budget must not give a dearer plan, and none may be exceeded (verify). */
static void test_budget(void **state)
{
	struct planted_shape f = { .services = 300, .nodes = 60, .slots = 24, .resources = 2, .per_node = 10, .conflicts = 100, .fill = 0.6, .seed = 6 };
	int32_t *planted;
	struct instance *in = planted_new(&f, &planted);
	double last = INFINITY;

	(void)state;
	add_terms(in, 0.5);
	for (uint32_t i = 0; i < in->n_items; i++)
		in->item_node[i] = i % 9 ? (int32_t)((uint32_t)planted[i] + 30 * (i % 2)) : NO_NODE;
	for (int64_t budget = 0; budget <= 60; budget += 30) {
		struct plan *p;

		in->max_moves = budget;
		p = solve(in, NULL, 1000000, 1);
		assert_true(p->n_moves <= budget && !p->n_unplaced);
		assert_true(p->cost < last - (budget ? 1 : 0));
		last = p->cost;
		plan_free(p);
	}
	free(planted);
	instance_free(in);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_small), cmocka_unit_test(test_mixed), cmocka_unit_test(test_planted), cmocka_unit_test(test_threads),
					    cmocka_unit_test(test_limits), cmocka_unit_test(test_budget) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
