/*
 * Slowdown of a service by its neighbours, without a solo run: T / (T - N), where T is the time its work took in the interval and
 * N the part of it that neighbours caused. Where requests are seen (docs/requests.md, "Slowdown"):
 *
 *   T = latencies + the short turns of its clients between a response and their next request (a client in a closed loop can
 *       not ask faster than it is answered, so both are in the time per request)
 *   N = what neighbours held up of both: CPU, by the waits' logs; disk, by the service's disk blame; receive softirqs and disk
 *       interrupts on top of the threads at which they lay, by owner
 *
 * else T = on CPU + interrupted + waiting + disk time, N by the blame of CPU, disk and softirq. In a virtual machine what the hypervisor took
 * from the CPUs counts in N as far as its work for the neighbours' disk requests explains it (SLOWDOWN_GUEST_IO_NS each).
 *
 * Sleep for evicted pages is the fault of those for whom they were evicted (memory blame), other sleep on disk of those who shared the
 * device. Delay by its own clients on this node is not counted: they come along wherever it goes.
 *
 * `low` leaves out delay by `other` and steal; `high` adds kernel, irq, steal, unknown and its own clients, and takes disk by bytes (first come,
 * first served at a device limited by bandwidth) where that is more than by requests (processor sharing, as disk blame has it). Both
 * allow for what blame cannot see: the same work takes more or less beside neighbours. How much, `make bench-slowdown-lab` reads from
 * co-locations whose sessions and true slowdowns are in datasets/. All in ns; sums over intervals are those of a longer interval.
 */
#ifndef COLLECTOR_SLOWDOWN_H
#define COLLECTOR_SLOWDOWN_H

#include "collector/sampler.h"

struct slowdown {
	double time_ns, delayed_ns, low_ns, high_ns; /* low <= delayed <= high <= time */
};

/* False when nothing was measured or nothing was done. */
bool slowdown_estimate(const struct sampler *s, size_t service, struct slowdown *out);

/* Part of the requests' latency that neighbours caused, its clients on this node left out. */
double slowdown_request_blamed(const struct sampler *s, size_t service);

double slowdown_ratio(double time_ns, double delayed_ns); /* at most SLOWDOWN_MAX */
#define SLOWDOWN_MAX 1000.0

/* Work takes longer beside neighbours (caches, switches) or shorter (more is done per wake-up): per core that they use, of one at most. The
 * 5 and 95 % quantiles of true / estimated slowdown, less 1, over 29 pairs without disk neighbours of the first lab campaign, since replaced; the
 * 32 of the present one give -0.39 and 0.18 (make bench-slowdown-lab). */
#define SLOWDOWN_CHEAPER 0.15
#define SLOWDOWN_DEARER 0.32

/* In a virtual machine: time that a neighbour's disk request costs without anybody in the guest seeing it (the hypervisor's work, slow
 * wake-ups of idle CPUs), and the most of one core that all of them do: the 95 % quantile beyond SLOWDOWN_DEARER over 16 co-locations of that
 * source with disk neighbours and victims that do not use the disk, and that over their median of 7,800 requests per second. */
#define SLOWDOWN_GUEST_IO_NS 60000
#define SLOWDOWN_GUEST_IO_MOST 0.47

#endif
