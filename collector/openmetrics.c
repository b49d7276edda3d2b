/*
 * OpenMetrics exposition: see openmetrics.h. Histograms are cut to one bucket per factor of four, whose bounds are bounds of the fine layout
 * too (powers of two), so the counts stay exact.
 */
#include "collector/openmetrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define LE_FIRST_BIT 10   /* 1.024 us */
#define LE_LAST_BIT 34    /* 17 s */
#define LE_STEP_BITS 2

static const struct { const char *unit, *base; double divisor; } units[] = {
	{ "ns", "_seconds", 1e9 }, { "bytes", "_bytes", 1 }, { "count", "", 1 }, { "ppm", "_ratio", 1e6 },
};

struct openmetrics *openmetrics_new(void)
{
	struct openmetrics *o = mem_alloc(1, sizeof(*o));

	for (size_t p = 0; p < PARTICIPANTS_MAX; p++)
		for (size_t m = 0; m < N_METRICS; m++)
			o->totals[p][m] = SESSION_ABSENT;
	return o;
}

static void add_values(struct openmetrics *o, const struct sampler *s, size_t p)
{
	for (size_t m = 0; m < N_METRICS; m++) {
		int64_t v = s->values[p][m], *total = &o->totals[p][m];

		if (metrics[m].kind == METRIC_GAUGE)
			*total = v;
		else if (v != SESSION_ABSENT)
			*total = (*total == SESSION_ABSENT ? 0 : *total) + v;
	}
}

void openmetrics_add(struct openmetrics *o, const struct sampler *s)
{
	for (size_t p = 0; p < s->n; p++) {
		add_values(o, s, p);
		for (size_t h = 0; s->probes && h < PROBE_N_HISTS; h++)
			for (size_t b = 0; s->sample->hist_present[h] && b < HIST_BUCKETS; b++)
				o->hists[p][h][b] += s->sample->hists[h][sampler_slot(p)][b];
	}
	for (int r = 0; r < BLAME_RESOURCES; r++) {
		o->measured[r] |= sampler_blame_present(s, (enum blame_resource)r);
		for (size_t v = 0; v < s->n; v++)
			for (size_t c = 0; c < s->n; c++)
				o->blame[r][v][c] += sampler_blame(s, (enum blame_resource)r, v, c);
	}
	o->collector_ns += (uint64_t)s->interval.collector_ns;
	o->bpf_ns += s->interval.bpf_ns == SESSION_ABSENT ? 0 : (uint64_t)s->interval.bpf_ns;
	o->losses += (uint64_t)s->interval.losses;
	o->readings++;
}

/* Label values: backslash, quote and newline are escaped. */
static void put_label(FILE *f, const char *key, const char *value)
{
	fprintf(f, "%s=\"", key);
	for (; *value; value++) {
		if (*value == '\\' || *value == '"')
			fputc('\\', f);
		if (*value == '\n')
			fputs("\\n", f);
		else
			fputc(*value, f);
	}
	fputc('"', f);
}

/* "cpu_wait_ns" -> "cotenant_cpu_wait_seconds"; the divisor to base units. */
static double family(const char *name, const char *unit, char out[96])
{
	size_t u = 0, n = strlen(name) - strlen(unit) - 1;

	while (strcmp(units[u].unit, unit)) /* the tests check that every metric's unit is known */
		u++;
	snprintf(out, 96, "cotenant_%.*s%s", (int)n, name, units[u].base);
	return units[u].divisor;
}

static void put_metric(FILE *f, const struct openmetrics *o, const struct sampler *s, size_t m)
{
	bool counter = metrics[m].kind == METRIC_COUNTER, any = false;
	char name[96];
	double divisor = family(metrics[m].name, metrics[m].unit, name);

	for (size_t p = 0; p < s->n; p++) {
		if (o->totals[p][m] == SESSION_ABSENT)
			continue;
		if (!any)
			fprintf(f, "# TYPE %s %s\n# HELP %s %s.\n", name, counter ? "counter" : "gauge", name, metrics[m].help);
		any = true;
		fprintf(f, "%s%s{", name, counter ? "_total" : "");
		put_label(f, "service", sampler_name(s, p));
		fprintf(f, "} %.15g\n", (double)o->totals[p][m] / divisor);
	}
}

static void put_buckets(FILE *f, const char *name, const char *service, const uint64_t counts[HIST_BUCKETS])
{
	uint64_t below = 0;
	unsigned b = 0;

	for (unsigned bit = LE_FIRST_BIT; bit <= LE_LAST_BIT; bit += LE_STEP_BITS) {
		for (; b < HIST_BUCKETS && hist_low(b + 1) <= 1ull << bit; b++)
			below += counts[b];
		fprintf(f, "%s_bucket{", name);
		put_label(f, "service", service);
		fprintf(f, ",le=\"%.9g\"} %" PRIu64 "\n", (double)(1ull << bit) / 1e9, below);
	}
	for (; b < HIST_BUCKETS; b++)
		below += counts[b];
	fprintf(f, "%s_bucket{", name);
	put_label(f, "service", service);
	fprintf(f, ",le=\"+Inf\"} %" PRIu64 "\n", below);
}

static void put_hist(FILE *f, const struct openmetrics *o, const struct sampler *s, size_t h)
{
	enum metric_id m = sampler_metric_of_hist((enum probe_hist)h);
	bool any = false;
	char name[96];

	if (m == N_METRICS)
		return;
	family(metrics[m].name, metrics[m].unit, name);
	for (size_t p = 0; p < s->n; p++) {
		uint64_t sum = 0;

		for (size_t b = 0; b < HIST_BUCKETS; b++)
			sum += o->hists[p][h][b];
		if (!sum)
			continue;
		if (!any)
			fprintf(f, "# TYPE %s histogram\n# HELP %s %s.\n", name, name, metrics[m].help);
		any = true;
		put_buckets(f, name, sampler_name(s, p), o->hists[p][h]);
	}
}

static void put_blame(FILE *f, const struct openmetrics *o, const struct sampler *s)
{
	fputs("# TYPE cotenant_blame_seconds counter\n# HELP cotenant_blame_seconds Delay of the victim while the culprit held the resource.\n", f);
	for (int r = 0; r < BLAME_RESOURCES; r++)
		for (size_t v = 0; o->measured[r] && v < s->n; v++)
			for (size_t c = 0; c < s->n; c++) {
				if (!o->blame[r][v][c])
					continue;
				fprintf(f, "cotenant_blame_seconds_total{resource=\"%s\",", blame_resource_names[r]);
				put_label(f, "victim", sampler_name(s, v));
				fputc(',', f);
				put_label(f, "culprit", sampler_name(s, c));
				fprintf(f, "} %.15g\n", (double)o->blame[r][v][c] / 1e9);
			}
}

static void put_self(FILE *f, const struct openmetrics *o, const struct sampler *s)
{
	struct probe_status status;

	fputs("# TYPE cotenant_build info\n# HELP cotenant_build Version of the agent.\n", f);
	fprintf(f, "cotenant_build_info{version=\"%s\"} 1\n", COTENANT_VERSION);
	fprintf(f, "# TYPE cotenant_readings counter\n# HELP cotenant_readings Readings taken.\ncotenant_readings_total %" PRIu64 "\n", o->readings);
	fprintf(f, "# TYPE cotenant_process_cpu_seconds counter\n# HELP cotenant_process_cpu_seconds CPU time of the agent itself.\n"
		"cotenant_process_cpu_seconds_total %.9f\n", (double)o->collector_ns / 1e9);
	fprintf(f, "# TYPE cotenant_lost_events counter\n# HELP cotenant_lost_events Events that could not be recorded, all causes.\n"
		"cotenant_lost_events_total %" PRIu64 "\n", o->losses);
	fputs("# TYPE cotenant_bpf_program_run_seconds counter\n# HELP cotenant_bpf_program_run_seconds Run time of a probe.\n", f);
	for (size_t i = 0; s->probes && i < probes_count(s->probes); i++) {
		probes_status(s->probes, i, &status);
		fprintf(f, "cotenant_bpf_program_run_seconds_total{probe=\"%s\"} %.9f\n", status.name, (double)status.run_ns / 1e9);
	}
}

char *openmetrics_text(const struct openmetrics *o, const struct sampler *s, size_t *size)
{
	char *text;
	FILE *f = open_memstream(&text, size);

	if (!f)
		abort(); /* out of memory, as in base/mem.c */
	for (size_t m = 0; m < N_METRICS; m++)
		if (metrics[m].kind != METRIC_HIST)
			put_metric(f, o, s, m);
	for (size_t h = 0; h < PROBE_N_HISTS; h++)
		put_hist(f, o, s, h);
	put_blame(f, o, s);
	put_self(f, o, s);
	fputs("# EOF\n", f);
	fclose(f);
	return text;
}
