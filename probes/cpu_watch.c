/*
 * The CPU probe's watches: see cpu_watch.bpf.h for what happens at their edges, cpu.h for the parts.
 *
 * An edge is a time a little ahead, which every CPU knows before it comes. No program looks at the states between the end of a
 * watch, after those still running have ended, and the beginning of the next: then waits and slices that are open at the end are closed
 * here at that very time, so that both sums of struct cpu_victim stay equal.
 *
 * The programs that touch the states run with interrupts off (below the run queue's or the task's lock), so a CPU that has answered an
 * interrupt since the end runs none any more. A grace period of the kernel (membarrier) says the same, but it waits for a kernel thread,
 * which services of great weight hold up for seconds: windows were missing just where there was most to see.
 */
#include "probes/cpu.h"

#include <bpf/bpf.h>
#include <unistd.h>

#include "base/clock.h"
#include "probes/cpu.skel.h"

#define AHEAD_NS 300000      /* from setting an edge to the edge */

static void store(__u64 *where, uint64_t value)
{
	__atomic_store_n(where, value, __ATOMIC_SEQ_CST);
}

static void walk(struct cpu_probe *c, bool at_start)
{
	char unused[64];
	int fd = c->walk ? bpf_iter_create(bpf_link__fd(c->walk)) : -1;

	if (fd < 0)
		return;
	c->skel->bss->walk_at_start = at_start;
	while (read(fd, unused, sizeof(unused)) > 0)
		;
	close(fd);
}

/* On each CPU, by an interrupt: who is there when a watch has begun. After its end it does nothing, but when it returns every program
 * that ran has ended. */
static void cpus_visit(const struct cpu_probe *c)
{
	for (int cpu = 0; cpu < c->n_cpus; cpu++) { /* refused for a CPU that is offline */
		LIBBPF_OPTS(bpf_test_run_opts, opts, .flags = BPF_F_TEST_RUN_ON_CPU, .cpu = (uint32_t)cpu);

		bpf_prog_test_run_opts(bpf_program__fd(c->skel->progs.cpu_seed), &opts);
	}
}

/* Nobody waits, nobody is known to be on a CPU; nothing counts. */
static void state_clear(struct cpu_state *cs)
{
	store(&cs->until, cs->since);
	for (unsigned slot = 0; slot < SLOTS; slot++) {
		struct cpu_victim *v = &cs->victims[slot];

		v->n = v->start_sum = v->cfs_rq = 0;
		v->missed = 0;
		v->listed = v->throttled = 0;
		v->inbox_seen = cs->inbox[slot];
		v->run_before_ns = v->run_ns;
		v->irq_before_ns = v->irq_ns;
		cs->spanning[slot] = cs->throttled[slot] = 0;
	}
	cs->n_list = 0;
	cs->inbox_taken = cs->inbox_total;
	cs->irq_mark = cs->steal_mark = NO_MARK;
	cs->occupant = SLOT_UNKNOWN;
	cs->pid = NO_PID;
	cs->serving = 0;
}

static void watch_end(struct cpu_probe *c)
{
	uint64_t ahead = AHEAD_NS, until;

	for (;; ahead *= 2) { /* an end that came before all CPUs knew of it is put off; what they ignored meanwhile is rebuilt */
		until = clock_ns(CLOCK_MONOTONIC) + ahead;
		for (int cpu = 0; cpu < c->n_cpus; cpu++)
			store(&c->states[cpu].until, until);
		if (clock_ns(CLOCK_MONOTONIC) < until)
			break;
	}
	c->until_ns = until;
}

/* The slice under way counts for its occupant up to the watch's end. */
static void slice_finish(struct cpu_state *cs)
{
	struct cpu_victim *o = &cs->victims[cs->occupant < SLOTS ? cs->occupant : SLOT_UNKNOWN];
	uint64_t length = cs->until > cs->slice_start ? cs->until - cs->slice_start : 0, irq = length * o->irq_rate >> SHARE_SHIFT;

	o->run_ns += length - irq;
	o->irq_ns += irq;
}

/* Those that waited all through the watch, by who held the CPU meanwhile; steal is what is left. */
static void spans_charge(struct cpu_state *cs, unsigned slot)
{
	struct cpu_victim *v = &cs->victims[slot];
	uint64_t n = cs->spanning[slot], length = cs->until - cs->since, rest = length;

	v->wait_done += (n + cs->throttled[slot]) * length;
	v->blame[SLOT_THROTTLE] += cs->throttled[slot] * length;
	for (unsigned i = 0; n && i < SLOTS; i++) {
		uint64_t ran = cs->victims[i].run_ns - cs->victims[i].run_before_ns, irq = cs->victims[i].irq_ns - cs->victims[i].irq_before_ns;

		ran = ran < rest ? ran : rest;
		rest -= ran;
		irq = irq < rest ? irq : rest;
		rest -= irq;
		v->blame[i] += n * ran;
		v->blame[SLOT_IRQ] += n * irq;
	}
	v->blame[SLOT_STEAL] += n * rest;
}

/* Close what is open. No program runs any more. Who waited all through a watch that was read from meanwhile is left out, as in those
 * readings: it would be seconds of earlier intervals in one. */
static void watch_fold(struct cpu_probe *c)
{
	if (!c->watching)
		return;
	smt_finish(&c->smt, c->states, c->until_ns);
	for (int cpu = 0; cpu < c->n_cpus; cpu++) {
		struct cpu_state *cs = &c->states[cpu];

		slice_finish(cs);
		for (unsigned slot = 0; slot < SLOTS; slot++)
			cpu_waits_close(&cs->victims[slot], cs->inbox[slot], &(struct cpu_slice_open){ cs->occupant, cs->slice_start, cs->until });
		for (unsigned slot = 0; slot < SLOTS && c->read_since_ns != c->since_ns; slot++)
			if (cs->spanning[slot] | cs->throttled[slot])
				spans_charge(cs, slot);
		cs->slice_start = cs->last_start = cs->until;
		state_clear(cs);
	}
	c->watched_ns += c->until_ns - c->since_ns;
	c->watching = false;
	cpu_totals_end(c);
}

/* From a time not yet come; programs are attached and count nothing yet. On a CPU that learns it late (we were held up) what it
 * missed is rebuilt like other events that it was not shown. */
static void watch_begin(struct cpu_probe *c)
{
	c->since_ns = clock_ns(CLOCK_MONOTONIC) + AHEAD_NS;
	c->until_ns = UINT64_MAX;
	c->watching = true;
	for (int cpu = 0; cpu < c->n_cpus; cpu++) {
		struct cpu_state *cs = &c->states[cpu];

		state_clear(cs);
		cs->slice_start = cs->last_start = c->since_ns;
		store(&cs->since, c->since_ns);
	}
	for (int cpu = 0; cpu < c->n_cpus; cpu++)
		store(&c->states[cpu].until, UINT64_MAX);
}

static void locked(struct cpu_probe *c, void (*what)(struct cpu_probe *))
{
	pthread_mutex_lock(&c->lock);
	what(c);
	pthread_mutex_unlock(&c->lock);
}

void cpu_watch_edge(void *context, enum window_edge edge)
{
	struct cpu_probe *c = context;

	switch (edge) {
	case WINDOW_ATTACH:
		break;
	case WINDOW_OPEN:
		locked(c, watch_begin);
		clock_sleep_until(c->since_ns);
		cpus_visit(c);
		walk(c, true);
		break;
	case WINDOW_CLOSE:
		locked(c, watch_end);
		clock_sleep_until(c->until_ns);
		walk(c, false);
		break;
	case WINDOW_DETACHED:
		cpus_visit(c);
		locked(c, watch_fold);
		break;
	}
}
