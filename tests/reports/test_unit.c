/*
 * Numbers as people read them, and the width of text in a terminal.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "reports/escape.h"
#include "reports/unit.h"

#define N "\xc2\xa0"

static void shows(void **state)
{
	static const struct { enum unit unit; double v; const char *text; } rows[] = {
		{ UNIT_COUNT, 0, "0" }, { UNIT_COUNT, 1234567, "1,234,567" }, { UNIT_COUNT, -1000, "-1,000" },
		{ UNIT_NS, 0, "0" N "ns" }, { UNIT_NS, 999, "999" N "ns" }, { UNIT_NS, 1.5e6, "1.50" N "ms" }, { UNIT_NS, 7.2e12, "2.00" N "h" },
		{ UNIT_BYTES, 1536, "1.50" N "KiB" }, { UNIT_BYTES_PER_S, 5 << 20, "5.00" N "MiB/s" },
		{ UNIT_RATIO, 0.384, "38" N "%" }, { UNIT_RATIO, 0.0001, "< 0.1" N "%" }, { UNIT_RATIO, 0, "0" N "%" }, { UNIT_RATIO, 1, "100" N "%" }, { UNIT_RATIO, 0.0997, "10" N "%" },
		{ UNIT_SLOWDOWN, 1.2, "1.20×" }, { UNIT_MCPU, 500, "0.50" N "cores" }, { UNIT_MONTHS, 1, "1" N "month" },
		{ UNIT_S_PER_H, 0.001, "< 0.01" N "s/h" }, { UNIT_WALL_NS, 0, "1970-01-01 00:00:00Z" }, { UNIT_NS, NAN, "n/a" },
	};
	char buf[64];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unit_show(rows[i].unit, rows[i].v, buf, sizeof(buf));
		assert_string_equal(buf, rows[i].text);
	}
}

static void rows_stand_at_their_index(void **state)
{
	(void)state;
	for (int u = 0; u < UNITS; u++)
		assert_int_equal(unit_rows[u].unit, u);
}

static void decodes(void **state)
{
	static const struct { const char *bytes; uint32_t first; int advance; } rows[] = {
		{ "a", 'a', 1 }, { "é", 0xe9, 2 }, { "→", 0x2192, 3 }, { "😀", 0x1f600, 4 },
		{ "\xff", 0xfffd, 1 }, { "\xc0\x80", 0xfffd, 1 }, { "\xe2\x86", 0xfffd, 1 }, { "\xed\xa0\x80", 0xfffd, 1 }, { "\xf4\x90\x80\x80", 0xfffd, 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *s = rows[i].bytes;

		assert_int_equal(utf8_next(&s), rows[i].first);
		assert_int_equal(s - rows[i].bytes, rows[i].advance);
	}
	assert_int_equal(text_width("aé→"), 3);
	assert_int_equal(text_width("日本"), 4);
	assert_int_equal(text_width("e\xcc\x81"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(shows), cmocka_unit_test(rows_stand_at_their_index), cmocka_unit_test(decodes) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
