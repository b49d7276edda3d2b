/*
 * What each victim waited for: neighbours, self, and the causes that are nobody's fault, summing to the measured wait.
 */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "reports/section.h"

enum cause { NEIGHBOURS, SELF, OTHER, KERNEL, IRQ, WAKEUP, THROTTLE, STEAL, UNKNOWN, CAUSES };
static const char *const cause_names[CAUSES] = { "neighbours", "self", "other", "kernel", "irq", "wake-up", "throttle", "steal", "unknown" };

static enum cause cause_of(const struct session *s, size_t victim, size_t culprit)
{
	static const enum cause of_kind[] = { [CULPRIT_SERVICE] = NEIGHBOURS, [CULPRIT_OTHER] = OTHER, [CULPRIT_KERNEL] = KERNEL,
					      [CULPRIT_IRQ] = IRQ, [CULPRIT_WAKEUP] = WAKEUP, [CULPRIT_THROTTLE] = THROTTLE,
					      [CULPRIT_STEAL] = STEAL, [CULPRIT_UNKNOWN] = UNKNOWN };

	return victim == culprit ? SELF : of_kind[s->services[culprit].kind];
}

static const struct column columns[] = {
	{ "resource", "Resource", UNIT_TEXT, NULL },
	{ "victim", "Waits", UNIT_TEXT, NULL },
	{ "cause", "Cause", UNIT_TEXT, NULL },
	{ "delay_ns", "Wait", UNIT_NS, "over the whole session" },
	{ "share_ratio", "Share of its wait", UNIT_RATIO, NULL },
	{ 0 }
};

static const struct column sum_columns[] = {
	{ "victim", "Waits", UNIT_TEXT, NULL },
	{ "measured_wait_ns", "Measured wait", UNIT_NS, "the kernel side's total" },
	{ "blamed_ns", "Sum of causes", UNIT_NS, "all rows of blame" },
	{ "residual_ns", "Residual", UNIT_NS, "must be 0 for CPU and disk; for requests the time asleep on disk" },
	{ 0 }
};

static void add_victim(struct table *t, const struct session *s, enum blame_resource r, size_t victim, const int64_t *row)
{
	int64_t sum[CAUSES] = { 0 }, total = 0;

	for (size_t c = 0; c < s->n_services; c++) {
		sum[cause_of(s, victim, c)] += row[c];
		total += row[c];
	}
	for (enum cause k = 0; total > 0 && k < CAUSES; k++) {
		table_text(t, blame_resource_names[r]);
		table_text(t, s->services[victim].name);
		table_text(t, cause_names[k]);
		table_int(t, sum[k]);
		table_real(t, (double)sum[k] / (double)total);
	}
}

/* Conservation: the causes must sum to the wait that was measured on its own. */
static void add_sum(struct table *t, const struct session *s, size_t victim, const int64_t *row, enum metric_id metric)
{
	int64_t measured = session_total(s, victim, metric), blamed = 0;

	for (size_t c = 0; c < s->n_services; c++)
		blamed += row[c];
	if (measured == SESSION_ABSENT || (!measured && !blamed))
		return;
	table_text(t, s->services[victim].name);
	table_int(t, measured);
	table_int(t, blamed);
	table_int(t, measured - blamed);
}

/* Resources whose waits are measured apart from their causes. */
static const struct waiting { enum blame_resource resource; const char *title; enum metric_id metric; } waitings[] = {
	{ BLAME_CPU, "CPU wait by cause", METRIC_CPU_WAIT },
	{ BLAME_DISK, "Disk time by cause", METRIC_DISK_OUTSTANDING },
	{ BLAME_MEMORY, "Wait for evicted pages by cause", METRIC_MEM_REFAULT_WAIT },
	{ BLAME_REQUEST, "Request latency by cause, disk apart", METRIC_REQ_TIME },
};

static void build_resource(const struct input *in, size_t at, const struct waiting *w, struct doc_section *sec)
{
	enum blame_resource r = w->resource;
	const struct session *s = in->sessions[at].session;
	int64_t *m = session_blame_matrix(s, r);
	char *name = str_fmt("wait_%s", blame_resource_names[r]), *id = table_id(name, in, at);
	char *sum_name = str_fmt("conservation_%s", blame_resource_names[r]), *sum_id = table_id(sum_name, in, at);
	struct table *t = table_new(id, w->title, s->path, columns), *sums = table_new(sum_id, "Conservation", s->path, sum_columns);
	struct chart c = chart_of(CHART_STACK, w->title, "of the whole session", t);

	for (size_t v = 0; m && v < s->n_services; v++) {
		if (is_service(s, v))
			add_victim(t, s, r, v, m + v * s->n_services);
		add_sum(sums, s, v, m + v * s->n_services, w->metric);
	}
	c.row = 1, c.series = 2, c.value = 3;
	if (table_rows(t)) {
		section_chart(sec, c);
		section_table_take(sec, t, true);
		section_table_take(sec, sums, true);
	} else {
		table_free(t);
		table_free(sums);
	}
	free(m);
	free(name);
	free(id);
	free(sum_name);
	free(sum_id);
}

void build_wait(const struct input *in, struct doc *d, struct doc_section *s)
{
	(void)d;
	for (size_t i = 0; i < in->n_sessions; i++) {
		if (in->n_sessions > 1)
			section_text(s, "Session %s", in->sessions[i].name);
		for (size_t w = 0; w < sizeof(waitings) / sizeof(waitings[0]); w++)
			build_resource(in, i, &waitings[w], s);
	}
}
