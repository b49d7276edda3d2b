/*
 * Hardware probe, user side: opens the counters of every CPU, and turns what was measured of a service into what it did.
 *
 * Total of a counter = counted / observed time (scaled by enabled / running where counters share the hardware) × time on the CPU,
 * which the cpu probe knows; without that probe there is no total. A counter is judged by itself: one that is enabled for a
 * whole interval and never runs, or runs and stays at zero, counts nothing here (guests offer such), and is ABSENT.
 */
#include "probes/hardware.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "probes/hardware.skel.h"
#include "probes/table.h"

static const struct hardware_event real_events[HARDWARE_COUNTERS] = {
	[HARDWARE_CYCLES] = { PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES },
	[HARDWARE_REF_CYCLES] = { PERF_TYPE_HARDWARE, PERF_COUNT_HW_REF_CPU_CYCLES },
	[HARDWARE_INSTRUCTIONS] = { PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS },
	[HARDWARE_LLC_REFERENCES] = { PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_REFERENCES },
	[HARDWARE_LLC_MISSES] = { PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES },
};
static const struct hardware_event *events = real_events;

static const enum probe_counter ids[HARDWARE_COUNTERS] = {
	PROBE_COUNTER_HW_CYCLES, PROBE_COUNTER_HW_REF_CYCLES, PROBE_COUNTER_HW_INSTRUCTIONS, PROBE_COUNTER_HW_LLC_REFERENCES,
	PROBE_COUNTER_HW_LLC_MISSES,
};

struct hardware_probe {
	struct hardware_bpf *skel;
	struct hardware_slot *slots; /* mapped */
	size_t map_bytes;
	int n_cpus;
	uint32_t counters;           /* that this machine has: bit set of enum hardware_counter */
	int *fds;                    /* counter × CPUs + CPU; -1 = none */
	struct bpf_link **timers;    /* by CPU */
	struct hardware_slot now[SLOTS], last[SLOTS];
};

void hardware_events_set(const struct hardware_event events_given[HARDWARE_COUNTERS])
{
	events = events_given ? events_given : real_events;
}

static int event_open(const struct hardware_event *event, uint64_t frequency_hz, int cpu)
{
	struct perf_event_attr attr = { .type = event->type, .config = event->config, .size = sizeof(attr), .freq = frequency_hz > 0,
					.sample_freq = frequency_hz,
					.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING };
	int fd = (int)syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* Which counters this machine has, as a bit set; 0 with the reason for the last one in *err. */
static uint32_t counters_try(int *err)
{
	uint32_t found = 0;

	*err = 0;
	for (unsigned i = 0; i < HARDWARE_COUNTERS; i++) {
		int fd = event_open(&events[i], 0, 0);

		if (fd < 0) {
			*err = fd;
			continue;
		}
		close(fd);
		found |= 1u << i;
	}
	return found;
}

static int load(struct hardware_probe *p, struct probe_shared *shared, struct err *e)
{
	int err;

	p->skel = hardware_bpf__open();
	if (!p->skel)
		return err_set(e, -errno, "cannot open the BPF object: %s", strerror(errno));
	p->skel->rodata->n_cpus = (uint32_t)p->n_cpus;
	p->skel->rodata->counters_open = p->counters;
	bpf_program__set_autoattach(p->skel->progs.hardware_switch, false); /* hot */
	if ((err = bpf_map__set_max_entries(p->skel->maps.hardware_events, (uint32_t)p->n_cpus * HARDWARE_COUNTERS)) < 0 ||
	    (err = probe_share(p->skel->obj, shared)) < 0)
		return err_set(e, err, "cannot set up BPF maps: %s", strerror(-err));
	if ((err = hardware_bpf__load(p->skel)) < 0)
		return err_set(e, err, "the kernel refused the BPF programs: %s; BTF and CAP_BPF + CAP_PERFMON are needed", strerror(-err));
	p->map_bytes = sizeof(struct hardware_slot) * SLOTS;
	p->slots = mmap(NULL, p->map_bytes, PROT_READ, MAP_SHARED, bpf_map__fd(p->skel->maps.hardware_slots), 0);
	if (p->slots == MAP_FAILED) {
		p->slots = NULL;
		return err_set(e, -errno, "cannot map the totals: %s", strerror(errno));
	}
	return 0;
}

static int hardware_open(struct probe_shared *shared, void **state, struct err *e)
{
	struct hardware_probe *p = mem_alloc(1, sizeof(*p));
	size_t n;
	int err;

	*state = p;
	p->n_cpus = shared->n_cpus;
	n = (size_t)p->n_cpus * HARDWARE_COUNTERS;
	p->fds = mem_alloc(n, sizeof(*p->fds));
	p->timers = mem_alloc((size_t)p->n_cpus, sizeof(struct bpf_link *));
	for (size_t i = 0; i < n; i++)
		p->fds[i] = -1;
	p->counters = counters_try(&err);
	if (!p->counters && (err == -EACCES || err == -EPERM))
		return err_set(e, err, "hardware counters may not be opened: %s; run as root, or lower kernel.perf_event_paranoid", strerror(-err));
	if (!p->counters)
		return err_set(e, err, "no hardware counters here (%s); use bare metal, or give the guest a virtual PMU", strerror(-err));
	return load(p, shared, e);
}

/* Open one counter on every CPU that is online (a CPU that comes later is not counted) and hand it to the BPF side. */
static int counter_start(struct hardware_probe *p, unsigned which, struct err *e)
{
	int map = bpf_map__fd(p->skel->maps.hardware_events);

	for (int cpu = 0; cpu < p->n_cpus; cpu++) {
		uint32_t key = which * (uint32_t)p->n_cpus + (uint32_t)cpu;
		int fd = event_open(&events[which], 0, cpu);

		if (fd == -ENODEV)
			continue;
		if (fd < 0)
			return err_set(e, fd, "cannot open a hardware counter on CPU %d: %s", cpu, strerror(-fd));
		p->fds[key] = fd;
		if (bpf_map_update_elem(map, &key, &fd, BPF_ANY))
			return err_set(e, -errno, "cannot share a hardware counter with BPF: %s", strerror(errno));
	}
	return 0;
}

static int timer_start(struct hardware_probe *p, int cpu, struct err *e)
{
	static const struct hardware_event clock = { PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK };
	int fd = event_open(&clock, HARDWARE_HZ, cpu);

	if (fd == -ENODEV)
		return 0;
	if (fd < 0)
		return err_set(e, fd, "cannot start a timer on CPU %d: %s", cpu, strerror(-fd));
	p->timers[cpu] = bpf_program__attach_perf_event(p->skel->progs.hardware_tick, fd);
	if (!p->timers[cpu]) {
		close(fd);
		return err_set(e, -errno, "cannot attach to the timer of CPU %d: %s", cpu, strerror(errno));
	}
	return 0;        /* the link owns fd */
}

static int hardware_attach(void *state, struct err *e)
{
	struct hardware_probe *p = state;
	int err;

	for (unsigned i = 0; i < HARDWARE_COUNTERS; i++)
		if (p->counters & 1u << i && (err = counter_start(p, i, e)) < 0)
			return err;
	for (int cpu = 0; cpu < p->n_cpus; cpu++)
		if ((err = timer_start(p, cpu, e)) < 0)
			return err;
	return 0;
}

/* Slices that were under way when sched_switch was detached have no end. */
static void window_edge(void *context, enum window_edge edge)
{
	struct hardware_probe *p = context;

	if (edge == WINDOW_ATTACH)
		p->skel->bss->hardware_epoch++;
}

static void hardware_hot(void *state, struct window_group *out)
{
	struct hardware_probe *p = state;

	*out = (struct window_group){ .edge = window_edge, .context = p };
	probe_windows(out, (struct bpf_program *[]){ p->skel->progs.hardware_switch, NULL });
}

/* Counted in the observed time × (time on the CPU / observed time), and × (enabled / running) where the counter had to share. */
static int64_t counter_total(const struct hardware_value *v, uint64_t observed_ns, int64_t run_ns)
{
	if (!v->running_ns || !observed_ns || run_ns == PROBE_ABSENT)
		return PROBE_ABSENT;
	return (int64_t)((double)v->counter * (double)v->enabled_ns / (double)v->running_ns * (double)run_ns / (double)observed_ns);
}

static struct hardware_value grown(const struct hardware_value *now, const struct hardware_value *last)
{
	return (struct hardware_value){ now->counter - last->counter, now->enabled_ns - last->enabled_ns, now->running_ns - last->running_ns };
}

/* Counters that counted something in this interval, anywhere: the others are enabled and dead. */
static uint32_t counters_alive(const struct hardware_probe *p, const struct hardware_slot *now)
{
	uint32_t alive = 0;

	for (unsigned slot = 0; slot < SLOTS; slot++)
		for (unsigned i = 0; i < HARDWARE_COUNTERS; i++) {
			struct hardware_value v = grown(&now[slot].sum[i], &p->last[slot].sum[i]);

			alive |= v.counter && v.running_ns ? 1u << i : 0;
		}
	return alive;
}

static void slot_report(struct hardware_probe *p, const struct hardware_slot *now, unsigned slot, uint32_t alive, struct probe_sample *s)
{
	struct hardware_slot *last = &p->last[slot];
	uint64_t observed = now->observed_ns - last->observed_ns, enabled = 0, running = 0;

	for (unsigned i = 0; i < HARDWARE_COUNTERS; i++) {
		struct hardware_value v = grown(&now->sum[i], &last->sum[i]);

		if (!(alive & 1u << i))
			continue;
		enabled += v.enabled_ns;
		running += v.running_ns;
		s->counters[ids[i]][slot] = counter_total(&v, observed, s->counters[PROBE_COUNTER_CPU_RUN][slot]);
	}
	if (alive && observed) {
		s->counters[PROBE_COUNTER_HW_ENABLED][slot] = (int64_t)enabled;
		s->counters[PROBE_COUNTER_HW_RUNNING][slot] = (int64_t)running;
	}
}

static int hardware_read(void *state, struct probe_sample *s, struct err *e)
{
	struct hardware_probe *p = state;
	uint32_t alive;

	(void)e;
	memcpy(p->now, p->slots, sizeof(p->now));
	alive = counters_alive(p, p->now);
	PROBE_FOR_SLOTS(slot, s)
		slot_report(p, &p->now[slot], slot, alive, s);
	memcpy(p->last, p->now, sizeof(p->last));
	return 0;
}

static uint64_t hardware_losses(const void *state)
{
	return ((const struct hardware_probe *)state)->skel->bss->hardware_failed;
}

static struct bpf_object *hardware_object(const void *state)
{
	return ((const struct hardware_probe *)state)->skel->obj;
}

static int hardware_step_down(void *state, char *note, size_t size)
{
	(void)state, (void)note, (void)size;
	return -ENOENT;
}

static void hardware_close(void *state)
{
	struct hardware_probe *p = state;

	if (!p)
		return;
	for (int cpu = 0; cpu < p->n_cpus; cpu++)
		bpf_link__destroy(p->timers[cpu]);
	for (int i = 0; i < p->n_cpus * HARDWARE_COUNTERS; i++)
		if (p->fds[i] >= 0)
			close(p->fds[i]);
	if (p->slots)
		munmap(p->slots, p->map_bytes);
	hardware_bpf__destroy(p->skel);
	free(p->timers);
	free(p->fds);
	free(p);
}

const struct probe probe_hardware = {
	.name = "hardware", .help = "cycles, instructions and last-level cache of sampled slices, by service",
	.open = hardware_open, .attach = hardware_attach, .read = hardware_read, .losses = hardware_losses,
	.object = hardware_object, .parts = { [PROBE_HOT] = hardware_hot }, .part_help = { [PROBE_HOT] = "hardware counters of single slices" },
	.step_down = hardware_step_down, .close = hardware_close,
};
