/*
 * How far the numbers can be trusted: losses, own cost, absent sources, unknown share, lateness; and what was measured where.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reports/section.h"

static const struct column probe_columns[] = {
	{ "probe", "Probe", UNIT_TEXT, NULL },
	{ "state", "State", UNIT_TEXT, NULL },
	{ "runs_count", "Runs", UNIT_COUNT, NULL },
	{ "run_ns", "Run time", UNIT_NS, "in the kernel, over the session" },
	{ "cpu_ratio", "Of one CPU", UNIT_RATIO, NULL },
	{ "losses_count", "Losses", UNIT_COUNT, "events it could not record" },
	{ "note", "Note", UNIT_TEXT, NULL },
	{ 0 }
};

static const struct column metric_columns[] = {
	{ "metric", "Metric", UNIT_TEXT, NULL },
	{ "services_count", "Services with values", UNIT_COUNT, NULL },
	{ "help", "What it is", UNIT_TEXT, NULL },
	{ 0 }
};

static const struct column fact_columns[] = { { "key", "Fact", UNIT_TEXT, NULL }, { "value", "Value", UNIT_TEXT, NULL }, { 0 } };

static void table_or_absent(struct table *t, int64_t v)
{
	if (v == SESSION_ABSENT)
		table_absent(t);
	else
		table_int(t, v);
}

static struct table *probe_table(const char *id, const struct session *s)
{
	struct table *t = table_new(id, "Probes", s->path, probe_columns);

	for (size_t i = 0; i < s->n_probes; i++) {
		const struct session_probe *p = &s->probes[i];

		table_text(t, p->name);
		table_text(t, p->state);
		table_or_absent(t, p->runs);
		table_or_absent(t, p->run_ns);
		table_real(t, p->run_ns == SESSION_ABSENT ? (double)NAN : (double)p->run_ns / 1e9 / session_seconds(s));
		table_or_absent(t, p->losses);
		table_text(t, p->note && p->note[0] ? p->note : NULL);
	}
	return t;
}

static size_t services_with(const struct session *s, enum metric_id metric)
{
	size_t n = 0;

	for (size_t v = 0; v < s->n_services; v++)
		n += session_total(s, v, metric) != SESSION_ABSENT;
	return n;
}

static struct table *metric_table(const char *id, const struct session *s, size_t *absent)
{
	struct table *t = table_new(id, "Metrics, measured and absent", s->path, metric_columns);

	*absent = 0;
	for (enum metric_id m = 0; m < N_METRICS; m++) {
		size_t n = services_with(s, m);

		table_text(t, metrics[m].name);
		if (n)
			table_int(t, (int64_t)n);
		else
			table_absent(t);
		table_text(t, metrics[m].help);
		*absent += !n;
	}
	return t;
}

void build_quality(const struct input *in, struct doc *d, struct doc_section *sec)
{
	(void)d;
	for (size_t i = 0; i < in->n_sessions; i++) {
		const struct session *s = in->sessions[i].session;
		char *id = table_id("probes", in, i), *metric_id = table_id("metrics", in, i), *fact_id = table_id("facts", in, i);
		struct table *facts = table_new(fact_id, "Header of the session", s->path, fact_columns);
		size_t absent;
		struct table *t = metric_table(metric_id, s, &absent);

		for (size_t f = 0; f < s->n_facts; f++) {
			table_text(facts, s->facts[f].key);
			table_text(facts, s->facts[f].value);
		}
		section_text(sec, "%s: %zu intervals, %zu of %d metrics absent (n/a).", in->sessions[i].name, s->n_intervals, absent, N_METRICS);
		section_table_take(sec, probe_table(id, s), false);
		section_table_take(sec, t, true);
		section_table_take(sec, facts, true);
		free(id);
		free(metric_id);
		free(fact_id);
	}
}
