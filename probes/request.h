/* What the request probe's BPF program and its user side share: totals per slot. Method and limits: docs/requests.md. */
#ifndef PROBES_REQUEST_H
#define PROBES_REQUEST_H

#include "probes/events.h"

#define REQUEST_PORTS 4096

struct request_slot {            /* map request_slots */
	__u64 count, time_ns;
	__u32 hist[HIST_BUCKETS];
};

_Static_assert(sizeof(struct request_slot) == 16 + 4 * HIST_BUCKETS, "request_slot layout");

#endif
