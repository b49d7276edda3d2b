/*
 * Slow twin of the disk probe's sharing: who had how many requests outstanding on one device at every moment, from the kernel's trace
 * of block events (tracefs, an instance of one's own), and from that by the definition, event by event:
 *
 *   blame[a][b] = integral of n_a * n_b / n dt      outstanding[a] = integral of n_a dt
 *
 * Shares no code, no hook and no clock reading with the probe. Owners are told apart by the half of the device that they read;
 * whoever is not fio (udev looks at new devices) is the third.
 */
#ifndef TESTS_PROBES_SHARING_H
#define TESTS_PROBES_SHARING_H

#include <stdint.h>

enum sharing_owner { LOWER_HALF, UPPER_HALF, NOT_FIO, SHARING_OWNERS };

struct sharing {
	double blame_ns[SHARING_OWNERS][SHARING_OWNERS], outstanding_ns[SHARING_OWNERS];
	double alone_ns[SHARING_OWNERS];      /* of outstanding_ns: while nobody else had any */
	uint64_t requests, unfinished, overrun; /* unfinished: no end was traced; overrun: the trace is incomplete */
};

struct sharing_trace;

/* Begin to trace requests on a device of so many sectors. -ENOENT where the kernel has no such events or no tracefs. */
int sharing_begin(unsigned major, unsigned minor, uint64_t sectors, struct sharing_trace **out);
int sharing_end(struct sharing_trace *t, struct sharing *out); /* 0 or -errno; frees t in any case */

#endif
