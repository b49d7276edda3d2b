/*
 * Replays against a twin that walks node by node through whole series of loads, where replay.c goes slot by slot; and the policies'
 * instances: peak and percentile by sorting, perfect knowledge by the largest of the slots that map to one.
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
#include "planner/replay.h"
#include "tests/planner/planted.h"

enum { SERVICES = 48, SLOTS = 6, FINER = 3, RESOURCES = 2 };

static struct instance *fleet(uint64_t seed, uint32_t slots, int32_t **planted)
{
	struct planted_shape shape = { .services = SERVICES, .nodes = 10, .slots = slots, .resources = RESOURCES, .per_node = 6, .fill = 0.9, .seed = seed };

	return planted_finished(&shape, planted);
}

struct sums { uint64_t broken; uint32_t nodes, longest; double worst, excess, all, mean; };

/* One node's whole series. */
static void walk(const struct instance *in, const struct instance *recorded, const int32_t *where, uint32_t node, struct sums *of)
{
	uint32_t run = 0, ever = 0;

	for (uint32_t t = 0; t < recorded->n_slots; t++) {
		bool broken = false;

		for (uint32_t r = 0; r < RESOURCES; r++) {
			int64_t load = 0, capacity = in->capacity[node * in->n_columns + r * SLOTS + t / FINER];

			for (uint32_t k = 0; k < SERVICES; k++)
				if (where[k] == (int32_t)node)
					load += recorded->demand[k * recorded->n_columns + r * recorded->n_slots + t];
			broken |= load > capacity;
			of[r].all += (double)load;
			of[r].excess += load > capacity ? (double)(load - capacity) : 0;
			of[r].mean += (double)load / (double)capacity;
			of[0].worst = fmax(of[0].worst, (double)load / (double)capacity);
		}
		run = broken ? run + 1 : 0;
		ever |= broken;
		of[0].broken += broken;
		of[0].longest = run > of[0].longest ? run : of[0].longest;
	}
	of[0].nodes += ever;
}

static void totals_agree_with_walks(void **unused)
{
	(void)unused;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct sums of[RESOURCES] = { { 0 } };
		int32_t *where, used = 0;
		struct instance *in = fleet(seed, SLOTS, &where), *recorded = fleet(seed + 100, SLOTS * FINER, NULL);
		bool *on = mem_alloc(in->n_nodes, sizeof(*on));
		struct series s;
		struct replay out;
		struct err e = { 0 };

		if (series_make(&s, in, recorded, &e) < 0)
			fail_msg("%s", e.text);
		assert_int_equal(s.n_slots, SLOTS * FINER);
		assert_int_equal(s.n_missing, 0);
		replay_run(&out, in, &s, where);
		for (uint32_t k = 0; k < SERVICES; k++)
			on[where[k]] = true;
		for (uint32_t n = 0; n < in->n_nodes; n++) {
			used += on[n];
			if (on[n])
				walk(in, recorded, where, n, of);
		}
		assert_int_equal(out.nodes_used, used);
		assert_int_equal(out.node_slots, (uint64_t)used * SLOTS * FINER);
		assert_int_equal(out.broken_node_slots, of[0].broken);
		assert_int_equal(out.broken_nodes, of[0].nodes);
		assert_int_equal(out.longest_slots, of[0].longest);
		assert_true(fabs(replay_moment_ratio(&out.worst[0]) - of[0].worst) < 1e-12);
		for (uint32_t k = 1; k < out.nodes_used; k++)
			assert_true(replay_moment_ratio(&out.worst[k - 1]) >= replay_moment_ratio(&out.worst[k]));
		for (uint32_t r = 0; r < RESOURCES; r++) {
			assert_true(fabs(out.excess_ratio[r] - of[r].excess / of[r].all) < 1e-12);
			assert_true(fabs(out.mean_ratio[r] - of[r].mean / (double)out.node_slots) < 1e-9);
		}
		replay_fini(&out);
		series_fini(&s);
		free(on);
		free(where);
		instance_free(in);
		instance_free(recorded);
	}
}

static void what_was_planned_for_does_not_break(void **unused)
{
	int32_t *where;
	struct instance *in = fleet(3, SLOTS, &where);
	struct series s;
	struct replay out;
	struct err e = { 0 };

	(void)unused;
	assert_int_equal(series_make(&s, in, in, &e), 0);
	replay_run(&out, in, &s, where);
	assert_int_equal(out.broken_node_slots, 0);
	assert_true(replay_moment_ratio(&out.worst[0]) <= 1);
	assert_true(out.peak_ratio[0] <= 0.9001 && out.peak_ratio[0] > 0.89);
	replay_fini(&out);
	series_fini(&s);
	free(where);
	instance_free(in);
}

static void policies_foresee_what_they_say(void **unused)
{
	struct instance *in = fleet(5, SLOTS, NULL), *peak = fleet(5, SLOTS, NULL), *half = fleet(5, SLOTS, NULL), *perfect = fleet(5, SLOTS, NULL);
	struct instance *recorded = fleet(6, SLOTS * FINER, NULL);
	struct series s;
	struct err e = { 0 };

	(void)unused;
	assert_int_equal(series_make(&s, in, recorded, &e), 0);
	replay_flatten(peak, 1);
	replay_flatten(half, 0.5);
	replay_foresee(perfect, &s);
	for (uint32_t k = 0; k < SERVICES; k++)
		for (uint32_t c = 0; c < in->n_columns; c++) {
			size_t at = (size_t)k * in->n_columns + c, row = at - c % SLOTS;
			uint32_t above = 0, below = 0;
			int64_t most = 0;

			for (uint32_t t = 0; t < SLOTS; t++) {
				assert_true(peak->demand[at] >= in->demand[row + t]);
				above += in->demand[row + t] > half->demand[at];
				below += in->demand[row + t] < half->demand[at];
			}
			assert_true(above <= SLOTS / 2 && below < SLOTS / 2);
			for (uint32_t t = 0; t < FINER; t++) {
				int64_t d = series_at(&s, in, k, c / SLOTS, c % SLOTS * FINER + t);

				most = d > most ? d : most;
			}
			assert_int_equal(perfect->demand[at], most);
		}
	series_fini(&s);
	instance_free(in);
	instance_free(peak);
	instance_free(half);
	instance_free(perfect);
	instance_free(recorded);
}

static void a_load_without_capacity_is_worst(void **unused)
{
	struct replay_moment none = { .load = 1 }, idle = { 0 }, full = { .load = 4, .capacity = 2 };

	(void)unused;
	assert_true(isinf(replay_moment_ratio(&none)));
	assert_true(replay_moment_ratio(&idle) <= 0);
	assert_true(fabs(replay_moment_ratio(&full) - 2) < 1e-15);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(totals_agree_with_walks), cmocka_unit_test(what_was_planned_for_does_not_break),
		cmocka_unit_test(policies_foresee_what_they_say), cmocka_unit_test(a_load_without_capacity_is_worst),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
