/*
 * How numbers look to people: three significant digits, the prefix that fits, a no-break space before the unit so that
 * a narrow page does not tear them apart.
 */
#include "reports/unit.h"

#include <math.h>
#include <stdio.h>
#include <time.h>

#define NBSP "\xc2\xa0"

struct prefix { double from; double divide; const char *suffix; };

/* Three significant digits without an exponent. */
static void show_digits(double v, char *out, size_t size)
{
	double a = fabs(v);
	int decimals = a == 0 || a >= 99.95 ? 0 : a >= 9.995 ? 1 : 2;

	snprintf(out, size, "%.*f", decimals, v == 0 ? 0.0 : v);
}

static void show_prefixed(double v, const struct prefix *p, char *out, size_t size)
{
	char digits[64];

	while (p->from > fabs(v))
		p++;
	show_digits(v / p->divide, digits, sizeof(digits));
	snprintf(out, size, "%s" NBSP "%s", digits, p->suffix);
}

void unit_show_int(long long v, char *out, size_t size)
{
	char digits[32];
	int n = snprintf(digits, sizeof(digits), "%llu", v < 0 ? 0ULL - (unsigned long long)v : (unsigned long long)v);
	size_t used = 0;

	if (v < 0 && size > 1)
		out[used++] = '-';
	for (int i = 0; i < n && used + 2 < size; i++) {
		if (i && (n - i) % 3 == 0)
			out[used++] = ',';
		out[used++] = digits[i];
	}
	out[used] = '\0';
}

static void show_count(double v, char *out, size_t size)
{
	if (fabs(v) < 1e15)
		unit_show_int(llround(v), out, size);
	else
		snprintf(out, size, "%.3g", v);
}

static void show_number(double v, char *out, size_t size)
{
	if (v == floor(v) || fabs(v) >= 1e5)
		show_count(v, out, size);
	else
		show_digits(v, out, size);
}

static void show_ns(double v, char *out, size_t size)
{
	static const struct prefix p[] = { { 3600e9, 3600e9, "h" }, { 1e9, 1e9, "s" }, { 1e6, 1e6, "ms" }, { 1e3, 1e3, "µs" }, { 0, 1, "ns" } };

	show_prefixed(v, p, out, size);
}

static const struct prefix binary[] = { { 0x1p40, 0x1p40, "TiB" }, { 0x1p30, 0x1p30, "GiB" }, { 0x1p20, 0x1p20, "MiB" },
					{ 0x1p10, 0x1p10, "KiB" }, { 0, 1, "B" } };

static void show_bytes(double v, char *out, size_t size)
{
	show_prefixed(v, binary, out, size);
}

static void show_bytes_per_s(double v, char *out, size_t size)
{
	char text[64];

	show_prefixed(v, binary, text, sizeof(text));
	snprintf(out, size, "%s/s", text);
}

static void show_per_s(double v, char *out, size_t size)
{
	static const struct prefix p[] = { { 1e9, 1e9, "G/s" }, { 1e6, 1e6, "M/s" }, { 1e4, 1e3, "k/s" }, { 0, 1, "/s" } };

	show_prefixed(v, p, out, size);
}

static void show_ratio(double v, char *out, size_t size)
{
	double percent = v * 100, a = fabs(percent);

	if (a > 0 && a < 0.05)
		snprintf(out, size, "%s0.1" NBSP "%%", v < 0 ? "> -" : "< ");
	else
		snprintf(out, size, "%.*f" NBSP "%%", a < 9.95 && a > 0 ? 1 : 0, percent);
}

static void show_slowdown(double v, char *out, size_t size)
{
	snprintf(out, size, "%.*f×", v < 10 ? 2 : 1, v);
}

static void show_s_per_h(double v, char *out, size_t size)
{
	char digits[64];

	if (v > 0 && v < 0.01) {
		snprintf(out, size, "< 0.01" NBSP "s/h");
		return;
	}
	show_digits(v, digits, sizeof(digits));
	snprintf(out, size, "%s" NBSP "s/h", digits);
}

static void show_mcpu(double v, char *out, size_t size)
{
	char digits[64];

	show_digits(v / 1000, digits, sizeof(digits));
	snprintf(out, size, "%s" NBSP "cores", digits);
}

static void show_months(double v, char *out, size_t size)
{
	snprintf(out, size, "%.0f" NBSP "%s", v, v == 1 ? "month" : "months");
}

static void show_wall(double v, char *out, size_t size)
{
	time_t s = (time_t)(v / 1e9);
	struct tm tm;

	/* UTC: the same file gives the same bytes wherever it is rendered. */
	if (!gmtime_r(&s, &tm) || !strftime(out, size, "%Y-%m-%d %H:%M:%SZ", &tm))
		snprintf(out, size, "%.0f", v);
}

static void show_text(double v, char *out, size_t size)
{
	snprintf(out, size, "%g", v);
}

const struct unit_row unit_rows[UNITS] = {
	[UNIT_TEXT] = { UNIT_TEXT, "text", show_text },
	[UNIT_COUNT] = { UNIT_COUNT, "count", show_count },
	[UNIT_NUMBER] = { UNIT_NUMBER, "number", show_number },
	[UNIT_NS] = { UNIT_NS, "ns", show_ns },
	[UNIT_BYTES] = { UNIT_BYTES, "bytes", show_bytes },
	[UNIT_BYTES_PER_S] = { UNIT_BYTES_PER_S, "bytes_per_s", show_bytes_per_s },
	[UNIT_PER_S] = { UNIT_PER_S, "per_s", show_per_s },
	[UNIT_RATIO] = { UNIT_RATIO, "ratio", show_ratio },
	[UNIT_SLOWDOWN] = { UNIT_SLOWDOWN, "slowdown_ratio", show_slowdown },
	[UNIT_S_PER_H] = { UNIT_S_PER_H, "s_per_h", show_s_per_h },
	[UNIT_MCPU] = { UNIT_MCPU, "mcpu", show_mcpu },
	[UNIT_MONTHS] = { UNIT_MONTHS, "months", show_months },
	[UNIT_WALL_NS] = { UNIT_WALL_NS, "wall_ns", show_wall },
};

void unit_show(enum unit u, double v, char *out, size_t size)
{
	if (isfinite(v))
		unit_rows[u].show(v, out, size);
	else
		snprintf(out, size, "%s", isnan(v) ? "n/a" : v > 0 ? "∞" : "-∞");
}
