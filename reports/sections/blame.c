/*
 * Who delays whom: victim × culprit per resource, in seconds of delay per hour of wall time.
 */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "reports/section.h"

#define TELLING_SHARE 0.005 /* a finding needs at least this share of the victim's time … */
#define TELLING_NS 2e7      /* … and this much delay: less is noise in any session */

/* What the resource is called in a sentence, and which metrics are the victim's time on it. */
static const struct { const char *title, *words; enum metric_id busy, wait; } resources[BLAME_RESOURCES] = {
	[BLAME_CPU] = { "CPU", "of its runnable time waiting behind %s on the CPU", METRIC_CPU_ON, METRIC_CPU_WAIT },
	[BLAME_SMT] = { "SMT sibling", "of its CPU time beside %s on the sibling thread", METRIC_CPU_ON, N_METRICS },
	[BLAME_DISK] = { "Disk", "of its disk time waiting for %s's requests", METRIC_DISK_OUTSTANDING, N_METRICS },
	[BLAME_NET] = { "Network transmit queue", "of its transmit delay behind %s's packets", METRIC_NET_TX_DELAY, N_METRICS },
	[BLAME_SOFTIRQ] = { "Softirq", "of its CPU time to network work done for %s", METRIC_CPU_ON, N_METRICS },
	[BLAME_MEMORY] = { "Memory", "of its time reading back pages that %s pushed out", METRIC_MEM_REFAULT_WAIT, N_METRICS },
};

static double victim_time(const struct session *s, size_t victim, enum blame_resource r)
{
	double busy = total_or_nan(s, victim, resources[r].busy);
	double wait = resources[r].wait == N_METRICS ? 0 : total_or_nan(s, victim, resources[r].wait);

	return busy + wait;
}

static void find(struct doc *d, const struct session *s, enum blame_resource r, size_t victim, size_t culprit, double delay)
{
	double share = delay / victim_time(s, victim, r);
	char percent[32], *behind;

	if (!(share >= TELLING_SHARE) || delay < TELLING_NS || victim == culprit || !is_service(s, victim) || !is_service(s, culprit))
		return;
	unit_show(UNIT_RATIO, share > 1 ? 1 : share, percent, sizeof(percent));
	behind = str_fmt(resources[r].words, s->services[culprit].name); /* words are our own table's */
	doc_find(d, share * fmin(1, delay / 5e8), share > 0.2 ? TONE_BAD : share > 0.05 ? TONE_WARN : TONE_INFO, s->path, "%s lost %s %s.",
		 s->services[victim].name, percent, behind);
	free(behind);
}

static const struct column columns[] = {
	{ "victim", "Waits", UNIT_TEXT, "the service that waited" },
	{ "culprit", "Occupied it", UNIT_TEXT, "who held the resource meanwhile" },
	{ "delay_s_per_h", "Delay per hour", UNIT_S_PER_H, "seconds of delay per hour of wall time" },
	{ "delay_ns", "Delay", UNIT_NS, "over the whole session" },
	{ "share_ratio", "Share of victim's time", UNIT_RATIO, "delay ÷ the victim's own time on this resource, waits included" },
	{ 0 }
};

static struct table *matrix_table(const struct input *in, size_t at, enum blame_resource r, const int64_t *m, struct doc *d)
{
	const struct session *s = in->sessions[at].session;
	char *name = str_fmt("blame_%s", blame_resource_names[r]), *id = table_id(name, in, at);
	char *title = str_fmt("%s: delay by victim and culprit", resources[r].title);
	struct table *t = table_new(id, title, s->path, columns);
	double hours = session_seconds(s) / 3600;

	for (size_t v = 0; v < s->n_services; v++)
		for (size_t c = 0; c < s->n_services; c++) {
			double delay = (double)m[v * s->n_services + c];

			if (delay <= 0)
				continue;
			table_text(t, s->services[v].name);
			table_text(t, v == c ? "self" : s->services[c].name);
			table_real(t, delay / 1e9 / hours);
			table_int(t, m[v * s->n_services + c]);
			table_real(t, delay / victim_time(s, v, r));
			find(d, s, r, v, c, delay);
		}
	table_sort_down(t, 2);
	free(name);
	free(id);
	free(title);
	return t;
}

static void build_resource(const struct input *in, size_t at, enum blame_resource r, struct doc *d, struct doc_section *sec)
{
	int64_t *m = session_blame_matrix(in->sessions[at].session, r);
	struct table *t;
	struct chart c;

	if (!m) {
		section_text(sec, "%s: not measured in %s (n/a, which is not zero).", resources[r].title, in->sessions[at].name);
		return;
	}
	t = matrix_table(in, at, r, m, d);
	c = chart_of(CHART_MATRIX, resources[r].title, "shade by root of the delay", t);
	c.row = 0, c.series = 1, c.value = 2;
	if (table_rows(t))
		section_chart(sec, c);
	else
		section_text(sec, "%s: measured, and nobody waited.", resources[r].title);
	section_table_take(sec, t, true);
	free(m);
}

void build_blame(const struct input *in, struct doc *d, struct doc_section *s)
{
	for (size_t i = 0; i < in->n_sessions; i++) {
		if (in->n_sessions > 1)
			section_text(s, "Session %s", in->sessions[i].name);
		for (enum blame_resource r = 0; r < BLAME_RESOURCES; r++)
			build_resource(in, i, r, d, s);
	}
}
