/*
 * The sessions' own rows, for JSON and CSV: one row per interval and service with every metric, and blame as it was stored.
 */
#include <stdlib.h>

#include "reports/section.h"

static const struct column sample_columns[] = {
	{ "interval", "Interval", UNIT_COUNT, NULL }, { "start_ns", "Start", UNIT_NS, NULL }, { "end_ns", "End", UNIT_NS, NULL },
	{ "wall_ns", "Wall", UNIT_WALL_NS, NULL }, { "service", "Service", UNIT_TEXT, NULL }, { "kind", "Kind", UNIT_TEXT, NULL }, { 0 }
};

static const struct column blame_columns[] = {
	{ "interval", "Interval", UNIT_COUNT, NULL }, { "resource", "Resource", UNIT_TEXT, NULL }, { "victim", "Victim", UNIT_TEXT, NULL },
	{ "culprit", "Culprit", UNIT_TEXT, NULL }, { "delay_ns", "Delay", UNIT_NS, NULL }, { 0 }
};

static bool is_empty(const struct session *s, size_t interval, size_t service)
{
	for (enum metric_id m = 0; m < N_METRICS; m++)
		if (session_value(s, interval, service, m) != SESSION_ABSENT)
			return false;
	return true;
}

static struct table *sample_table(const char *id, const struct session *s)
{
	struct table *t = table_new(id, "Samples", s->path, sample_columns);

	t->raw = true;
	for (enum metric_id m = 0; m < N_METRICS; m++)
		table_add_column(t, (struct column){ metrics[m].name, metrics[m].name, UNIT_NUMBER, metrics[m].help });
	for (size_t i = 0; i < s->n_intervals; i++)
		for (size_t v = 0; v < s->n_services; v++) {
			if (is_empty(s, i, v))
				continue;
			table_int(t, (int64_t)i);
			table_int(t, (int64_t)s->intervals[i].start_ns);
			table_int(t, (int64_t)s->intervals[i].end_ns);
			table_int(t, (int64_t)s->intervals[i].wall_ns);
			table_text(t, s->services[v].name);
			table_text(t, culprit_kind_names[s->services[v].kind]);
			for (enum metric_id m = 0; m < N_METRICS; m++) {
				int64_t x = session_value(s, i, v, m);

				if (x == SESSION_ABSENT)
					table_absent(t);
				else
					table_int(t, x);
			}
		}
	return t;
}

static struct table *blame_table(const char *id, const struct session *s)
{
	struct table *t = table_new(id, "Blame by interval", s->path, blame_columns);

	t->raw = true;
	for (size_t i = 0; i < s->n_blames; i++) {
		const struct session_blame *b = &s->blames[i];

		table_int(t, b->interval);
		table_text(t, blame_resource_names[b->resource]);
		table_text(t, s->services[b->victim].name);
		table_text(t, s->services[b->culprit].name);
		table_int(t, b->delay_ns);
	}
	return t;
}

void build_data(const struct input *in, struct doc *d, struct doc_section *s)
{
	(void)d;
	for (size_t i = 0; i < in->n_sessions; i++) {
		char *samples = table_id("samples", in, i), *blames = table_id("blame", in, i);

		section_table_take(s, sample_table(samples, in->sessions[i].session), true);
		section_table_take(s, blame_table(blames, in->sessions[i].session), true);
		free(samples);
		free(blames);
	}
}
