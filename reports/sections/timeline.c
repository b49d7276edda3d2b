/*
 * Resources of the node and CPU of each service, interval by interval.
 */
#include <math.h>
#include <stdlib.h>

#include "reports/section.h"

static const struct column columns[] = {
	{ "resource", "Resource", UNIT_TEXT, NULL },
	{ "wall_ns", "Time (UTC)", UNIT_WALL_NS, "start of the interval" },
	{ "level_ratio", "Level", UNIT_RATIO, "CPU: of all CPUs; the others: of their own highest interval" },
	{ "value_per_s", "Per second", UNIT_NUMBER, "in the metric's own unit" },
	{ 0 }
};

static const struct column service_columns[] = {
	{ "service", "Service", UNIT_TEXT, NULL },
	{ "wall_ns", "Time (UTC)", UNIT_WALL_NS, "start of the interval" },
	{ "cpu_mcpu", "CPU", UNIT_MCPU, "mean of the interval" },
	{ "cpu_wait_ratio", "CPU wait", UNIT_RATIO, "wait ÷ (wait + on CPU)" },
	{ 0 }
};

static const struct { const char *name; enum metric_id a, b; } resources[] = {
	{ "CPU in use", METRIC_CPU_ON, N_METRICS },
	{ "CPU wait", METRIC_CPU_WAIT, N_METRICS },
	{ "disk bytes", METRIC_DISK_READ_BYTES, METRIC_DISK_WRITE_BYTES },
	{ "disk outstanding", METRIC_DISK_OUTSTANDING, N_METRICS },
	{ "network bytes", METRIC_NET_RX_BYTES, METRIC_NET_TX_BYTES },
	{ "page faults", METRIC_MEM_FAULTS, N_METRICS },
};

/* Over all services, other and kernel included; NAN when nobody measured it. */
static double node_rate(const struct session *s, size_t interval, enum metric_id a, enum metric_id b)
{
	double sum = NAN;

	for (size_t v = 0; v < s->n_services; v++)
		for (int k = 0; k < 2; k++) {
			enum metric_id metric = k ? b : a;
			int64_t x = metric == N_METRICS ? SESSION_ABSENT : session_value(s, interval, v, metric);

			if (x != SESSION_ABSENT)
				sum = isnan(sum) ? (double)x : sum + (double)x;
		}
	return sum / interval_seconds(s, interval);
}

static void add_resource(struct table *t, const struct session *s, size_t r)
{
	double most = 0;

	for (size_t i = 0; i < s->n_intervals; i++)
		most = fmax(most, node_rate(s, i, resources[r].a, resources[r].b));
	if (resources[r].a == METRIC_CPU_ON && !isnan(session_cpus(s)))
		most = session_cpus(s) * 1e9;
	for (size_t i = 0; most > 0 && i < s->n_intervals; i++) {
		double v = node_rate(s, i, resources[r].a, resources[r].b);

		table_text(t, resources[r].name);
		table_int(t, (int64_t)s->intervals[i].wall_ns);
		table_real(t, v / most);
		table_real(t, v);
	}
}

static void add_service(struct table *t, const struct session *s, size_t v)
{
	if (total_or_nan(s, v, METRIC_CPU_ON) > 0)
		for (size_t i = 0; i < s->n_intervals; i++) {
			int64_t on = session_value(s, i, v, METRIC_CPU_ON), wait = session_value(s, i, v, METRIC_CPU_WAIT);
			double on_ns = on == SESSION_ABSENT ? (double)NAN : (double)on, wait_ns = wait == SESSION_ABSENT ? (double)NAN : (double)wait;

			table_text(t, s->services[v].name);
			table_int(t, (int64_t)s->intervals[i].wall_ns);
			table_real(t, on_ns / interval_seconds(s, i) / 1e6);
			table_real(t, wait_ns / (on_ns + wait_ns));
		}
}

void build_timeline(const struct input *in, struct doc *d, struct doc_section *sec)
{
	(void)d;
	for (size_t k = 0; k < in->n_sessions; k++) {
		const struct session *s = in->sessions[k].session;
		char *id = table_id("timeline", in, k), *service_id = table_id("timeline_services", in, k);
		struct table *t = table_new(id, "Resources of the node over time", s->path, columns);
		struct table *u = table_new(service_id, "CPU of each service over time", s->path, service_columns);
		struct chart c = chart_of(CHART_HEAT, "The node's resources", "CPU in use: share of all CPUs; the others: share of their own peak", t);
		struct chart v = chart_of(CHART_HEAT, "Share of runnable time each service waited for a CPU", NULL, u);

		for (size_t r = 0; r < sizeof(resources) / sizeof(resources[0]); r++)
			add_resource(t, s, r);
		for (size_t i = 0; i < s->n_services; i++)
			add_service(u, s, i);
		c.row = 0, c.x = 1, c.value = 2, c.full = 1;
		v.row = 0, v.x = 1, v.value = 3;
		if (in->n_sessions > 1)
			section_text(sec, "Session %s", in->sessions[k].name);
		section_chart(sec, c);
		section_chart(sec, v);
		section_table_take(sec, t, true);
		section_table_take(sec, u, true);
		free(id);
		free(service_id);
	}
}
