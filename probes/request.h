/* What the request probe's BPF program and its user side share: totals per slot. Method and limits: docs/requests.md. */
#ifndef PROBES_REQUEST_H
#define PROBES_REQUEST_H

#include "probes/events.h"

#define REQUEST_PORTS 4096
#define REQUEST_TURN_MAX_NS 1000000   /* a client that takes longer for its next request is thinking, not working */

/* One service on one CPU: entry cpu * SLOTS + slot of the map request_slots. Written by that CPU only, so that nothing is
 * atomic. blame adds up to time_ns - disk_ns. */
struct request_slot {
	__u64 count, time_ns;
	__u64 disk_ns;                /* of time_ns: the answering thread slept uninterruptibly */
	__u64 partner_ns;             /* of blame: at the service of the client that asked */
	__u64 backlog_ns;             /* of blame: queued behind requests that a neighbour had held up */
	__u64 turn_ns, turn_blamed_ns; /* clients: from a response to their next request; what their neighbours caused of it */
	__u64 client;                 /* slot of the service on this node that asked last; 0 = none seen */
	__u64 blame[SLOTS];           /* of time_ns, by culprit; the service itself: all the rest */
	__u32 hist[HIST_BUCKETS];
};

_Static_assert(sizeof(struct request_slot) == 64 + 8 * SLOTS + 4 * HIST_BUCKETS, "request_slot layout");

#endif
