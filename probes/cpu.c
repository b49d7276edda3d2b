/*
 * CPU probe, user side: the per-CPU states are mapped into memory; reading needs no system call.
 *
 * Open waits and the slice under way are counted up to the moment of reading: each victim's row is copied under its CPU's
 * sequence lock together with the time, and the two sums of events.h (wait, blame) are taken at that very time. So the
 * invariant wait = sum of blame holds to the ns in every interval, also for waits that go on.
 *
 * What is added for the slice under way goes to its occupant. If interrupts or steal take a part of it when it ends, the
 * occupant's total falls by that part; since figures never go backwards, the part is taken from what grew (row_settle).
 */
#include "base/clock.h"
#include "probes/table.h"

#include <bpf/btf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"
#include "probes/cpu.skel.h"
#include "probes/smt.h"

#define IRQ_WATCHED_LEAST_NS 1000000 /* run time to take a rate from */
#define RETRIES 1000         /* a victim's row is copied within 1 us; a CPU that switches faster for so long does not exist */

/* Totals since load, summed over CPUs, at one moment. */
struct totals {
	uint64_t run_ns, irq_ns, wait_ns, waits, switches, preemptions, migrations;
	uint64_t blame[SLOTS];
	uint32_t hist[HIST_BUCKETS]; /* modulo 2^32: only differences are used */
};

struct cpu_probe {
	struct cpu_bpf *skel;
	struct cpu_state *states;    /* mapped */
	size_t map_bytes;
	int n_cpus;
	bool own_irq_clock;          /* the kernel has none */
	struct watched { uint64_t watched_ns, measured_ns; } *irq_last; /* [cpu][slot] at the last window's end */
	uint64_t torn;               /* rows copied while they changed */
	struct totals now, last[SLOTS];
	struct cpu_victim copy;
	struct smt smt;
};

/* Exits first: an exit without its entry is harmless. */
#define IRQ_PROGRAMS(c) (c)->skel->progs.cpu_irq_exit, (c)->skel->progs.cpu_softirq_exit, (c)->skel->progs.cpu_irq_entry, \
			(c)->skel->progs.cpu_softirq_entry

/* Kernels with CONFIG_IRQ_TIME_ACCOUNTING have a better clock than ours; BPF finds it by itself. */
static bool kernel_has_irq_clock(void)
{
	struct btf *btf = btf__load_vmlinux_btf();
	const struct btf_type *rq;
	bool found = false;
	int id;

	if (!btf)
		return false;
	id = btf__find_by_name_kind(btf, "rq", BTF_KIND_STRUCT);
	rq = id > 0 ? btf__type_by_id(btf, (uint32_t)id) : NULL;
	for (int i = 0; rq && i < btf_vlen(rq); i++)
		found |= !strcmp(btf__name_by_offset(btf, btf_members(rq)[i].name_off), "prev_irq_time");
	btf__free(btf);
	return found;
}

static void smt_prepare(struct cpu_probe *c)
{
	int root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	smt_open(&c->smt, c->n_cpus, root_fd);
	if (root_fd >= 0)
		close(root_fd);
	if (!c->smt.on)
		return;
	c->skel->rodata->smt_on = 1;
	bpf_map__set_max_entries(c->skel->maps.smt_cores, (uint32_t)c->n_cpus);
	bpf_map__set_max_entries(c->skel->maps.smt_cpus, (uint32_t)c->n_cpus);
}

static int cpu_open(struct probe_shared *shared, void **state, struct err *e)
{
	struct cpu_probe *c = mem_alloc(1, sizeof(*c));
	int err;

	*state = c;
	c->n_cpus = shared->n_cpus;
	c->skel = cpu_bpf__open();
	if (!c->skel)
		return err_set(e, -errno, "cannot open the BPF object: %s", strerror(errno));
	bpf_map__set_max_entries(c->skel->maps.cpu_states, (uint32_t)c->n_cpus);
	smt_prepare(c);
	c->own_irq_clock = !kernel_has_irq_clock();
	c->irq_last = mem_alloc((size_t)c->n_cpus * SLOTS, sizeof(*c->irq_last));
	for (struct bpf_program **prog = (struct bpf_program *[]){ IRQ_PROGRAMS(c), NULL }; *prog; prog++) {
		bpf_program__set_autoload(*prog, c->own_irq_clock);
		bpf_program__set_autoattach(*prog, false);
	}
	if ((err = probe_share(c->skel->obj, shared)) < 0)
		return err_set(e, err, "cannot share BPF maps: %s", strerror(-err));
	if ((err = cpu_bpf__load(c->skel)) < 0)
		return err_set(e, err, "the kernel refused the BPF programs: %s; BTF and CAP_BPF + CAP_PERFMON are needed", strerror(-err));
	c->map_bytes = sizeof(struct cpu_state) * (size_t)c->n_cpus;
	c->states = mmap(NULL, c->map_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(c->skel->maps.cpu_states), 0);
	if (c->states == MAP_FAILED) {
		c->states = NULL;
		return err_set(e, -errno, "cannot map the per-CPU states: %s", strerror(errno));
	}
	return smt_start(&c->smt, bpf_map__fd(c->skel->maps.smt_cores), bpf_map__fd(c->skel->maps.smt_cpus), e);
}

/* Order matters: whoever is seen to begin a wait must also be seen to move and to end it. */
static int links_attach(struct cpu_bpf *skel)
{
	struct { struct bpf_program *prog; struct bpf_link **link; } order[] = {
		{ skel->progs.cpu_migrate, &skel->links.cpu_migrate },
		{ skel->progs.cpu_switch, &skel->links.cpu_switch },
		{ skel->progs.cpu_wakeup, &skel->links.cpu_wakeup },
		{ skel->progs.cpu_wakeup_new, &skel->links.cpu_wakeup_new },
	};

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		*order[i].link = bpf_program__attach(order[i].prog);
		if (!*order[i].link)
			return -errno;
	}
	return cpu_bpf__attach(skel); /* the rest */
}

/* Until its first switch nobody knows who is on a CPU. */
static int cpu_attach(void *state, struct err *e)
{
	struct cpu_probe *c = state;
	int err;

	for (int cpu = 0; cpu < c->n_cpus; cpu++) {
		c->states[cpu].slice_start = c->states[cpu].last_start = c->states[cpu].since = clock_ns(CLOCK_MONOTONIC);
		c->states[cpu].occupant = SLOT_UNKNOWN;
		c->states[cpu].pid = NO_PID;
	}
	err = links_attach(c->skel);
	return err < 0 ? err_set(e, err, "cannot attach to the scheduler's tracepoints: %s", strerror(-err)) : 0;
}

/* One victim on one CPU at one moment; returns that moment. */
static uint64_t victim_copy(struct cpu_probe *c, const struct cpu_state *cs, unsigned slot, uint32_t *occupant,
			    uint64_t *slice_start, uint64_t *inbox)
{
	uint64_t seq, now;

	for (int i = 0;; i++) {
		seq = __atomic_load_n(&cs->seq, __ATOMIC_ACQUIRE);
		now = clock_ns(CLOCK_MONOTONIC);
		c->copy = cs->victims[slot];
		*occupant = cs->occupant;
		*slice_start = cs->slice_start;
		*inbox = __atomic_load_n(&cs->inbox[slot], __ATOMIC_RELAXED);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (!(seq & 1) && __atomic_load_n(&cs->seq, __ATOMIC_RELAXED) == seq)
			return now;
		if (i == RETRIES) {
			c->torn++;
			return now;
		}
	}
}

/* Add one CPU's part of a victim to c->now, the slice under way included. */
static void victim_add(struct cpu_probe *c, const struct cpu_state *cs, unsigned slot)
{
	const struct cpu_victim *v = &c->copy;
	struct totals *t = &c->now;
	uint64_t slice_start, inbox, now, fresh, n, open;
	uint32_t occupant;

	now = victim_copy(c, cs, slot, &occupant, &slice_start, &inbox);
	fresh = inbox - v->inbox_seen;
	n = fresh & ((1u << INBOX_COUNT_BITS) - 1);
	open = (uint64_t)((int64_t)((n * now << INBOX_COUNT_BITS) - (fresh - n)) >> INBOX_COUNT_BITS); /* arrived, not yet taken in */
	t->wait_ns += v->wait_done + v->n * now - v->start_sum + open;
	open += v->n * (now - slice_start) - (uint64_t)v->missed;
	t->blame[v->throttled ? SLOT_THROTTLE : occupant < SLOTS ? occupant : SLOT_UNKNOWN] += open;
	for (unsigned i = 0; i < SLOTS; i++)
		t->blame[i] += v->blame[i];
	for (unsigned i = 0; i < HIST_BUCKETS; i++)
		t->hist[i] += v->wait_hist[i];
	t->run_ns += v->run_ns + (occupant == slot ? now - slice_start : 0);
	t->irq_ns += v->irq_ns;
	t->waits += v->waits;
	t->switches += v->switches;
	t->preemptions += v->preemptions;
	t->migrations += v->migrations;
}

/* Differences of a blame row; a culprit whose total fell keeps its old total, and the row's largest growth pays for it, so
 * that the row's sum is exact and no entry negative. The totals reported so far become the new `last`. */
static void row_settle(const uint64_t *now, uint64_t *last, uint64_t *out)
{
	for (unsigned i = 0; i < SLOTS; i++) {
		int64_t grown = (int64_t)(now[i] - last[i]);

		out[i] = grown > 0 ? (uint64_t)grown : 0;
	}
	for (unsigned i = 0; i < SLOTS; i++) {
		int64_t owed = (int64_t)(last[i] - now[i]);

		while (owed > 0) {
			unsigned most = 0;
			uint64_t pay;

			for (unsigned k = 1; k < SLOTS; k++)
				if (out[k] > out[most])
					most = k;
			pay = out[most] < (uint64_t)owed ? out[most] : (uint64_t)owed;
			if (!pay)
				break;
			out[most] -= pay;
			owed -= (int64_t)pay;
		}
	}
	for (unsigned i = 0; i < SLOTS; i++)
		last[i] += out[i];
}

static int64_t grow(uint64_t now, uint64_t *last)
{
	int64_t grown = (int64_t)(now - *last);

	if (grown <= 0)
		return 0;
	*last = now;
	return grown;
}

static void victim_report(struct cpu_probe *c, unsigned slot, struct probe_sample *s)
{
	struct totals *t = &c->now, *last = &c->last[slot];
	uint64_t *row = s->blame[PROBE_BLAME_CPU][slot];

	row_settle(t->blame, last->blame, row);
	s->counters[PROBE_COUNTER_CPU_WAIT][slot] = grow(t->wait_ns, &last->wait_ns);
	s->counters[PROBE_COUNTER_CPU_RUN][slot] = grow(t->run_ns, &last->run_ns);
	s->counters[PROBE_COUNTER_CPU_IRQ][slot] = grow(t->irq_ns, &last->irq_ns);
	s->counters[PROBE_COUNTER_CPU_WAITS][slot] = grow(t->waits, &last->waits);
	s->counters[PROBE_COUNTER_CPU_SWITCHES][slot] = grow(t->switches, &last->switches);
	s->counters[PROBE_COUNTER_CPU_PREEMPTIONS][slot] = grow(t->preemptions, &last->preemptions);
	s->counters[PROBE_COUNTER_CPU_MIGRATIONS][slot] = grow(t->migrations, &last->migrations);
	s->counters[PROBE_COUNTER_CPU_THROTTLED][slot] = (int64_t)row[SLOT_THROTTLE];
	for (unsigned i = 0; i < HIST_BUCKETS; i++)
		s->hists[PROBE_HIST_CPU_WAIT][slot][i] = (uint32_t)(t->hist[i] - last->hist[i]);
	memcpy(last->hist, t->hist, sizeof(last->hist));
}

static bool slot_runs(unsigned slot)
{
	return slot <= SLOT_KERNEL || slot >= SLOT_FIRST;
}

static int cpu_read(void *state, struct probe_sample *s, struct err *e)
{
	struct cpu_probe *c = state;

	(void)e;
	for (unsigned slot = 0; slot < SLOTS; slot++) {
		if (!slot_runs(slot))
			continue;
		memset(&c->now, 0, sizeof(c->now));
		for (int cpu = 0; cpu < c->n_cpus; cpu++)
			victim_add(c, &c->states[cpu], slot);
		victim_report(c, slot, s);
	}
	smt_read(&c->smt, c->states, clock_ns(CLOCK_MONOTONIC), s);
	s->hist_present[PROBE_HIST_CPU_WAIT] = true;
	s->blame_present[PROBE_BLAME_CPU] = true;
	return 0;
}

/* Switches, wakeups and moves that were not shown to us: some machines hide some tasks from tracing. */
static uint64_t cpu_rebuilt(const void *state)
{
	const struct cpu_probe *c = state;
	uint64_t n = 0;

	for (int cpu = 0; cpu < c->n_cpus; cpu++)
		n += c->states[cpu].missed_switches + c->states[cpu].missed_wakeups + c->states[cpu].missed_moves;
	return n;
}

static uint64_t cpu_losses(const void *state)
{
	const struct cpu_probe *c = state;
	uint64_t lost = c->torn + cpu_rebuilt(state);

	for (int cpu = 0; cpu < c->n_cpus; cpu++)
		lost += c->states[cpu].lost_storage + c->states[cpu].lost_state;
	return lost;
}

static struct bpf_object *cpu_object(const void *state)
{
	return ((const struct cpu_probe *)state)->skel->obj;
}

/* How much of each occupant's time interrupts take, from the window that has ended. */
static void irq_rates_set(struct cpu_probe *c)
{
	for (int i = 0; i < c->n_cpus * SLOTS; i++) {
		struct cpu_victim *v = &c->states[i / SLOTS].victims[i % SLOTS];
		uint64_t watched = v->irq_watched_ns - c->irq_last[i].watched_ns, measured = v->irq_measured_ns - c->irq_last[i].measured_ns;

		if (watched < IRQ_WATCHED_LEAST_NS)
			continue; /* keeps what it had, and goes on collecting */
		v->irq_rate = (measured << SHARE_SHIFT) / watched;
		c->irq_last[i].watched_ns += watched;
		c->irq_last[i].measured_ns += measured;
	}
}

static void window_edge(void *state, uint64_t start_ns)
{
	struct cpu_probe *c = state;

	for (int cpu = 0; cpu < c->n_cpus; cpu++) {
		if (start_ns) {
			c->states[cpu].irq_depth = 0; /* its exit was not seen */
			c->states[cpu].irq_since = start_ns;
			c->states[cpu].irq_until = UINT64_MAX;
		} else {
			c->states[cpu].irq_until = clock_ns(CLOCK_MONOTONIC);
		}
	}
	if (!start_ns)
		irq_rates_set(c);
}

static void cpu_hot(void *state, struct window_group *out)
{
	struct cpu_probe *c = state;

	if (!c->own_irq_clock)
		return;
	*out = (struct window_group){ .edge = window_edge, .context = c };
	for (struct bpf_program **prog = (struct bpf_program *[]){ IRQ_PROGRAMS(c), NULL }; *prog; prog++)
		out->programs[out->n++] = (struct window_program){ bpf_program__fd(*prog), -1, 0 };
}

/* All that can be spared is sampled (cpu_hot). */
static int cpu_step_down(void *state, char *note, size_t size)
{
	(void)state, (void)note, (void)size;
	return -ENOENT;
}

static void cpu_close(void *state)
{
	struct cpu_probe *c = state;

	if (!c)
		return;
	if (c->states)
		munmap(c->states, c->map_bytes);
	smt_close(&c->smt);
	cpu_bpf__destroy(c->skel);
	free(c->irq_last);
	free(c);
}

const struct probe probe_cpu = {
	.name = "cpu", .help = "run time, run-queue wait and exact blame from the scheduler's tracepoints",
	.open = cpu_open, .attach = cpu_attach, .read = cpu_read, .losses = cpu_losses, .rebuilt = cpu_rebuilt,
	.object = cpu_object, .hot = cpu_hot, .hot_help = "interrupt time", .step_down = cpu_step_down, .close = cpu_close,
};
