/* The live view as text: see screen.h. Rates are per second of the interval just read; "n/a" where nothing was measured. */
#include "collector/screen.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define NAME_CELLS 18
#define HEADER_LINES 4

const char *const screen_sort_names[SORTS] = { "delay", "cpu", "wait", "disk", "memory", "name" };

struct page {
	char *text;
	size_t size, used, columns;
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

/* Delay of a service by other services and `other`, over all resources. */
static uint64_t delay_of(const struct sampler *s, size_t victim, size_t *worst)
{
	uint64_t sum = 0, most = 0;

	*worst = SIZE_MAX;
	for (size_t c = 0; c < s->n; c++) {
		uint64_t by = 0;

		if (c == victim || (sampler_kind(c) != CULPRIT_SERVICE && sampler_kind(c) != CULPRIT_OTHER))
			continue;
		for (int r = 0; r < BLAME_RESOURCES; r++)
			by += sampler_blame(s, (enum blame_resource)r, victim, c);
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

static int64_t sort_key(const struct sampler *s, enum screen_sort sort, size_t p)
{
	size_t worst;

	switch (sort) {
	case SORT_DELAY:
		return (int64_t)delay_of(s, p, &worst);
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

static void put_service(struct page *page, const struct screen *v, const struct sampler *s, size_t p, size_t row)
{
	char cpu[32], wait[32], slow[32], disk[32], mem[32], delay[32];
	double length = seconds(s);
	size_t worst;
	uint64_t by = delay_of(s, p, &worst);
	bool measured = sampler_blame_present(s, BLAME_CPU) || sampler_blame_present(s, BLAME_DISK);

	put_line(page, "%c%-*.*s %6s %8s %9s %-*.*s %6s %6s %6s", v->rows && row == v->selected ? '>' : ' ', NAME_CELLS, NAME_CELLS,
		 sampler_name(s, p), cell(cpu, sizeof(cpu), cpu_ns(s, p), length * 1e7, 1),
		 cell(wait, sizeof(wait), s->values[p][METRIC_CPU_WAIT], length * 1e6, 1),
		 cell(delay, sizeof(delay), measured ? (int64_t)by : SESSION_ABSENT, length * 1e6, 1), 13, 13,
		 worst == SIZE_MAX ? "-" : sampler_name(s, worst),
		 cell(slow, sizeof(slow), s->values[p][METRIC_SLOWDOWN], 1e6, 2),
		 cell(disk, sizeof(disk), disk_bytes(s, p), length * 1048576, 1),
		 cell(mem, sizeof(mem), s->values[p][METRIC_MEM_RESIDENT], 1048576, 0));
}

static void put_table(struct page *page, const struct screen *v, const struct sampler *s)
{
	size_t order[PARTICIPANTS_MAX], n = screen_order(s, v->sort, order), first = 0, room;

	put_line(page, " %-*s %6s %8s %9s %-13s %6s %6s %6s", NAME_CELLS, "SERVICE", "CPU %", "WAIT", "DELAYED", "MOSTLY BY", "SLOW x",
		 "DISK", "MEM");
	put_line(page, " %-*s %6s %8s %9s %-13s %6s %6s %6s", NAME_CELLS, "", "", "ms/s", "ms/s", "", "", "MiB/s", "MiB");
	room = v->rows > HEADER_LINES + 1 ? v->rows - HEADER_LINES - 1 : n;
	if (v->rows && v->selected >= room)
		first = v->selected - room + 1;
	for (size_t i = first; i < n && i < first + room; i++)
		put_service(page, v, s, order[i], i);
	if (!n)
		put_line(page, " no services found; start one with: cotenant run NAME -- CMD, or try --by comm");
}

/* Everything that delayed one service, longest first. */
static void put_culprits(struct page *page, const struct screen *v, const struct sampler *s)
{
	struct { uint64_t ns; size_t culprit; int resource; } list[64], row;
	size_t n = 0, room = v->rows > HEADER_LINES + 1 ? v->rows - HEADER_LINES - 1 : 64;
	uint64_t total = 0;

	for (int r = 0; r < BLAME_RESOURCES; r++)
		for (size_t c = 0; c < s->n; c++) {
			size_t at;

			row.ns = sampler_blame(s, (enum blame_resource)r, v->victim, c);
			row.culprit = c;
			row.resource = r;
			total += row.ns;
			if (!row.ns || (n == 64 && row.ns <= list[63].ns))
				continue;
			for (at = n < 64 ? n++ : 63; at > 0 && list[at - 1].ns < row.ns; at--)
				list[at] = list[at - 1];
			list[at] = row;
		}
	put_line(page, " who delayed %s", sampler_name(s, v->victim));
	put_line(page, " %-9s %-24s %-9s %10s %7s", "RESOURCE", "CULPRIT", "KIND", "ms/s", "SHARE");
	for (size_t i = 0; i < n && i < room; i++) {
		enum culprit_kind kind = sampler_kind(list[i].culprit);

		put_line(page, " %-9s %-24.24s %-9s %10.3f %6.1f%%", blame_resource_names[list[i].resource],
			 sampler_name(s, list[i].culprit), list[i].culprit == v->victim ? "self" : culprit_kind_names[kind],
			 (double)list[i].ns / 1e6 / seconds(s), 100.0 * (double)list[i].ns / (double)total);
	}
	if (!n)
		put_line(page, " nothing delayed it in this interval");
}

size_t screen_draw(const struct screen *v, const struct sampler *s, char *text, size_t size)
{
	struct page page = { .text = text, .size = size, .columns = v->columns };

	text[0] = '\0';
	put_line(&page, "cotenant top  %zu services  own cost %.2f%%  losses %" PRId64 "  %s%s%s", s->services->n, s->own_ratio * 100,
		 s->interval.losses, v->paused ? "PAUSED  " : "", s->probes ? "" : "no probes: ", s->probes ? "" : s->why.text);
	if (v->rows)
		put_line(&page, "%s", v->victim == SIZE_MAX ? "q quit  p pause  s sort  up/down select  enter culprits" :
							     "q quit  p pause  esc back");
	if (v->victim != SIZE_MAX && v->victim < s->n)
		put_culprits(&page, v, s);
	else
		put_table(&page, v, s);
	return page.used;
}
