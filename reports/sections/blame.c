/*
 * Who delays whom: victim × culprit per resource, in seconds of delay per hour of wall time.
 */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "reports/section.h"

#define TELLING_SHARE 0.005 /* a finding needs at least this share of the victim's time … */
#define DENSE_SERVICES 40   /* beyond it the table leaves zeros out */
#define TELLING_NS 2e7      /* … and this much delay: less is noise in any session */

/* What the resource is called in a sentence, and which metrics are the victim's time on it. */
static const struct { const char *title, *words; enum metric_id busy, wait; } resources[BLAME_RESOURCES] = {
	[BLAME_CPU] = { "CPU", "of its runnable time waiting behind %s on the CPU", METRIC_CPU_ON, METRIC_CPU_WAIT },
	[BLAME_SMT] = { "SMT sibling", "of its CPU time beside %s on the sibling thread", METRIC_CPU_ON, N_METRICS },
	[BLAME_DISK] = { "Disk", "of its disk time waiting for %s's requests", METRIC_DISK_OUTSTANDING, N_METRICS },
	[BLAME_NET] = { "Network transmit queue", "of its transmit delay behind %s's packets", METRIC_NET_TX_DELAY, N_METRICS },
	[BLAME_SOFTIRQ] = { "Softirq", "of its CPU time to interrupts for %s", METRIC_CPU_ON, N_METRICS },
	[BLAME_MEMORY] = { "Memory", "of its time reading back pages that %s pushed out", METRIC_MEM_REFAULT_WAIT, N_METRICS },
	[BLAME_REQUEST] = { "Requests", "of its requests' latency because of %s", METRIC_REQ_TIME, N_METRICS },
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

struct weighted { int kind; int64_t delay; size_t service; };

static int compare(const void *pa, const void *pb)
{
	const struct weighted *a = pa, *b = pb;

	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	if (a->delay != b->delay)
		return a->delay < b->delay ? 1 : -1;
	return a->service < b->service ? -1 : a->service > b->service;
}

/* Services first, those that suffer and cause most foremost; then other, kernel, irq …; the matrix keeps this order. */
static size_t *blame_order(const struct session *s, const int64_t *m)
{
	struct weighted *w = mem_alloc(s->n_services + 1, sizeof(*w));
	size_t *order = mem_alloc(s->n_services + 1, sizeof(*order));

	for (size_t v = 0; v < s->n_services; v++) {
		w[v] = (struct weighted){ (int)s->services[v].kind, 0, v };
		for (size_t c = 0; c < s->n_services; c++)
			if (v != c)
				w[v].delay += (is_service(s, c) ? m[v * s->n_services + c] : 0) + m[c * s->n_services + v];
	}
	qsort(w, s->n_services, sizeof(*w), compare);
	for (size_t v = 0; v < s->n_services; v++)
		order[v] = w[v].service;
	free(w);
	return order;
}

static const struct column columns[] = {
	{ "victim", "Waits", UNIT_TEXT, "the service that waited" },
	{ "culprit", "Occupied it", UNIT_TEXT, "who held the resource meanwhile" },
	{ "delay_s_per_h", "Delay per hour", UNIT_S_PER_H, "seconds of delay per hour of wall time" },
	{ "delay_ns", "Delay", UNIT_NS, "over the whole session" },
	{ "share_ratio", "Share of victim's time", UNIT_RATIO, "delay ÷ the victim's own time on this resource, waits included" },
	{ 0 }
};

static bool suffers(const struct session *s, const int64_t *m, size_t victim)
{
	for (size_t c = 0; c < s->n_services; c++)
		if (m[victim * s->n_services + c] > 0)
			return true;
	return false;
}

static bool causes(const struct session *s, const int64_t *m, size_t culprit)
{
	for (size_t v = 0; v < s->n_services; v++)
		if (m[v * s->n_services + culprit] > 0)
			return true;
	return false;
}

static struct table *matrix_table(const struct input *in, size_t at, enum blame_resource r, const int64_t *m, struct doc *d)
{
	const struct session *s = in->sessions[at].session;
	char *name = str_fmt("blame_%s", blame_resource_names[r]), *id = table_id(name, in, at);
	char *title = str_fmt("%s: delay by victim and culprit", resources[r].title);
	struct table *t = table_new(id, title, s->path, columns);
	double hours = session_seconds(s) / 3600;

	size_t *order = blame_order(s, m);

	for (size_t i = 0; i < s->n_services; i++)
		for (size_t k = 0; k < s->n_services; k++) {
			size_t v = order[i], c = order[k];
			double delay = (double)m[v * s->n_services + c];

			if (delay <= 0 && (s->n_services > DENSE_SERVICES || !suffers(s, m, v) || !causes(s, m, c)))
				continue;
			table_text(t, s->services[v].name);
			table_text(t, s->services[c].name);
			table_real(t, delay / 1e9 / hours);
			table_int(t, m[v * s->n_services + c]);
			table_real(t, delay / victim_time(s, v, r));
			find(d, s, r, v, c, delay);
		}
	free(order);
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

	if (!m)
		return;
	t = matrix_table(in, at, r, m, d);
	c = chart_of(CHART_MATRIX, resources[r].title, "diagonal: its own threads; who neither waited nor delayed anyone is left out", t);
	c.row = 0, c.series = 1, c.value = 2;
	if (table_rows(t))
		section_chart(sec, c);
	else
		section_text(sec, "%s: measured, and nobody waited.", resources[r].title);
	section_table_take(sec, t, true);
	free(m);
}

/* Absent resources in one sentence. */
static void say_absent(const struct session *s, const char *name, struct doc_section *sec)
{
	char *list = NULL;

	for (enum blame_resource r = 0; r < BLAME_RESOURCES; r++) {
		int64_t *m = session_blame_matrix(s, r);
		char *longer = m ? NULL : str_fmt("%s%s%s", list ? list : "", list ? ", " : "", resources[r].title);

		free(m);
		if (!longer)
			continue;
		free(list);
		list = longer;
	}
	if (list)
		section_text(sec, "Not measured in %s (n/a, which is not zero): %s.", name, list);
	free(list);
}

void build_blame(const struct input *in, struct doc *d, struct doc_section *s)
{
	for (size_t i = 0; i < in->n_sessions; i++) {
		if (in->n_sessions > 1)
			section_text(s, "Session %s", in->sessions[i].name);
		for (enum blame_resource r = 0; r < BLAME_RESOURCES; r++)
			build_resource(in, i, r, d, s);
		say_absent(in->sessions[i].session, in->sessions[i].name, s);
	}
}
