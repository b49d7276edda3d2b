/*
 * What one probe costs: the kernel's statistics of its programs, on for a part of the time, extrapolated over the rest.
 *
 * The statistics (BPF_ENABLE_STATS) add about 65 ns to every run of a program, more than some programs take. So whole intervals
 * are measured now and then; in the others the rate last measured stands in. Programs that are attached in windows only
 * (probes/part.h) have a rate of their own, per time attached; where the probe counts their runs itself, what a run took when last
 * measured times their number. What the statistics add is about what they leave out: the way into a program and back.
 */
#ifndef PROBES_COST_H
#define PROBES_COST_H

#include <bpf/libbpf.h>
#include <stdbool.h>
#include <stdint.h>

#include "probes/part.h"
#include "probes/probe.h"

struct cost_part { uint64_t seen_ns, seen_runs, counted; double ns_per_s, runs_per_s, ns_per_run; };

struct cost {
	struct cost_part base, parts[PROBE_PARTS]; /* rates: while attached, when last measured */
	uint64_t run_ns, runs;       /* since open */
	uint64_t misses;             /* runs that the kernel refused because the program ran already on that CPU */
};

/* An interval has ended. */
struct cost_interval {
	uint64_t length_ns;
	const struct part *parts;    /* [PROBE_PARTS], stepped */
	bool measured;               /* statistics were on for all of it */
	bool counts;                 /* core_runs is known: runs of the core since open */
	uint64_t core_runs;
};

void cost_step(struct cost *c, struct bpf_object *obj, const struct cost_interval *i);

#endif
