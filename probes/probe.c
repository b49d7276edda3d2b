/*
 * The table of probes at work: open and attach with reasons for what is left out, one read per interval,
 * cost (probes/cost.h), shares of time (probes/window.h) and losses.
 */
#include "probes/probe.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "probes/cost.h"
#include "probes/part.h"
#include "probes/table.h"

#define STATS_EVERY 8      /* one interval in so many has its cost measured */
#define STATS_FIRST 3      /* and the first ones, so that a budget is kept from early on */
#define REFRESH_EVERY_NS 5000000000ull /* tasks look up slot and quota anew this often */

_Static_assert(PROBE_SHARE_LEAST == WINDOW_SHARE_LEAST && PROBE_SHARE_MOST == WINDOW_SHARE_MOST, "the table's shares are the windows'");

#define ROW(noun) &probe_##noun,
static const struct probe *const table[] = { PROBE_TABLE(ROW) };
#define N_TABLE (sizeof(table) / sizeof(table[0]))

#define COUNTER_ROW(id, name, help, gauge) { name, help, gauge },
#define OTHER_ROW(id, name, help) { name, help, 0 },
const struct probe_metric probe_counters[PROBE_N_COUNTERS] = { PROBE_COUNTERS(COUNTER_ROW) };
const struct probe_metric probe_hists[PROBE_N_HISTS] = { PROBE_HISTS(OTHER_ROW) };
const struct probe_metric probe_blames[PROBE_N_BLAMES] = { PROBE_BLAMES(OTHER_ROW) };

struct running {
	void *state;                /* NULL when not running */
	enum probe_state status;
	char note[160];             /* why it does not run, or what it gave up for good */
	struct cost cost;
	struct part parts[PROBE_PARTS];
	uint64_t losses, rebuilt;   /* last known; survive stepping off */
};

struct probes {
	struct probe_shared shared;
	struct running run[N_TABLE];
	struct windows *windows;
	uint64_t last_ns, refreshed_ns, reads;
	unsigned n_slots;           /* SLOT_FIRST and the services' that were ever given out */
	int stats_fd;               /* statistics are on; -1 = off */
	bool measured;              /* they were on in the interval that ended last */
};

static int quiet(enum libbpf_print_level level, const char *format, va_list args)
{
	static int verbose = -1;

	if (verbose < 0)
		verbose = getenv("COTENANT_LIBBPF") != NULL;
	return verbose && level != LIBBPF_DEBUG ? vfprintf(stderr, format, args) : 0;
}

/* /proc/cgroups: "controller\thierarchy\t…", where 0 is v2 or unused. */
enum slot_kind probe_hierarchy(const char *controller, enum slot_kind v1)
{
	char text[4096], key[64], *row = NULL;

	snprintf(key, sizeof(key), "\n%s\t", controller);
	if (file_read_at(AT_FDCWD, "/proc/cgroups", text, sizeof(text)) > 0)
		row = strstr(text, key);
	return row && row[strlen(key)] != '0' ? v1 : SLOT_CGROUP2;
}

static bool wanted(const struct probes_config *config, const char *name)
{
	if (!config || !config->only)
		return true;
	for (const char *const *n = config->only; *n; n++)
		if (!strcmp(*n, name))
			return true;
	return false;
}

/* The core first: windows added earlier hold those added later. */
static int parts_open(struct probes *p, size_t i, struct err *e)
{
	int err = 0;

	for (int k = PROBE_PARTS; !err && k-- > 0;) {
		struct window_group group = { .n = 0 };

		if (table[i]->parts[k])
			table[i]->parts[k](p->run[i].state, &group);
		err = part_open(&p->run[i].parts[k], p->windows, &group);
	}
	return err < 0 ? err_set(e, err, "cannot attach its programs: %s", strerror(-err)) : 0;
}

static void stop(struct probes *p, size_t i)
{
	for (int k = 0; k < PROBE_PARTS; k++)
		part_close(&p->run[i].parts[k], p->windows);
	table[i]->close(p->run[i].state);
	p->run[i].state = NULL;
}

static void start(struct probes *p, size_t i)
{
	struct running *r = &p->run[i];
	struct err e = { 0 };
	int err = table[i]->open(&p->shared, &r->state, &e);

	if (!err) {
		probe_shared_adopt(table[i]->object(r->state), &p->shared);
		err = table[i]->attach(r->state, &e);
	}
	if (!err)
		err = parts_open(p, i, &e);
	if (!err) {
		r->status = PROBE_ON;
		return;
	}
	stop(p, i);
	r->status = PROBE_UNAVAILABLE;
	snprintf(r->note, sizeof(r->note), "%.*s", (int)sizeof(r->note) - 1, e.text[0] ? e.text : strerror(-err));
}

int probes_open(const struct probes_config *config, struct probes **out, struct err *e)
{
	struct probes *p = mem_alloc(1, sizeof(*p));
	size_t running = 0;
	int err;

	*out = NULL;
	p->stats_fd = -1;
	p->n_slots = SLOT_FIRST;
	p->shared = PROBE_SHARED_NONE;
	p->shared.table_entries = config ? config->table_entries : 0;
	libbpf_set_print(quiet);
	p->windows = windows_new(config ? config->interval_ns : 0);
	for (size_t i = 0; i < N_TABLE; i++)
		for (int k = 0; k < PROBE_PARTS; k++)
			p->run[i].parts[k] = PART_NONE;
	if ((err = probe_shared_open(&p->shared, e)) < 0)
		goto fail;
	for (size_t i = 0; i < N_TABLE; i++) {
		p->run[i].status = PROBE_OFF;
		if (wanted(config, table[i]->name))
			start(p, i);
		running += p->run[i].state != NULL;
	}
	if (!running) {
		size_t first = 0;

		while (first + 1 < N_TABLE && !wanted(config, table[first]->name))
			first++;
		err = err_set(e, -ENOSYS, "no probe could be started (%s: %s); cotenant doctor says what this machine lacks",
			      table[first]->name, p->run[first].note);
		goto fail;
	}
	p->last_ns = p->refreshed_ns = clock_ns(CLOCK_MONOTONIC);
	p->stats_fd = bpf_enable_stats(BPF_STATS_RUN_TIME);
	*out = p;
	return 0;
fail:
	probes_close(p);
	return err;
}

void probes_close(struct probes *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < N_TABLE; i++)
		if (p->run[i].state)
			stop(p, i);
	windows_free(p->windows);
	if (p->stats_fd >= 0)
		close(p->stats_fd);
	probe_shared_close(&p->shared);
	free(p);
}

int probes_slot_set(struct probes *p, enum slot_kind kind, uint64_t id, unsigned slot)
{
	struct slot_key key = { .id = id, .kind = kind };
	uint32_t value = slot;
	int err;

	if (slot == SLOT_OTHER)
		err = bpf_map_delete_elem(p->shared.slot_map_fd, &key) == 0 || errno == ENOENT ? 0 : -errno;
	else
		err = bpf_map_update_elem(p->shared.slot_map_fd, &key, &value, BPF_ANY) == 0 ? 0 : errno == E2BIG ? -ENOSPC : -errno;
	if (!err && slot != SLOT_OTHER)
		p->shared.ctl->kinds |= 1u << kind;
	if (slot >= p->n_slots)
		p->n_slots = slot + 1;
	__atomic_fetch_add(&p->shared.ctl->generation, 1, __ATOMIC_SEQ_CST);
	return err;
}

/* The interval of that length has ended. */
static void statistics_step(struct probes *p, uint64_t length_ns)
{
	bool on;

	p->measured = p->stats_fd >= 0;
	for (size_t i = 0; i < N_TABLE; i++) {
		struct running *r = &p->run[i];

		if (!r->state)
			continue;
		cost_step(&r->cost, table[i]->object(r->state), &(struct cost_interval){
			.length_ns = length_ns, .parts = r->parts, .measured = p->measured, .counts = table[i]->core_runs != NULL,
			.core_runs = table[i]->core_runs ? table[i]->core_runs(r->state) : 0 });
		r->losses = table[i]->losses(r->state);
		r->rebuilt = table[i]->rebuilt ? table[i]->rebuilt(r->state) : 0;
	}
	p->reads++;
	on = p->reads < STATS_FIRST || p->reads % STATS_EVERY == 0;
	if (on && p->stats_fd < 0)
		p->stats_fd = bpf_enable_stats(BPF_STATS_RUN_TIME);
	else if (!on && p->stats_fd >= 0) {
		close(p->stats_fd);
		p->stats_fd = -1;
	}
}

/* Nothing is ever written to rows of slots that were never given out, megabytes that need not be cleared. */
static void sample_clear(struct probe_sample *s, unsigned n_slots)
{
	s->n_slots = n_slots;
	for (size_t m = 0; m < PROBE_N_COUNTERS; m++)
		for (size_t slot = 0; slot < SLOTS; slot++)
			s->counters[m][slot] = PROBE_ABSENT;
	memset(s->hist_present, 0, sizeof(s->hist_present));
	memset(s->blame_present, 0, sizeof(s->blame_present));
	memset(s->client, 0, sizeof(s->client));
	for (size_t h = 0; h < PROBE_N_HISTS; h++)
		memset(s->hists[h], 0, n_slots * sizeof(s->hists[h][0]));
	for (size_t b = 0; b < PROBE_N_BLAMES; b++)
		memset(s->blame[b], 0, n_slots * sizeof(s->blame[b][0]));
}

int probes_read(struct probes *p, struct probe_sample *s, struct err *e)
{
	int err = 0, one;
	uint64_t now;

	sample_clear(s, p->n_slots);
	s->start_ns = p->last_ns;
	s->period_ns = windows_period_ns(p->windows);
	for (size_t i = 0; i < N_TABLE; i++) {
		if (!p->run[i].state)
			continue;
		now = clock_ns(CLOCK_MONOTONIC);
		part_step(&p->run[i].parts[PROBE_CORE], p->windows, now - p->last_ns);
		s->core_sampled = part_share(&p->run[i].parts[PROBE_CORE], p->windows) < 1;
		s->hot_ratio = part_step(&p->run[i].parts[PROBE_HOT], p->windows, now - p->last_ns);
		if ((one = table[i]->read(p->run[i].state, s, e)) < 0 && !err)
			err = one;
	}
	s->end_ns = p->last_ns = clock_ns(CLOCK_MONOTONIC);
	windows_tick(p->windows);
	if (s->end_ns - p->refreshed_ns > REFRESH_EVERY_NS) {
		p->refreshed_ns = s->end_ns;
		__atomic_fetch_add(&p->shared.ctl->generation, 1, __ATOMIC_SEQ_CST);
	}
	statistics_step(p, s->end_ns - s->start_ns);
	return err;
}

size_t probes_count(const struct probes *p)
{
	(void)p;
	return N_TABLE;
}

/* What was left out, now or earlier. */
static bool notes_add(const struct probes *p, size_t i, char *text, size_t size)
{
	const struct running *r = &p->run[i];
	bool any = false;

	for (int k = PROBE_PARTS; r->state && k-- > 0;)
		any |= part_note(&r->parts[k], p->windows, table[i]->part_help[k], text, size);
	return any;
}

void probes_status(const struct probes *p, size_t i, struct probe_status *out)
{
	const struct running *r = &p->run[i];

	*out = (struct probe_status){ .name = table[i]->name, .help = table[i]->help, .state = r->status };
	snprintf(out->note, sizeof(out->note), "%s", r->note);
	if (notes_add(p, i, out->note, sizeof(out->note)))
		out->state = PROBE_REDUCED;
	out->run_ns = r->cost.run_ns;
	out->runs = r->cost.runs;
	out->losses = r->losses + r->cost.misses;
	out->rebuilt = r->rebuilt;
	out->base_ns_per_s = r->state ? r->cost.base.ns_per_s : 0;
	for (int k = 0; k < PROBE_PARTS; k++) {
		out->share[k] = part_share(&r->parts[k], p->windows);
		out->part_ns_per_s[k] = r->state ? r->cost.parts[k].ns_per_s : 0;
	}
}

bool probes_measured(const struct probes *p)
{
	return p->measured;
}

bool probes_share_set(struct probes *p, size_t i, enum probe_part part, double share)
{
	int window = p->run[i].parts[part].window;

	if (window < 0)
		return false;
	windows_share_set(p->windows, window, share);
	return true;
}

bool probes_step_down(struct probes *p, size_t i)
{
	struct running *r = &p->run[i];

	if (!r->state)
		return false;
	if (table[i]->step_down(r->state, r->note, sizeof(r->note)) == 0) {
		r->status = PROBE_REDUCED;
		return true;
	}
	stop(p, i);
	r->status = PROBE_OFF;
	snprintf(r->note, sizeof(r->note), "turned off to stay within the overhead budget");
	return true;
}

struct probe_sample *probe_sample_new(void)
{
	struct probe_sample *s = mem_alloc(1, sizeof(*s));

	sample_clear(s, SLOT_FIRST);
	return s;
}

void probe_sample_free(struct probe_sample *s)
{
	free(s);
}
