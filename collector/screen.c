/* The live view as text: see screen.h. Rates are per second of the interval just read; "n/a" where nothing was measured. */
#include "collector/screen.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_CELLS 14        /* of 80 columns; a wider terminal gives its rest to the name, up to … */
#define NAME_CELLS_MOST 32
#define CULPRIT_CELLS 11
#define TABLE_CELLS 80
#define HEADER_LINES 4
#define DETAIL_LINES 2       /* above the culprits */

const char *const screen_sort_names[SORTS] = { "delay", "slow", "latency", "cpu", "wait", "disk", "memory", "name" };

struct page {
	char *text;
	size_t size, used, columns;
	size_t extra;                /* lines of the heading that are not always there */
};

static void put_line(struct page *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* One line, cut to the terminal's width (cells are counted as UTF-8 sequences). */
static void put_line(struct page *p, const char *fmt, ...)
{
	char line[512];
	size_t cells = 0, n = 0;
	va_list args;

	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	for (; line[n]; n++)
		if (((unsigned char)line[n] & 0xc0) != 0x80 && cells++ == p->columns)
			break;
	if (p->used + n + 2 > p->size)
		return;
	memcpy(p->text + p->used, line, n);
	p->used += n;
	p->text[p->used++] = '\n';
	p->text[p->used] = '\0';
}

static double seconds(const struct sampler *s)
{
	uint64_t ns = s->interval.end_ns - s->interval.start_ns;

	return ns && s->interval.start_ns ? (double)ns / 1e9 : 1;
}

/* Delay of a service by other services and `other`, over all resources (that of its requests is the same delay once more; time beside a
 * busy sibling is no wait). */
static uint64_t delay_of(const struct sampler *s, size_t victim, size_t *worst)
{
	uint64_t sum = 0, most = 0;

	*worst = SIZE_MAX;
	for (size_t c = 0; c < s->n; c++) {
		uint64_t by = 0;

		if (c == victim || (sampler_kind(c) != CULPRIT_SERVICE && sampler_kind(c) != CULPRIT_OTHER))
			continue;
		for (int r = 0; r < BLAME_RESOURCES; r++)
			by += r == BLAME_REQUEST || r == BLAME_SMT ? 0 : sampler_blame(s, (enum blame_resource)r, victim, c);
		if (by > most) {
			most = by;
			*worst = c;
		}
		sum += by;
	}
	return sum;
}

static int64_t disk_bytes(const struct sampler *s, size_t p)
{
	int64_t r = s->values[p][METRIC_DISK_READ_BYTES], w = s->values[p][METRIC_DISK_WRITE_BYTES];

	return r == SESSION_ABSENT ? w : w == SESSION_ABSENT ? r : r + w;
}

static int64_t cpu_ns(const struct sampler *s, size_t p)
{
	return s->values[p][METRIC_CPU_ON] != SESSION_ABSENT ? s->values[p][METRIC_CPU_ON] : s->values[p][METRIC_CPU_USAGE];
}

static int64_t latency_ns(const struct sampler *s, size_t p)
{
	int64_t n = s->values[p][METRIC_REQ], time = s->values[p][METRIC_REQ_TIME];

	return n == SESSION_ABSENT || time == SESSION_ABSENT || n == 0 ? SESSION_ABSENT : time / n;
}

static int64_t sort_key(const struct sampler *s, enum screen_sort sort, size_t p)
{
	size_t worst;

	switch (sort) {
	case SORT_DELAY:
		return (int64_t)delay_of(s, p, &worst);
	case SORT_SLOW:
		return s->values[p][METRIC_SLOWDOWN];
	case SORT_LATENCY:
		return latency_ns(s, p);
	case SORT_CPU:
		return cpu_ns(s, p);
	case SORT_WAIT:
		return s->values[p][METRIC_CPU_WAIT];
	case SORT_DISK:
		return disk_bytes(s, p);
	case SORT_MEMORY:
		return s->values[p][METRIC_MEM_RESIDENT];
	default:
		return 0;
	}
}

size_t screen_order(const struct sampler *s, enum screen_sort sort, size_t order[PARTICIPANTS_MAX])
{
	int64_t keys[PARTICIPANTS_MAX];
	size_t n = 0;

	for (size_t p = PARTICIPANT_FIRST; p < s->n; p++) {
		int64_t key = sort_key(s, sort, p);
		size_t at = n++;

		for (; at > 0 && (key > keys[at - 1] || (sort == SORT_NAME && strcmp(sampler_name(s, p),
								    sampler_name(s, order[at - 1])) < 0)); at--) {
			keys[at] = keys[at - 1];
			order[at] = order[at - 1];
		}
		keys[at] = key;
		order[at] = p;
	}
	return n;
}

static const char *cell(char *text, size_t size, int64_t value, double divisor, int digits)
{
	if (value == SESSION_ABSENT)
		return "n/a";
	snprintf(text, size, "%.*f", digits, (double)value / divisor);
	return text;
}

/* A duration in four or five cells. "-" where there were no requests. */
static const char *time_cell(char *text, size_t size, int64_t ns)
{
	static const struct { double ns; const char *unit; } units[] = { { 1e9, "s" }, { 1e6, "ms" }, { 1e3, "us" } };
	size_t u = 0;

	if (ns == SESSION_ABSENT)
		return "-";
	while (u < 2 && (double)ns < units[u].ns)
		u++;
	snprintf(text, size, "%.*f%s", (double)ns < 100 * units[u].ns ? 1 : 0, (double)ns / units[u].ns, units[u].unit);
	return text;
}

static int name_cells(const struct page *page)
{
	int cells = (int)page->columns - TABLE_CELLS + NAME_CELLS;

	return cells < NAME_CELLS ? NAME_CELLS : cells > NAME_CELLS_MOST ? NAME_CELLS_MOST : cells;
}

static void put_service(struct page *page, const struct screen *v, const struct sampler *s, size_t p, size_t row)
{
	char cpu[32], wait[32], slow[32], latency[32], disk[32], mem[32], delay[32];
	int cells = name_cells(page);
	double length = seconds(s);
	size_t worst;
	uint64_t by = delay_of(s, p, &worst);
	bool measured = sampler_blame_present(s, BLAME_CPU) || sampler_blame_present(s, BLAME_DISK);

	put_line(page, "%c%-*.*s %6s %7s %8s %-*.*s %6s %7s %6s %6s", v->rows && row == v->selected ? '>' : ' ', cells, cells,
		 sampler_name(s, p), cell(cpu, sizeof(cpu), cpu_ns(s, p), length * 1e7, 1),
		 cell(wait, sizeof(wait), s->values[p][METRIC_CPU_WAIT], length * 1e6, 1),
		 cell(delay, sizeof(delay), measured ? (int64_t)by : SESSION_ABSENT, length * 1e6, 1), CULPRIT_CELLS, CULPRIT_CELLS,
		 worst == SIZE_MAX ? "-" : sampler_name(s, worst),
		 cell(slow, sizeof(slow), s->values[p][METRIC_SLOWDOWN], 1e6, 2),
		 time_cell(latency, sizeof(latency), latency_ns(s, p)),
		 cell(disk, sizeof(disk), disk_bytes(s, p), length * 1048576, 1),
		 cell(mem, sizeof(mem), s->values[p][METRIC_MEM_RESIDENT], 1048576, 0));
}

/* Lines that are left below the heading and `above` lines; all n when the page has no end. */
static size_t lines_left(const struct page *page, const struct screen *v, size_t above, size_t n)
{
	above += HEADER_LINES + page->extra;
	return v->rows > above ? v->rows - above : n;
}

static void put_table(struct page *page, const struct screen *v, const struct sampler *s)
{
	size_t order[PARTICIPANTS_MAX], n = screen_order(s, v->sort, order), first = 0, room;
	int cells = name_cells(page);

	put_line(page, " %-*s %6s %7s %8s %-*s %6s %7s %6s %6s", cells, "SERVICE", "CPU %", "WAIT", "DELAYED", CULPRIT_CELLS, "MOSTLY BY",
		 "SLOW x", "LATENCY", "DISK", "MEM");
	put_line(page, " %-*s %6s %7s %8s %-*s %6s %7s %6s %6s", cells, "", "", "ms/s", "ms/s", CULPRIT_CELLS, "", "", "", "MiB/s", "MiB");
	room = lines_left(page, v, 1, n);
	if (v->rows && v->selected >= room)
		first = v->selected - room + 1;
	for (size_t i = first; i < n && i < first + room; i++)
		put_service(page, v, s, order[i], i);
	if (!n)
		put_line(page, " no services found; start one with: cotenant run NAME -- CMD, or try --by comm");
}

/* Latency that the share q of this interval's requests stayed below: middle of the histogram's bucket. */
static int64_t latency_quantile(const struct sampler *s, size_t p, double q)
{
	const uint64_t *counts = s->sample->hists[PROBE_HIST_REQ_LATENCY][sampler_slot(p)];
	uint64_t total = 0, seen = 0;

	for (size_t b = 0; b < HIST_BUCKETS; b++)
		total += counts[b];
	for (uint32_t b = 0; total && b < HIST_BUCKETS; b++)
		if ((double)(seen += counts[b]) >= q * (double)total)
			return (int64_t)((hist_low(b) + (b + 1 < HIST_BUCKETS ? hist_low(b + 1) : hist_low(b))) / 2);
	return SESSION_ABSENT;
}

static void put_requests(struct page *page, const struct sampler *s, size_t p)
{
	const int64_t *v = s->values[p];
	char mean[32], median[32], p99[32], share[32] = "n/a";

	if (v[METRIC_REQ] == SESSION_ABSENT || !v[METRIC_REQ]) {
		put_line(page, " no requests seen at its sockets");
		return;
	}
	if (v[METRIC_REQ_BLAMED] != SESSION_ABSENT && v[METRIC_REQ_TIME] > 0)
		snprintf(share, sizeof(share), "%.1f%%", 100.0 * (double)v[METRIC_REQ_BLAMED] / (double)v[METRIC_REQ_TIME]);
	put_line(page, " %.0f requests/s  mean %s  p50 %s  p99 %s  by neighbours %s", (double)v[METRIC_REQ] / seconds(s),
		 time_cell(mean, sizeof(mean), latency_ns(s, p)), time_cell(median, sizeof(median), latency_quantile(s, p, 0.5)),
		 time_cell(p99, sizeof(p99), latency_quantile(s, p, 0.99)), share);
}

/* One line of the drill-down. */
struct delay { uint64_t ns, of_resource; size_t culprit; int resource; };

/* The resource that delayed most first, in it the culprit that did. */
static int delay_compare(const void *pa, const void *pb)
{
	const struct delay *a = pa, *b = pb;

	if (a->of_resource != b->of_resource)
		return a->of_resource < b->of_resource ? 1 : -1;
	if (a->resource != b->resource)
		return a->resource - b->resource;
	if (a->ns != b->ns)
		return a->ns < b->ns ? 1 : -1;
	return a->culprit < b->culprit ? -1 : a->culprit > b->culprit;
}

/* Everything that delayed a service. */
static size_t delays_of(const struct sampler *s, size_t victim, struct delay list[BLAME_RESOURCES * PARTICIPANTS_MAX])
{
	size_t n = 0;

	for (int r = 0; r < BLAME_RESOURCES; r++) {
		uint64_t total = 0;
		size_t first = n;

		for (size_t c = 0; c < s->n; c++) {
			uint64_t ns = sampler_blame(s, (enum blame_resource)r, victim, c);

			if (ns)
				list[n++] = (struct delay){ .ns = ns, .culprit = c, .resource = r };
			total += ns;
		}
		for (size_t i = first; i < n; i++)
			list[i].of_resource = total;
	}
	qsort(list, n, sizeof(list[0]), delay_compare);
	return n;
}

static void put_culprits(struct page *page, const struct screen *v, const struct sampler *s)
{
	static struct delay list[BLAME_RESOURCES * PARTICIPANTS_MAX];
	size_t n = delays_of(s, v->victim, list), room = lines_left(page, v, DETAIL_LINES, n);
	const int64_t *values = s->values[v->victim];
	char slow[3][32];

	put_line(page, " who delayed %s  slowdown %s (%s to %s)", sampler_name(s, v->victim),
		 cell(slow[0], sizeof(slow[0]), values[METRIC_SLOWDOWN], 1e6, 2),
		 cell(slow[1], sizeof(slow[1]), values[METRIC_SLOWDOWN_LOW], 1e6, 2),
		 cell(slow[2], sizeof(slow[2]), values[METRIC_SLOWDOWN_HIGH], 1e6, 2));
	put_requests(page, s, v->victim);
	put_line(page, " %-9s %-24s %-9s %10s %7s", "RESOURCE", "CULPRIT", "KIND", "ms/s", "OF IT");
	for (size_t i = 0; i < n && i < room; i++)
		put_line(page, " %-9s %-24.24s %-9s %10.3f %6.1f%%", blame_resource_names[list[i].resource], sampler_name(s, list[i].culprit),
			 list[i].culprit == v->victim ? "self" : culprit_kind_names[sampler_kind(list[i].culprit)],
			 (double)list[i].ns / 1e6 / seconds(s), 100.0 * (double)list[i].ns / (double)list[i].of_resource);
	if (!n)
		put_line(page, " nothing delayed it in this interval");
}

static void put_keys(struct page *page, const struct screen *v)
{
	if (v->victim == SIZE_MAX)
		put_line(page, "q quit  p pause  s order: %s  up/down select  enter culprits", screen_sort_names[v->sort]);
	else
		put_line(page, "q quit  p pause  esc back");
}

/* Which probes watch a part of the time, or not at all: their figures are estimates, or missing. */
static void put_reduced(struct page *page, const struct sampler *s)
{
	char text[256] = "";
	struct probe_status status;
	size_t n = 0;

	for (size_t i = 0; s->probes && i < probes_count(s->probes) && n < sizeof(text); i++) {
		probes_status(s->probes, i, &status);
		if (status.state == PROBE_OFF)
			n += (size_t)snprintf(text + n, sizeof(text) - n, "  %s off", status.name);
		else if (status.share[PROBE_CORE] < 1)
			n += (size_t)snprintf(text + n, sizeof(text) - n, "  %s %.0f%%", status.name, 100 * status.share[PROBE_CORE]);
		else if (status.share[PROBE_HOT] < 1)
			n += (size_t)snprintf(text + n, sizeof(text) - n, "  %s in part %.1f%%", status.name, 100 * status.share[PROBE_HOT]);
	}
	if (!n)
		return;
	put_line(page, "watched of the time (estimates):%s", text);
	page->extra++;
}

size_t screen_draw(const struct screen *v, const struct sampler *s, char *text, size_t size)
{
	struct page page = { .text = text, .size = size, .columns = v->columns };

	text[0] = '\0';
	put_line(&page, "cotenant top  %zu services  own cost %.2f%%  losses %" PRId64 "  %s%s%s", s->services->n, s->own_ratio * 100,
		 s->interval.losses, v->paused ? "PAUSED  " : "", s->probes ? "" : "no probes: ", s->probes ? "" : s->why.text);
	put_reduced(&page, s);
	if (v->rows)
		put_keys(&page, v);
	if (v->victim != SIZE_MAX && v->victim < s->n)
		put_culprits(&page, v, s);
	else
		put_table(&page, v, s);
	return page.used;
}
