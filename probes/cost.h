/*
 * What one probe costs: the kernel's statistics of its programs, on for a part of the time, extrapolated over the rest.
 *
 * The statistics (BPF_ENABLE_STATS) add about 65 ns to every run of a program, more than some programs take. So whole intervals
 * are measured now and then; in the others the rate last measured stands in. Programs that are attached in windows only
 * (probes/window.h) have a rate of their own, per time attached.
 */
#ifndef PROBES_COST_H
#define PROBES_COST_H

#include <bpf/libbpf.h>
#include <stdbool.h>
#include <stdint.h>

#include "probes/window.h"

struct cost_part { uint64_t seen_ns, seen_runs; double ns_per_s, runs_per_s; };

struct cost {
	struct cost_part base, hot;  /* rates: while attached, when last measured */
	uint64_t run_ns, runs;       /* since open */
	uint64_t misses;             /* runs that the kernel refused because the program ran already on that CPU */
};

/* An interval of length_ns has ended, in which the group's programs (hot; NULL = none) were attached for hot_on_ns; `measured`:
 * statistics were on for all of it. */
void cost_step(struct cost *c, struct bpf_object *obj, const struct window_group *hot, uint64_t length_ns, uint64_t hot_on_ns,
	       bool measured);

#endif
