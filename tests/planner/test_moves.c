/*
 * Orders of moves at some size, judged by verify step by step: nodes that change their whole contents in rings (full nodes: only
 * parking breaks the rings), random exchanges with spare room, and a full fleet without any, where the order must say that there is none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "planner/moves.h"
#include "planner/state.h"
#include "planner/verify/verify.h"
#include "tests/planner/judge.h"
#include "tests/planner/planted.h"

enum { SERVICES = 1800, PER_NODE = 9, PLANTED = SERVICES / PER_NODE };

static struct instance *fleet(double fill, uint32_t nodes, int32_t **planted)
{
	struct planted_shape shape = { .services = SERVICES, .nodes = nodes, .slots = 4, .resources = 2, .per_node = PER_NODE, .fill = fill, .seed = 5 };
	struct instance *in = planted_finished(&shape, planted);

	memcpy(in->item_node, *planted, in->n_items * sizeof(**planted));
	return in;
}

struct count { uint32_t moves, detours, unordered, steps; uint64_t violations; };

static struct count order(struct instance *in, const int32_t *to)
{
	struct plan *p = judge_placed(in, NULL, to);
	struct count c = { .moves = p->n_moves, .unordered = p->n_unordered, .violations = judge_count(p, NULL) };

	for (uint32_t k = 0; k < p->n_moves; k++) {
		c.detours += p->moves[k].detour;
		c.steps = p->moves[k].step + 1;
	}
	plan_free(p);
	return c;
}

/* Each ring's nodes pass everything on to the next. */
static void rings(int32_t *to, uint32_t length)
{
	for (uint32_t i = 0; i < SERVICES; i++) {
		uint32_t node = (uint32_t)to[i], first = node / length * length, n = first + length < PLANTED ? length : PLANTED - first;

		to[i] = (int32_t)(first + (node - first + 1) % n);
	}
}

static void full_nodes_pass_their_contents_on(void **unused)
{
	static const uint32_t lengths[] = { 2, 7, PLANTED };

	(void)unused;
	for (size_t k = 0; k < sizeof(lengths) / sizeof(*lengths); k++) {
		int32_t *to;
		struct instance *in = fleet(0.999, PLANTED + 30, &to);
		struct count c;

		rings(to, lengths[k]);
		c = order(in, to);
		assert_int_equal(c.violations, 0);
		assert_int_equal(c.unordered, 0);
		assert_int_equal(c.moves - c.detours, SERVICES);
		assert_in_range(c.detours, 1, SERVICES);
		free(to);
		instance_free(in);
	}
}

static void without_spare_room_it_says_so(void **unused)
{
	int32_t *to;
	struct instance *in = fleet(1, PLANTED, &to);
	struct count c;

	(void)unused;
	for (size_t n = 0; n < PLANTED; n++) /* not a unit left on any node */
		for (uint32_t col = 0; col < in->n_columns; col++) {
			int64_t sum = 0;

			for (uint32_t i = 0; i < SERVICES; i++)
				sum += to[i] == (int32_t)n ? in->demand[(size_t)i * in->n_columns + col] : 0;
			in->capacity[n * in->n_columns + col] = sum;
		}
	rings(to, 5);
	c = order(in, to);
	assert_int_equal(c.unordered, SERVICES);
	assert_int_equal(c.moves, SERVICES);
	free(to);
	instance_free(in);
}

/* Exchanges the two items when both nodes hold that. */
static void exchange(struct state *st, uint32_t a, uint32_t b)
{
	int32_t from = st->item_node[a], to = st->item_node[b];

	if (from == to)
		return;
	state_take(st, a);
	state_take(st, b);
	if (state_fits(st, a, (uint32_t)to) && state_fits(st, b, (uint32_t)from)) {
		int32_t t = from;

		from = to;
		to = t;
	}
	state_put(st, a, (uint32_t)from);
	state_put(st, b, (uint32_t)to);
}

static void exchanges_find_an_order(void **unused)
{
	struct rng rng;

	(void)unused;
	rng_seed(&rng, 3);
	for (int round = 0; round < 5; round++) {
		int32_t *to;
		struct instance *in = fleet(0.8, PLANTED + 5, &to);
		struct state *st = state_new(in, NULL);
		struct count c;

		state_load(st, to);
		for (uint32_t k = 0; k < SERVICES * 2; k++)
			exchange(st, rng_below(&rng, SERVICES), rng_below(&rng, SERVICES));
		c = order(in, st->item_node);
		assert_int_equal(c.violations, 0);
		assert_int_equal(c.unordered, 0);
		assert_in_range(c.moves, SERVICES / 2, SERVICES * 2);
		assert_in_range(c.steps, 1, 60);
		state_free(st);
		free(to);
		instance_free(in);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(full_nodes_pass_their_contents_on), cmocka_unit_test(without_spare_room_it_says_so),
		cmocka_unit_test(exchanges_find_an_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
