/* The strict parser against tables of what it must take and refuse, and against strtoull on random numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/parse.h"
#include "base/rng.h"

static void refuses_malformed(void **state)
{
	static const char *const bad[] = { "", " 1", "1 ", "+1", "-", "--1", "0x10", "1e", "nan", "inf", "NaN", "1,5", "ten", "1.2.3" };
	uint64_t u;
	int64_t i;
	double d;

	(void)state;
	for (size_t n = 0; n < sizeof(bad) / sizeof(*bad); n++) {
		assert_int_equal(parse_u64(bad[n], &u), -EINVAL);
		assert_int_equal(parse_i64(bad[n], &i), -EINVAL);
		assert_int_equal(parse_f64(bad[n], &d), -EINVAL);
		assert_int_equal(parse_size(bad[n], &u), -EINVAL);
		assert_int_equal(parse_duration(bad[n], &u), -EINVAL);
		assert_int_equal(parse_ratio(bad[n], &d), -EINVAL);
	}
	assert_int_equal(parse_u64("-1", &u), -EINVAL);
	assert_int_equal(parse_size("-1", &u), -EINVAL);
	assert_int_equal(parse_size("1X", &u), -EINVAL);
	assert_int_equal(parse_duration("5minutes", &u), -EINVAL);
	assert_int_equal(parse_ratio("5%%", &d), -EINVAL);
}

static void refuses_overflow(void **state)
{
	uint64_t u;
	int64_t i;
	double d;

	(void)state;
	assert_int_equal(parse_u64("18446744073709551616", &u), -ERANGE);
	assert_int_equal(parse_i64("9223372036854775808", &i), -ERANGE);
	assert_int_equal(parse_i64("-9223372036854775809", &i), -ERANGE);
	assert_int_equal(parse_f64("1e999", &d), -ERANGE);
	assert_int_equal(parse_size("16777216T", &u), -ERANGE);
	assert_int_equal(parse_duration("999999999d", &u), -ERANGE);
}

static void reads_edges_exactly(void **state)
{
	uint64_t u;
	int64_t i;

	(void)state;
	assert_int_equal(parse_u64("18446744073709551615", &u), 0);
	assert_true(u == UINT64_MAX);
	assert_int_equal(parse_i64("-9223372036854775808", &i), 0);
	assert_true(i == INT64_MIN);
	assert_int_equal(parse_size("18446744073709551615", &u), 0);
	assert_true(u == UINT64_MAX);
}

static void knows_units(void **state)
{
	static const struct { const char *text; uint64_t value; } sizes[] = {
		{ "512", 512 }, { "64K", 65536 }, { "1.5M", 1572864 }, { "2G", 2147483648u }, { "1kB", 1000 }, { "1KiB", 1024 },
	}, times[] = {
		{ "1.5", 1500000000 }, { "100ms", 100000000 }, { "250us", 250000 }, { "7ns", 7 }, { "2m", 120000000000 }, { "1h", 3600000000000 },
	};
	uint64_t u;
	double d;

	(void)state;
	for (size_t n = 0; n < sizeof(sizes) / sizeof(*sizes); n++) {
		assert_int_equal(parse_size(sizes[n].text, &u), 0);
		assert_int_equal(u, sizes[n].value);
	}
	for (size_t n = 0; n < sizeof(times) / sizeof(*times); n++) {
		assert_int_equal(parse_duration(times[n].text, &u), 0);
		assert_int_equal(u, times[n].value);
	}
	assert_int_equal(parse_ratio("0.5%", &d), 0);
	assert_true(d > 0.00499999 && d < 0.00500001);
	assert_int_equal(parse_ratio("0.25", &d), 0);
	assert_true(d == 0.25);
}

static void round_trips_random_numbers(void **state)
{
	struct rng r;
	char text[32];

	(void)state;
	rng_seed(&r, 7);
	for (int n = 0; n < 20000; n++) {
		uint64_t want = rng_u64(&r) >> rng_below(&r, 64), got = 0;

		snprintf(text, sizeof(text), "%" PRIu64, want);
		assert_int_equal(parse_u64(text, &got), 0);
		assert_true(got == want && got == strtoull(text, NULL, 10));
		assert_int_equal(parse_size(text, &got), 0);
		assert_true(got == want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_malformed), cmocka_unit_test(refuses_overflow), cmocka_unit_test(reads_edges_exactly),
		cmocka_unit_test(knows_units), cmocka_unit_test(round_trips_random_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
