/* The probes' tables and the session's agree: everything a probe counts has a metric of the right kind, each its own; and the metric
 * table keeps its promises. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "collector/sampler.h"

static void every_probe_figure_has_its_metric(void **state)
{
	bool taken[N_METRICS] = { false };

	(void)state;
	for (size_t c = 0; c < PROBE_N_COUNTERS; c++) {
		enum metric_id m = sampler_metric_of_counter((enum probe_counter)c);

		if (m == N_METRICS || taken[m] || metrics[m].kind == METRIC_HIST)
			fail_msg("counter %s of the probes has no metric of its own", probe_counters[c].name);
		assert_int_equal(metrics[m].kind == METRIC_GAUGE, probe_counters[c].gauge);
		taken[m] = true;
	}
	for (size_t h = 0; h < PROBE_N_HISTS; h++) {
		enum metric_id m = sampler_metric_of_hist((enum probe_hist)h);

		if (m == N_METRICS || taken[m] || metrics[m].kind != METRIC_HIST)
			fail_msg("histogram %s of the probes has no metric of its own", probe_hists[h].name);
		taken[m] = true;
	}
	for (size_t b = 0; b < PROBE_N_BLAMES; b++) {
		size_t r = 0;

		while (r < BLAME_RESOURCES && strcmp(blame_resource_names[r], probe_blames[b].name))
			r++;
		assert_true(r < BLAME_RESOURCES);
	}
}

static void metric_names_end_with_their_unit(void **state)
{
	(void)state;
	for (size_t m = 0; m < N_METRICS; m++) {
		size_t n = strlen(metrics[m].name), u = strlen(metrics[m].unit);

		if (n <= u || strcmp(metrics[m].name + n - u, metrics[m].unit))
			fail_msg("%s does not end with %s", metrics[m].name, metrics[m].unit);
		assert_int_equal(metric_find(metrics[m].name), m);
		assert_true(*metrics[m].help);
	}
	assert_int_equal(metric_find("nothing_ns"), N_METRICS);
}

static void participants_are_slots_without_the_reserved_one(void **state)
{
	(void)state;
	assert_int_equal(sampler_slot(0), SLOT_OTHER);
	assert_int_equal(sampler_kind(SLOT_STEAL), CULPRIT_STEAL);
	assert_int_equal(sampler_kind(SLOT_UNKNOWN), CULPRIT_UNKNOWN);
	assert_int_equal(sampler_slot(PARTICIPANT_FIRST), SLOT_FIRST);
	assert_int_equal(sampler_kind(PARTICIPANT_FIRST), CULPRIT_SERVICE);
	assert_int_equal(sampler_slot(PARTICIPANTS_MAX - 1), SLOTS - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_probe_figure_has_its_metric), cmocka_unit_test(metric_names_end_with_their_unit),
		cmocka_unit_test(participants_are_slots_without_the_reserved_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
