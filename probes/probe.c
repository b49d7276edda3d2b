/*
 * The table of probes at work: shared maps, open and attach with reasons for what is left out, one read per interval,
 * cost and losses.
 *
 * Cost: the kernel's BPF statistics (BPF_ENABLE_STATS) add about 65 ns to every run of a program, more than some programs
 * take. So they are on for one part in STATS_EVERY of the time only; run_ns is what was measured then, scaled to the whole time.
 */
#include "probes/probe.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "probes/table.h"

#define STATS_EVERY 8
#define REFRESH_EVERY_NS 5000000000ull /* tasks look up slot and quota anew this often */

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
	char note[160];
	uint64_t run_ns, runs;      /* measured while statistics were on */
	uint64_t seen_ns, seen_runs, seen_misses;
	uint64_t losses;            /* last known; survives stepping off */
};

struct probes {
	struct probe_shared shared;
	struct running run[N_TABLE];
	uint64_t last_ns, refreshed_ns;
	uint64_t opened_ns, stats_ns;  /* stats_ns: how long statistics have been on */
	uint64_t stats_since_ns;
	int stats_fd;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static int quiet(enum libbpf_print_level level, const char *format, va_list args)
{
	static int verbose = -1;

	if (verbose < 0)
		verbose = getenv("COTENANT_LIBBPF") != NULL;
	return verbose && level != LIBBPF_DEBUG ? vfprintf(stderr, format, args) : 0;
}

static int shared_open(struct probe_shared *shared, struct err *e)
{
	LIBBPF_OPTS(bpf_map_create_opts, mapped, .map_flags = BPF_F_MMAPABLE);

	shared->n_cpus = libbpf_num_possible_cpus();
	if (shared->n_cpus < 1)
		return err_set(e, -ENOSYS, "cannot read /sys/devices/system/cpu/possible; is /sys mounted?");
	shared->slot_map_fd = bpf_map_create(BPF_MAP_TYPE_HASH, "slot_map", sizeof(struct slot_key), sizeof(uint32_t),
					     SLOT_MAP_ENTRIES, NULL);
	if (shared->slot_map_fd < 0)
		return err_set(e, -errno, "cannot create a BPF map: %s; run as root (cotenant doctor says what is missing)", strerror(errno));
	shared->slot_ctl_fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "slot_ctl", sizeof(uint32_t), sizeof(struct slot_ctl), 1, &mapped);
	if (shared->slot_ctl_fd < 0)
		return err_set(e, -errno, "cannot create a mappable BPF array: %s; Linux 5.15 or newer is needed", strerror(errno));
	shared->ctl = mmap(NULL, (size_t)sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE, MAP_SHARED, shared->slot_ctl_fd, 0);
	if (shared->ctl == MAP_FAILED) {
		shared->ctl = NULL;
		return err_set(e, -errno, "cannot map a BPF array: %s", strerror(errno));
	}
	shared->ctl->generation = 1;
	return 0;
}

static void shared_close(struct probe_shared *shared)
{
	if (shared->ctl)
		munmap(shared->ctl, (size_t)sysconf(_SC_PAGESIZE));
	for (int *fd = (int[]){ shared->slot_map_fd, shared->slot_ctl_fd, shared->tasks_fd, -2 }; *fd != -2; fd++)
		if (*fd >= 0)
			close(*fd);
}

int probe_share(struct bpf_object *obj, struct probe_shared *shared)
{
	struct { const char *name; int fd; } maps[] = {
		{ "slot_map", shared->slot_map_fd }, { "slot_ctl", shared->slot_ctl_fd }, { "tasks", shared->tasks_fd },
	};
	int err;

	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++) {
		struct bpf_map *map = bpf_object__find_map_by_name(obj, maps[i].name);

		if (map && maps[i].fd >= 0 && (err = bpf_map__reuse_fd(map, maps[i].fd)) < 0)
			return err;
	}
	return 0;
}

static void probe_shared_adopt(struct bpf_object *obj, struct probe_shared *shared)
{
	struct bpf_map *map = bpf_object__find_map_by_name(obj, "tasks");

	if (map && shared->tasks_fd < 0)
		shared->tasks_fd = dup(bpf_map__fd(map));
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

static void start(struct probes *p, size_t i)
{
	struct running *r = &p->run[i];
	struct err e = { 0 };
	int err = table[i]->open(&p->shared, &r->state, &e);

	if (!err) {
		probe_shared_adopt(table[i]->object(r->state), &p->shared);
		err = table[i]->attach(r->state, &e);
	}
	if (!err) {
		r->status = PROBE_ON;
		return;
	}
	table[i]->close(r->state);
	r->state = NULL;
	r->status = PROBE_UNAVAILABLE;
	snprintf(r->note, sizeof(r->note), "%.*s", (int)sizeof(r->note) - 1, e.text[0] ? e.text : strerror(-err));
}

int probes_open(const struct probes_config *config, struct probes **out, struct err *e)
{
	struct probes *p = mem_alloc(1, sizeof(*p));
	size_t running = 0;
	int err;

	*out = NULL;
	p->stats_fd = p->shared.slot_map_fd = p->shared.slot_ctl_fd = p->shared.tasks_fd = -1;
	libbpf_set_print(quiet);
	if ((err = shared_open(&p->shared, e)) < 0)
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
	p->last_ns = p->refreshed_ns = p->opened_ns = p->stats_since_ns = now_ns();
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
			table[i]->close(p->run[i].state);
	if (p->stats_fd >= 0)
		close(p->stats_fd);
	shared_close(&p->shared);
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
	__atomic_fetch_add(&p->shared.ctl->generation, 1, __ATOMIC_SEQ_CST);
	return err;
}

/* Add what the kernel counted for this probe's programs since the last look. */
static void statistics_read(struct running *r, struct bpf_object *obj)
{
	uint64_t ns = 0, runs = 0, misses = 0;
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, obj) {
		struct bpf_prog_info info = { 0 };
		uint32_t size = sizeof(info);

		if (bpf_program__fd(prog) < 0 || bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &size))
			continue;
		ns += info.run_time_ns;
		runs += info.run_cnt;
		misses += info.recursion_misses;
	}
	r->run_ns += ns - r->seen_ns;
	r->runs += runs - r->seen_runs;
	r->seen_ns = ns;
	r->seen_runs = runs;
	r->seen_misses = misses;
}

static void statistics_step(struct probes *p)
{
	uint64_t now = now_ns();
	bool on;

	if (p->stats_fd >= 0)
		p->stats_ns += now - p->stats_since_ns;
	p->stats_since_ns = now;
	on = p->stats_ns * STATS_EVERY <= now - p->opened_ns;
	for (size_t i = 0; i < N_TABLE; i++)
		if (p->run[i].state) {
			statistics_read(&p->run[i], table[i]->object(p->run[i].state));
			p->run[i].losses = table[i]->losses(p->run[i].state);
		}
	if (on && p->stats_fd < 0)
		p->stats_fd = bpf_enable_stats(BPF_STATS_RUN_TIME);
	else if (!on && p->stats_fd >= 0) {
		close(p->stats_fd);
		p->stats_fd = -1;
	}
}

static void sample_clear(struct probe_sample *s)
{
	memset(s, 0, sizeof(*s));
	for (size_t m = 0; m < PROBE_N_COUNTERS; m++)
		for (size_t slot = 0; slot < SLOTS; slot++)
			s->counters[m][slot] = PROBE_ABSENT;
}

int probes_read(struct probes *p, struct probe_sample *s, struct err *e)
{
	int err = 0, one;

	sample_clear(s);
	s->start_ns = p->last_ns;
	for (size_t i = 0; i < N_TABLE; i++)
		if (p->run[i].state && (one = table[i]->read(p->run[i].state, s, e)) < 0 && !err)
			err = one;
	s->end_ns = p->last_ns = now_ns();
	if (s->end_ns - p->refreshed_ns > REFRESH_EVERY_NS) {
		p->refreshed_ns = s->end_ns;
		__atomic_fetch_add(&p->shared.ctl->generation, 1, __ATOMIC_SEQ_CST);
	}
	statistics_step(p);
	return err;
}

size_t probes_count(const struct probes *p)
{
	(void)p;
	return N_TABLE;
}

void probes_status(const struct probes *p, size_t i, struct probe_status *out)
{
	const struct running *r = &p->run[i];
	double scale = p->stats_ns ? (double)(p->last_ns - p->opened_ns) / (double)p->stats_ns : 1;

	*out = (struct probe_status){ .name = table[i]->name, .help = table[i]->help, .state = r->status };
	snprintf(out->note, sizeof(out->note), "%s", r->note);
	out->run_ns = (uint64_t)((double)r->run_ns * scale);
	out->runs = (uint64_t)((double)r->runs * scale);
	out->losses = r->losses + r->seen_misses;
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
	table[i]->close(r->state);
	r->state = NULL;
	r->status = PROBE_OFF;
	snprintf(r->note, sizeof(r->note), "turned off to stay within the overhead budget");
	return true;
}

struct probe_sample *probe_sample_new(void)
{
	struct probe_sample *s = mem_alloc(1, sizeof(*s));

	sample_clear(s);
	return s;
}

void probe_sample_free(struct probe_sample *s)
{
	free(s);
}
