/*
 * The CPU probe's user side in parts, private to probes/: cpu.c opens and closes it, cpu_watch.c begins and ends watches (edges to the
 * ns, cpu_watch.bpf.h), cpu_totals.c reads and scales, cpu_irq.c keeps the rates of the sampled interrupt clock.
 *
 * Readings and edges come from two threads; `lock` is held while either touches the states' victims or the fields below it.
 */
#ifndef PROBES_CPU_H
#define PROBES_CPU_H

#include <pthread.h>

#include "probes/events.h"
#include "probes/probe.h"
#include "probes/smt.h"
#include "probes/window.h"

/* Totals since load, summed over CPUs, at one moment. */
struct cpu_totals {
	uint64_t run_ns, irq_ns, steal_ns, wait_ns, waits, switches, preemptions, migrations;
	uint64_t blame[SLOTS];
	uint32_t hist[HIST_BUCKETS]; /* modulo 2^32: only differences are used */
};

/* The slice under way on a CPU, seen at `at_ns`. */
struct cpu_slice_open { uint32_t occupant; uint64_t start_ns, at_ns; };

struct cpu_irq_watched { uint64_t watched_ns, measured_ns; };

struct cpu_probe {
	struct cpu_bpf *skel;
	struct cpu_state *states;    /* mapped */
	size_t map_bytes;
	int n_cpus;
	bool own_irq_clock;          /* the kernel has none */
	struct cpu_irq_watched *irq_last; /* [cpu][slot] at the last window's end */
	struct bpf_link *walk;       /* the iterator over tasks; NULL = the kernel has none */
	pthread_mutex_t lock;
	bool watching;
	uint64_t since_ns, until_ns; /* of the latest watch; until = UINT64_MAX while its end is not yet set */
	uint64_t watched_ns;         /* by watches that ended, since open */
	struct cpu_totals *ended;    /* [SLOTS] when the latest of them did; SMT likewise in its own sums */
	uint64_t read_ns, read_watched_ns; /* at the latest reading */
	uint64_t read_since_ns;      /* of the watch of which a reading took a part, before its end */
	uint64_t torn;               /* rows copied while they changed */
	struct cpu_totals now, last[SLOTS];
	struct cpu_victim copy;
	struct smt smt;
};

/* Edges of the windows of the probe's core (probes/window.h); context is the probe. */
void cpu_watch_edge(void *context, enum window_edge edge);

void cpu_totals_read(struct cpu_probe *c, struct probe_sample *s);
void cpu_totals_end(struct cpu_probe *c);     /* a watch has ended: keep what there is; the lock is held */
/* Count a victim's open waits, those in its CPU's inbox too, up to that moment into wait_done and blame. What says that they are
 * open stays. */
void cpu_waits_close(struct cpu_victim *v, uint64_t inbox, const struct cpu_slice_open *s);

/* Edges of the windows of the interrupt clock's programs. */
void cpu_irq_edge(void *context, enum window_edge edge);

#endif
