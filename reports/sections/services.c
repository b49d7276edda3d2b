/*
 * One row per service: what it used, its tail latencies, and its slowdown estimated from blame.
 */
#include <math.h>
#include <stdlib.h>

#include "reports/section.h"

#define TELLING_SLOWDOWN 1.02 /* lower edge of the estimate's interval: the finding must not be noise … */
#define MOST_SLOWDOWN 1000.0  /* as the recorder's */
#define Z_90 1.645            /* two-sided 90 % of a normal distribution */
#define TELLING_MCPU 5        /* … nor about a service that hardly ran */

static const struct column columns[] = {
	{ "service", "Service", UNIT_TEXT, NULL },
	{ "slowdown_ratio", "Slowdown", UNIT_SLOWDOWN, "estimated from measured delays, over the session" },
	{ "slowdown_low_ratio", "low", UNIT_SLOWDOWN, NULL },
	{ "slowdown_high_ratio", "high", UNIT_SLOWDOWN, NULL },
	{ "cpu_mcpu", "CPU", UNIT_MCPU, "mean" },
	{ "cpu_wait_ratio", "CPU wait", UNIT_RATIO, "wait ÷ (wait + on CPU)" },
	{ "cpu_wait_p99_ns", "wait p99", UNIT_NS, "run-queue wait per scheduling" },
	{ "disk_bytes_per_s", "Disk", UNIT_BYTES_PER_S, "read and written" },
	{ "disk_io_per_s", "IO", UNIT_PER_S, NULL },
	{ "net_bytes_per_s", "Network", UNIT_BYTES_PER_S, "received and sent" },
	{ "mem_resident_bytes", "Memory", UNIT_BYTES, "resident, highest" },
	{ "request_per_s", "Requests", UNIT_PER_S, NULL },
	{ "request_p50_ns", "p50", UNIT_NS, "request latency" },
	{ "request_p99_ns", "p99", UNIT_NS, "request latency" },
	{ "request_delayed_ratio", "delayed", UNIT_RATIO, "part of the request latency that neighbours caused" },
	{ 0 }
};

/* Middle of the bucket that holds the quantile; NAN when nothing was observed. */
static double quantile(const struct session *s, size_t service, enum metric_id metric, double q)
{
	uint64_t counts[HIST_BUCKETS] = { 0 }, total = 0, seen = 0;

	if (!session_hist(s, service, metric, 0, s->n_intervals, counts))
		return NAN;
	for (size_t b = 0; b < HIST_BUCKETS; b++)
		total += counts[b];
	for (uint32_t b = 0; total && b < HIST_BUCKETS; b++) {
		seen += counts[b];
		if ((double)seen >= q * (double)total)
			return b + 1 < HIST_BUCKETS ? ((double)hist_low(b) + (double)hist_low(b + 1)) / 2 : (double)hist_low(b);
	}
	return NAN;
}

/* Mean (or highest) of a gauge over the intervals in which it was read. */
static double gauge(const struct session *s, size_t service, enum metric_id metric, bool highest)
{
	double sum = 0, most = NAN;
	size_t n = 0;

	for (size_t i = 0; i < s->n_intervals; i++) {
		int64_t v = session_value(s, i, service, metric);

		if (v == SESSION_ABSENT)
			continue;
		sum += (double)v;
		most = n++ && most > (double)v ? most : (double)v;
	}
	return !n ? (double)NAN : highest ? most : sum / (double)n;
}

static double sum2(double a, double b)
{
	return isnan(a) ? b : isnan(b) ? a : a + b;
}

static double pair_total(const struct session *s, size_t v, enum metric_id a, enum metric_id b)
{
	return sum2(total_or_nan(s, v, a), total_or_nan(s, v, b));
}

/* Estimated slowdown of the session: work's time over what is left of it without the delay. `but`: an interval left out. */
static double slowdown_of(const struct session *s, size_t v, enum metric_id delayed, size_t but)
{
	double time = 0, delay = 0;

	for (size_t i = 0; i < s->n_intervals; i++) {
		if (i == but || session_value(s, i, v, METRIC_WORK) == SESSION_ABSENT)
			continue;
		time += (double)session_value(s, i, v, METRIC_WORK);
		delay += (double)session_value(s, i, v, delayed);
	}
	return time > 0 ? fmin(time / fmax(time - delay, 0), MOST_SLOWDOWN) : (double)NAN;
}

/* Standard error from how much each interval matters (jackknife: Efron, Stein 1981); 0 for a single interval. */
static double slowdown_error(const struct session *s, size_t v)
{
	double mean = 0, squares = 0, one;
	size_t n = 0;

	for (size_t i = 0; i < s->n_intervals; i++) {
		if (session_value(s, i, v, METRIC_WORK) == SESSION_ABSENT || isnan(one = slowdown_of(s, v, METRIC_WORK_DELAYED, i)))
			continue;
		n++;
		squares += (one - mean) * (one - mean) * (double)(n - 1) / (double)n;
		mean += (one - mean) / (double)n;
	}
	return n > 1 ? sqrt(squares * (double)(n - 1) / (double)n) : 0;
}

/* The estimate; its interval is what blame leaves open (low, high of each reading) and chance between readings. Sessions of
 * recorders that stored ratios only give their mean. */
static void add_slowdown(struct table *t, const struct session *s, size_t v)
{
	double error = Z_90 * slowdown_error(s, v), middle = slowdown_of(s, v, METRIC_WORK_DELAYED, SIZE_MAX);

	if (isnan(middle)) {
		table_real(t, gauge(s, v, METRIC_SLOWDOWN, false) / 1e6);
		table_real(t, gauge(s, v, METRIC_SLOWDOWN_LOW, false) / 1e6);
		table_real(t, gauge(s, v, METRIC_SLOWDOWN_HIGH, false) / 1e6);
		return;
	}
	table_real(t, middle);
	table_real(t, fmax(slowdown_of(s, v, METRIC_WORK_DELAYED_LOW, SIZE_MAX) - error, 1));
	table_real(t, slowdown_of(s, v, METRIC_WORK_DELAYED_HIGH, SIZE_MAX) + error);
}

static void add_service(struct table *t, const struct session *s, size_t v)
{
	double seconds = session_seconds(s), on = total_or_nan(s, v, METRIC_CPU_ON), wait = total_or_nan(s, v, METRIC_CPU_WAIT);

	table_text(t, s->services[v].name);
	add_slowdown(t, s, v);
	table_real(t, on / seconds / 1e6);
	table_real(t, wait / (on + wait));
	table_real(t, quantile(s, v, METRIC_CPU_WAIT_HIST, 0.99));
	table_real(t, pair_total(s, v, METRIC_DISK_READ_BYTES, METRIC_DISK_WRITE_BYTES) / seconds);
	table_real(t, pair_total(s, v, METRIC_DISK_READS, METRIC_DISK_WRITES) / seconds);
	table_real(t, pair_total(s, v, METRIC_NET_RX_BYTES, METRIC_NET_TX_BYTES) / seconds);
	table_real(t, gauge(s, v, METRIC_MEM_RESIDENT, true));
	table_real(t, total_or_nan(s, v, METRIC_REQ) / seconds);
	table_real(t, quantile(s, v, METRIC_REQ_HIST, 0.5));
	table_real(t, quantile(s, v, METRIC_REQ_HIST, 0.99));
	table_real(t, total_or_nan(s, v, METRIC_REQ_BLAMED) / total_or_nan(s, v, METRIC_REQ_TIME));
}

static void find_slow(struct doc *d, const struct session *s, const struct table *t)
{
	for (size_t r = 0; r < table_rows(t); r++) {
		double v = cell_number(table_cell(t, r, 1)), low = cell_number(table_cell(t, r, 2)), high = cell_number(table_cell(t, r, 3));

		if (low >= TELLING_SLOWDOWN && cell_number(table_cell(t, r, 4)) >= TELLING_MCPU)
			doc_find(d, (low - 1) * 0.8, v > 1.3 ? TONE_BAD : v > 1.1 ? TONE_WARN : TONE_INFO, s->path,
				 "%s runs %.2f× slower because of its neighbours (interval %.2f to %.2f).", table_cell(t, r, 0)->text, v, low, high);
	}
}

void build_services(const struct input *in, struct doc *d, struct doc_section *sec)
{
	for (size_t i = 0; i < in->n_sessions; i++) {
		const struct session *s = in->sessions[i].session;
		char *id = table_id("services", in, i);
		struct table *t = table_new(id, in->n_sessions > 1 ? in->sessions[i].name : "Services of the session", s->path, columns);
		struct chart c = chart_of(CHART_RANGE, "Slowdown by neighbours", "1.00× = undisturbed; tick: estimate, bar: its interval", t);
		bool any = false;

		for (size_t v = 0; v < s->n_services; v++)
			if (is_service(s, v) || s->services[v].kind == CULPRIT_OTHER)
				add_service(t, s, v);
		table_sort_down(t, 4);
		for (size_t r = 0; r < table_rows(t); r++)
			any |= table_cell(t, r, 1)->kind != CELL_ABSENT;
		c.row = 0, c.value = 1, c.low = 2, c.high = 3;
		if (any)
			section_chart(sec, c);
		find_slow(d, s, t);
		section_table_take(sec, t, false);
		free(id);
	}
}
