/*
 * Rules over whole placements while building: fleets whose planted packing holds near rules (node and zone), min_distinct (node and
 * zone), pins and exclusions are planned in full and without a violation; the incremental counts of struct state agree with the
 * independent judge after random steps.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "planner/search.h"
#include "planner/state.h"
#include "planner/verify/verify.h"
#include "tests/planner/judge.h"
#include "tests/planner/planted.h"

#define ROUNDS 25

/* Has every planted a a planted b beside it? Groups have several members where a spread rule joined two. */
static bool near_holds(const struct instance *in, const int32_t *planted, const struct rule_near *r)
{
	for (uint32_t i = 0; i < in->n_items; i++) {
		bool found = in->services[i].group != r->a;

		for (uint32_t j = 0; j < in->n_items && !found; j++)
			found = in->services[j].group == r->b &&
				(r->label == LABEL_NODE ? planted[i] == planted[j] : in->node_label[planted[i]] == in->node_label[planted[j]]);
		if (!found)
			return false;
	}
	return true;
}

static uint32_t members(const struct instance *in, uint32_t group)
{
	uint32_t n = 0;

	for (uint32_t k = 0; k < in->n_services; k++)
		n += in->services[k].group == group;
	return n;
}

static struct instance *ruled_fleet(uint64_t seed, int32_t **planted)
{
	struct planted_shape shape = { .services = 120, .nodes = 22, .slots = 3, .resources = 2, .per_node = 8, .spreads = 6, .conflicts = 10,
				       .fill = 0.7, .seed = seed };
	struct instance *in = planted_new(&shape, planted);
	struct err e = { 0 };
	struct rng r;

	rng_seed_stream(&r, seed, 5);
	in->nears = mem_alloc(8, sizeof(*in->nears));
	in->spreads = mem_resize(in->spreads, in->n_spreads + 8, sizeof(*in->spreads));
	in->allow = mem_alloc(in->n_services, sizeof(*in->allow));
	for (uint32_t k = 0; k < 8; k++) {
		uint32_t a = rng_below(&r, in->n_services), b = (a / 8) * 8 + rng_below(&r, 8), c = rng_below(&r, in->n_services);
		struct rule_near near = { in->services[a].group, in->services[b].group, k % 2 ? 0 : LABEL_NODE };

		if (near.a != near.b && near_holds(in, *planted, &near))
			in->nears[in->n_nears++] = near;
		free(in->allow[c]);
		in->allow[c] = mem_alloc(1, sizeof(uint64_t));
		in->allow[c][0] = (1ull << (*planted)[c]) | (k % 2 ? 0x155555 : 0); /* one node, or also every second one */
	}
	for (uint32_t i = 0, had = in->n_spreads; i < had && i < 4; i++) /* spread pairs also ask for two values */
		if (members(in, in->spreads[i].group) > 1)
			in->spreads[in->n_spreads++] = (struct rule_spread){ in->spreads[i].group, i % 2 ? 0 : LABEL_NODE, 2, 0 };
	if (instance_finish(in, &e) < 0)
		fail_msg("seed %llu: %s", (unsigned long long)seed, e.text);
	return in;
}

static void plans_hold_rules_of_whole_placements(void **unused)
{
	uint32_t nears = 0, spreads = 0;

	(void)unused;
	for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
		int32_t *planted;
		struct instance *in = ruled_fleet(seed, &planted);
		struct plan *truth = judge_placed(in, NULL, planted), *p;
		struct search s = { .in = in, .seed = seed, .deadline_ns = UINT64_MAX, .max_iterations = 60000, .threads = 1 };

		assert_true(judge_holds(truth, NULL));
		p = judge_solve(NULL, &s);
		if (p->n_unplaced || !judge_holds(p, NULL))
			fail_msg("seed %llu: %u unplaced", (unsigned long long)seed, p->n_unplaced);
		nears += in->n_nears;
		spreads += in->n_spreads;
		plan_free(truth);
		plan_free(p);
		free(planted);
		instance_free(in);
	}
	assert_true(nears > ROUNDS && spreads > ROUNDS); /* the generator did make rules */
}

/* Only rules over whole placements, since random steps break all others. */
static bool judge_whole(const struct instance *in, const int32_t *item_node)
{
	struct plan *p = plan_new(in);
	struct verify v;
	uint64_t n = 0;

	memcpy(p->item_node, item_node, in->n_items * sizeof(*item_node));
	plan_count(p);
	verify_plan(&v, p, NULL);
	for (uint32_t i = 0; i < v.n_texts; i++)
		n += strstr(v.texts[i], "it must be near") || strstr(v.texts[i], "at least");
	verify_fini(&v);
	plan_free(p);
	return !n;
}

static void counts_agree_with_the_judge(void **unused)
{
	uint32_t agreed[2] = { 0 };

	(void)unused;
	for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
		int32_t *planted;
		struct instance *in = ruled_fleet(seed, &planted);
		struct state *st = state_new(in, NULL);
		struct rng r;

		rng_seed(&r, seed);
		for (uint32_t i = 0; i < in->n_items; i++)
			state_put(st, i, (uint32_t)planted[i]);
		for (uint32_t step = 0; step < 60; step++) {
			uint32_t i = rng_below(&r, in->n_items), n = rng_below(&r, 3) ? rng_below(&r, in->n_nodes) : (uint32_t)planted[i];
			bool ok;

			state_take(st, i);
			state_put(st, i, n);
			ok = state_whole_ok(st);
			assert_int_equal(ok, judge_whole(in, st->item_node));
			agreed[ok]++;
		}
		state_free(st);
		free(planted);
		instance_free(in);
	}
	assert_true(agreed[0] > 0 && agreed[1] > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plans_hold_rules_of_whole_placements), cmocka_unit_test(counts_agree_with_the_judge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
