/*
 * What the hardware probe's BPF programs and its user side share. Fixed width, explicit padding.
 *
 * One slice at a time, now and then. A timer on every CPU (HARDWARE_HZ) reads the CPU's counters; the next switch reads them again,
 * and the difference is that of the task that was running. The slice after it is measured whole. So the counters are read some
 * hundred times per second and CPU, not at every switch (a read takes a microsecond); long slices are seen nearly all the time,
 * and the beginnings of short ones (cold caches) as often as their ends. Sum of counts / sum of time is the service's rate.
 */
#ifndef PROBES_HARDWARE_H
#define PROBES_HARDWARE_H

#include "probes/events.h"

#define HARDWARE_HZ 97   /* prime: out of step with ticks and periodic work */

enum hardware_counter { HARDWARE_CYCLES, HARDWARE_REF_CYCLES, HARDWARE_INSTRUCTIONS, HARDWARE_LLC_REFERENCES, HARDWARE_LLC_MISSES, HARDWARE_COUNTERS };
/* Measuring: the rest of a slice, then a whole one. WANTED: a whole one, as soon as the CPU is not idle. */
enum hardware_state { HARDWARE_IDLE, HARDWARE_WANTED, HARDWARE_REST, HARDWARE_WHOLE };

struct hardware_value { __u64 counter, enabled_ns, running_ns; }; /* as the kernel's struct bpf_perf_event_value */

struct hardware_cpu {            /* map hardware_cpus, one per CPU; written on that CPU only */
	struct hardware_value at[HARDWARE_COUNTERS]; /* when the slice began, or at the last tick */
	__u64 start_ns;
	__u32 state, slot;
	__u32 epoch;             /* hardware_epoch when it began */
	__u32 pad;
};

struct hardware_slot {           /* map hardware_slots: what was measured of one slot */
	__u64 observed_ns, slices;
	struct hardware_value sum[HARDWARE_COUNTERS];
};

_Static_assert(sizeof(struct hardware_cpu) == 24 * HARDWARE_COUNTERS + 24, "hardware_cpu layout");
_Static_assert(sizeof(struct hardware_slot) == 24 * HARDWARE_COUNTERS + 16, "hardware_slot layout");

#ifndef __bpf__
/* Which perf event stands behind a counter. The table of the real ones is the default; tests put software events in its
 * place (before probes_open(); NULL = the default again), since most machines that run tests have no counters. */
struct hardware_event { __u32 type; __u64 config; };
void hardware_events_set(const struct hardware_event events[HARDWARE_COUNTERS]);
#endif

#endif
