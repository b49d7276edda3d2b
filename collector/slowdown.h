/*
 * Slowdown of a service by its neighbours, without a solo run: T / (T - N), where T is the time its work took in the interval and
 * N the part of it that neighbours caused. Where requests are seen (docs/requests.md, "Slowdown"):
 *
 *   T = latencies + the short turns of its clients between a response and their next request (a client in a closed loop can
 *       not ask faster than it is answered, so both are in the time per request)
 *   N = what neighbours held up of both: CPU, by the waits' logs; disk, by the service's disk blame; receive softirq, by owner
 *
 * else T = on CPU + interrupted + waiting + disk time, N by the blame of CPU, disk and softirq.
 *
 * Delay by its own clients on this node is not counted: they come along wherever it goes. `low` leaves out delay by `other`;
 * `high` adds kernel, irq, steal, unknown and its own clients, and takes disk by bytes (first come, first served at a device
 * limited by bandwidth) where that is more than by requests (processor sharing, as disk blame has it). Both allow for what blame
 * cannot see: SLOWDOWN_UNSEEN more or less work beside neighbours that use a whole core. All in ns; sums over intervals are those
 * of a longer interval.
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

/* The same work takes longer beside neighbours (caches, memory, what a hypervisor does for their IO) or shorter (more is done per
 * wake-up): about the largest error that docs/truth-slowdown.md shows for neighbours on CPU and network. */
#define SLOWDOWN_UNSEEN 0.10

#endif
