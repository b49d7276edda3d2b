/*
 * SMT siblings: how long a service's tasks ran while the other thread of their core was busy, and with whom. Part of the cpu
 * probe, which knows who is on each CPU since when (struct cpu_state): two slices on siblings overlap from the later of their
 * beginnings until the first of them ends, and whoever ends first charges both directions. So each overlap is counted once, at a
 * switch, in memory that only the switching CPU writes. Without siblings nothing of this exists in the loaded programs.
 *
 *   smt_open(&smt, n_cpus, root_fd); set the maps' sizes and rodata by smt.on; load; smt_start(); every interval smt_read()
 *
 * Siblings are read once: a CPU that is brought up later has none.
 */
#ifndef PROBES_SMT_H
#define PROBES_SMT_H

#include "probes/events.h"

#define SMT_MOST 7               /* siblings of one CPU: POWER has eight threads to a core */

struct smt_core {                /* map smt_cores, by CPU */
	__u32 n;
	__u32 sibling[SMT_MOST];
};

struct smt_cpu {                 /* map smt_cpus, by CPU: ended overlaps that this CPU noticed */
	__u64 overlap_ns[SLOTS][SLOTS]; /* [who ran][who ran beside it] */
};

_Static_assert(sizeof(struct smt_core) == 32, "smt_core layout");

#ifndef __bpf__
#include <stdbool.h>
#include <stddef.h>

#include "probes/probe.h"

struct smt {
	bool on;                 /* some CPU has a sibling */
	int n_cpus;
	struct smt_core *cores;  /* by CPU */
	const struct smt_cpu *cpus;  /* mapped */
	size_t map_bytes;
	uint64_t (*now)[SLOTS], (*last)[SLOTS];
	uint64_t (*cut)[SLOTS], (*ended)[SLOTS]; /* overlaps that the ends of watches cut off; all when the latest ended */
	struct smt_cpu *copy;
};

/* Read the topology below root_fd ("/"). What cannot be read has no siblings. */
void smt_open(struct smt *s, int n_cpus, int root_fd);
int smt_start(struct smt *s, int cores_map_fd, int cpus_map_fd, struct err *e);  /* after loading; nothing when off */
/* CPU_SMT and blame of this interval times `scale`, the slices under way at now_ns included; ABSENT when off. Without states: up to the
 * end of the latest watch. */
void smt_read(struct smt *s, const struct cpu_state *states, uint64_t now_ns, double scale, struct probe_sample *out);
/* The watch has ended at that time: slices under way end with it. */
void smt_finish(struct smt *s, const struct cpu_state *states, uint64_t at_ns);
void smt_close(struct smt *s);   /* accepts one that is zero */
#endif

#endif
