/*
 * The planner against twins that always tell the truth: brute force on tiny instances, the independent verifier on larger
 * ones; plans do not depend on the number of threads; the verifier finds what a mutation broke; files survive a round trip.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/rng.h"
#include "planner/moves.h"
#include "planner/search.h"
#include "tests/planner/judge.h"
#include "tests/planner/planted.h"

static struct plan *solve(const struct instance *in, uint64_t iterations, unsigned threads)
{
	struct search s = { .in = in, .seed = 7, .deadline_ns = UINT64_MAX, .max_iterations = iterations, .threads = threads };

	return judge_solve(NULL, &s);
}

/* A few services, two slots, two resources, costs 1 .. 3, one conflict, one zone rule: small enough to try everything. */
static struct instance *tiny_new(uint64_t seed)
{
	struct planted_shape shape = { .services = 5, .nodes = 4, .slots = 2, .resources = 2, .per_node = 2, .spreads = 1, .conflicts = 2,
				       .fill = 0.9, .seed = seed };
	struct instance *in = planted_new(&shape, NULL);
	struct err e = { 0 };
	struct rng r;

	rng_seed(&r, seed);
	for (uint32_t n = 0; n < in->n_nodes; n++)
		in->nodes[n].cost = 1 + rng_below(&r, 3);
	assert_int_equal(instance_finish(in, &e), 0);
	return in;
}

static double brute_force(const struct instance *in)
{
	struct plan *p = plan_new(in);
	double best = INFINITY;
	uint32_t total = 1;

	for (uint32_t i = 0; i < in->n_items; i++)
		total *= in->n_nodes;
	for (uint32_t code = 0; code < total; code++) {
		uint32_t rest = code, used = 0;
		double cost = 0;

		for (uint32_t i = 0; i < in->n_items; i++, rest /= in->n_nodes) {
			p->item_node[i] = (int32_t)(rest % in->n_nodes);
			used |= 1u << p->item_node[i];
		}
		for (uint32_t n = 0; n < in->n_nodes; n++)
			cost += used >> n & 1 ? (double)in->nodes[n].cost : 0;
		p->cost = cost;
		if (cost < best && !judge_count(p, NULL))
			best = cost;
	}
	plan_free(p);
	return best;
}

static void test_brute_force(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 40; seed++) {
		struct instance *in = tiny_new(seed);
		struct plan *p = solve(in, 40000, 1);
		double best = brute_force(in);

		assert_true(isfinite(best)); /* the planted packing is one */
		assert_int_equal(p->n_unplaced, 0);
		assert_true(judge_holds(p, NULL));
		assert_true(fabs(p->cost - best) < 1e-9);
		assert_true(p->lower_bound <= best + 1e-9);
		plan_free(p);
		instance_free(in);
	}
}

static struct instance *fleet(uint64_t seed, int32_t **planted)
{
	struct planted_shape shape = { .services = 600, .nodes = 90, .slots = 8, .resources = 3, .per_node = 10, .spreads = 40, .conflicts = 60,
				       .fill = 0.9, .seed = seed };

	return planted_finished(&shape, planted);
}

/* The generator keeps its promise, and the planner's answers hold every rule, lie above the bound and near the planted packing. */
static void test_planted(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 3; seed++) {
		int32_t *planted;
		struct instance *in = fleet(seed, &planted);
		struct plan *truth = plan_new(in), *p;

		memcpy(truth->item_node, planted, in->n_items * sizeof(*planted));
		plan_count(truth);
		truth->cost = truth->nodes_used;
		assert_true(judge_holds(truth, NULL));
		assert_true(in->n_caps > 0 && in->n_spreads > 0);
		p = solve(in, 300000, 1);
		assert_int_equal(p->n_unplaced, 0);
		assert_true(judge_holds(p, NULL));
		assert_true(p->cost >= p->lower_bound);
		assert_true(p->cost <= 1.10 * truth->cost);
		assert_true(p->lower_bound <= truth->cost);
		plan_free(p);
		plan_free(truth);
		free(planted);
		instance_free(in);
	}
}

static void test_threads(void **state)
{
	struct instance *in = fleet(5, NULL);
	struct plan *one = solve(in, 200000, 1), *three = solve(in, 200000, 3);

	(void)state;
	assert_memory_equal(one->item_node, three->item_node, in->n_items * sizeof(int32_t));
	plan_free(one);
	plan_free(three);
	instance_free(in);
}

/* Enough nodes for regions side by side (squeeze.c), with rules across nodes and without. */
static void test_threads_regions(void **state)
{
	(void)state;
	for (uint32_t spreads = 0; spreads <= 400; spreads += 400) {
		struct planted_shape shape = { .services = 5400, .nodes = 700, .slots = 2, .resources = 2, .per_node = 9, .spreads = spreads,
					       .conflicts = 300, .fill = 0.95, .seed = 3 };
		struct instance *in = planted_finished(&shape, NULL);
		struct plan *one, *three;

		one = solve(in, 3000000, 1);
		three = solve(in, 3000000, 3);
		assert_int_equal(one->n_unplaced, 0);
		assert_true(judge_holds(one, NULL));
		assert_memory_equal(one->item_node, three->item_node, in->n_items * sizeof(int32_t));
		plan_free(one);
		plan_free(three);
		instance_free(in);
	}
}

/* Fill a node with everything: capacity breaks. Swap a pair that must be apart together: the rule breaks. */
static void test_verify_finds(void **state)
{
	int32_t *planted;
	struct instance *in = fleet(9, &planted);
	struct plan *p = plan_new(in);

	(void)state;
	memcpy(p->item_node, planted, in->n_items * sizeof(*planted));
	p->cost = 60;
	assert_true(judge_holds(p, NULL));
	for (uint32_t i = 0; i < 20; i++)
		p->item_node[i] = 0;
	p->cost = 59;
	assert_true(judge_count(p, NULL) >= 1);
	memcpy(p->item_node, planted, in->n_items * sizeof(*planted));
	p->cost = 60;
	p->item_node[5] = NO_NODE;
	assert_int_equal(judge_count(p, NULL), 1);
	p->item_node[5] = planted[5];
	p->cost = 61;
	assert_int_equal(judge_count(p, NULL), 1);
	p->cost = 60;
	p->lower_bound = 60.5;
	assert_int_equal(judge_count(p, NULL), 1);
	plan_free(p);
	free(planted);
	instance_free(in);
}

/* Three replicas in a ring on nearly full nodes: only a detour through the spare node breaks the circle. */
static void test_moves_circle(void **state)
{
	struct planted_shape shape = { .services = 3, .nodes = 4, .slots = 1, .resources = 1, .per_node = 1, .fill = 0.9, .seed = 1 };
	struct instance *in = planted_finished(&shape, NULL);
	struct plan *p;

	(void)state;
	p = plan_new(in);
	for (int32_t i = 0; i < 3; i++) {
		in->item_node[i] = i;
		p->item_node[i] = (i + 1) % 3;
	}
	p->cost = 3;
	moves_order(p);
	assert_int_equal(p->n_moves, 4);
	assert_int_equal(p->n_unordered, 0);
	assert_true(judge_holds(p, NULL));
	p->moves[0].to = p->moves[0].to == 3 ? 2 : 3; /* no detour: overfills on the way */
	assert_true(judge_count(p, NULL) > 0);
	plan_free(p);
	instance_free(in);
}

static void test_move_budget(void **state)
{
	int32_t *planted;
	struct instance *in = fleet(11, &planted);
	struct plan *p;

	(void)state;
	memcpy(in->item_node, planted, in->n_items * sizeof(*planted));
	for (uint32_t i = 0; i < in->n_items; i += 100)
		in->item_node[i] = NO_NODE;
	in->max_moves = 12;
	p = solve(in, 100000, 2);
	assert_int_equal(p->n_unplaced, 0);
	assert_true(judge_holds(p, NULL));
	plan_free(p);
	free(planted);
	instance_free(in);
}

static void test_round_trip(void **state)
{
	struct instance *in = fleet(13, NULL), *back;
	struct err e = { 0 };
	struct plan *p = solve(in, 1000, 1), *again;
	char a[] = "/tmp/test_plan_XXXXXX", b[] = "/tmp/test_plan_XXXXXX";

	(void)state;
	close(mkstemp(a));
	close(mkstemp(b));
	unlink(a);
	unlink(b);
	assert_int_equal(instance_write(in, a, &e), 0);
	back = instance_read(a, &e);
	assert_non_null(back);
	assert_int_equal(back->n_items, in->n_items);
	assert_int_equal(back->n_caps, in->n_caps);
	assert_int_equal(back->n_spreads, in->n_spreads);
	assert_memory_equal(back->demand, in->demand, (size_t)in->n_services * in->n_columns * sizeof(int64_t));
	assert_memory_equal(back->capacity, in->capacity, (size_t)in->n_nodes * in->n_columns * sizeof(int64_t));
	assert_int_equal(plan_write(p, b, &e), 0);
	again = plan_read(back, b, &e);
	assert_non_null(again);
	assert_memory_equal(again->item_node, p->item_node, in->n_items * sizeof(int32_t));
	assert_true(judge_holds(again, NULL));
	unlink(a);
	unlink(b);
	plan_free(p);
	plan_free(again);
	instance_free(in);
	instance_free(back);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_brute_force), cmocka_unit_test(test_planted), cmocka_unit_test(test_threads), cmocka_unit_test(test_threads_regions),
		cmocka_unit_test(test_verify_finds), cmocka_unit_test(test_moves_circle), cmocka_unit_test(test_move_budget),
		cmocka_unit_test(test_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
