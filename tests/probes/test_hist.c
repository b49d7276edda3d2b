/* The histogram layout: buckets tile the values without gap or overlap, and are never wider than promised. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "probes/events.h"
#include "probes/hist.h"

static void every_bucket_starts_where_the_one_before_ends(void **state)
{
	(void)state;
	assert_int_equal(hist_low(0), 0);
	for (uint32_t b = 1; b < HIST_BUCKETS; b++) {
		assert_true(hist_low(b) > hist_low(b - 1));
		assert_int_equal(hist_bucket(hist_low(b)), b);
		assert_int_equal(hist_bucket(hist_low(b) - 1), b - 1);
	}
}

static void width_is_at_most_a_sixteenth(void **state)
{
	(void)state;
	for (uint32_t b = HIST_SUB; b < HIST_BUCKETS; b++)
		assert_true((hist_low(b + 1) - hist_low(b)) * HIST_SUB <= hist_low(b));
}

static void the_last_bucket_takes_everything(void **state)
{
	(void)state;
	assert_int_equal(hist_bucket(UINT64_MAX), HIST_BUCKETS - 1);
	assert_int_equal(hist_bucket(hist_low(HIST_BUCKETS - 1)), HIST_BUCKETS - 1);
	assert_true(hist_low(HIST_BUCKETS - 1) > 60000000000ull);
}

static void log2_agrees_with_the_compiler(void **state)
{
	(void)state;
	assert_int_equal(hist_log2(0), 0);
	for (int i = 0; i < 64; i++) {
		assert_int_equal(hist_log2(1ull << i), i);
		assert_int_equal(hist_log2(~0ull >> (63 - i)), i);
	}
}

static void slots_fit_the_map(void **state)
{
	(void)state;
	assert_int_equal(SLOT_FIRST, SLOT_PSEUDOS);
	assert_true(SLOTS - SLOT_FIRST == 64);
	assert_int_equal(offsetof(struct cpu_state, victims) % 8, 0);
	assert_int_equal(sizeof(struct cpu_state) % 8, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_bucket_starts_where_the_one_before_ends),
		cmocka_unit_test(width_is_at_most_a_sixteenth),
		cmocka_unit_test(the_last_bucket_takes_everything),
		cmocka_unit_test(log2_agrees_with_the_compiler),
		cmocka_unit_test(slots_fit_the_map),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
