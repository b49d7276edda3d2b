/*
 * What lately held up a thread that serves requests: the log in which the CPU probe notes its waits, and from which the
 * request probe takes those that fall into a request (probes/waits.bpf.h). Only threads marked TASK_SERVES have one.
 *
 * Segments are disjoint and in the order of their ends; a wait behind three occupants makes three. Waits behind its own service
 * are left out. `n` counts all that were
 * ever noted; segment i stands at i % WAIT_SEGMENTS, so what is older than the oldest kept is not known.
 */
#ifndef PROBES_WAITS_H
#define PROBES_WAITS_H

#include "probes/events.h"

#define WAIT_SEGMENTS 64     /* power of two; with 16, requests queued beside two busy neighbours had 8 to 25 % of their time `unknown` */

enum wait_kind {
	WAIT_CPU = 0,        /* runnable; `culprit` held the CPU */
	WAIT_DISK = 1,       /* asleep without being interruptible: disk, journal, page lock; culprit unknown here */
};

struct wait_segment {
	__u64 start_ns, end_ns;
	__u32 irq_share, steal_share; /* parts of the segment, fixed point SHARE_SHIFT */
	__u32 culprit;       /* slot */
	__u32 kind;          /* enum wait_kind */
};

struct wait_log {                /* map wait_logs, task storage */
	struct wait_segment segments[WAIT_SEGMENTS];
	__u64 n;
	__u64 answered_ns;       /* this thread's latest response */
	__u64 undisturbed_ns;    /* when that would have been sent had no neighbour held the thread up (docs/requests.md) */
};

_Static_assert(sizeof(struct wait_segment) == 32, "wait_segment layout");
_Static_assert(sizeof(struct wait_log) == 32 * WAIT_SEGMENTS + 24, "wait_log layout");

#endif
