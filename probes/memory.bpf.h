/*
 * The memory probe's method: whose page, who makes it go, what is remembered of it, and how long its reader then sleeps.
 *
 * Owner of a page: its memory cgroup; where that names no service, the task that read it into the cache.
 *
 * Culprit of an eviction: the task in whose context reclaim works, since it reclaims what it is about to allocate, whether a
 * limit of a memory cgroup or the node's free memory is short (so an own limit is the service's own doing, and the limit of
 * a common parent is charged by who allocates below it). Kernel threads: kswapd works for those that allocated since it last slept,
 * in proportion, counted from the first wakeup on (before: for who woke it); others for the memory cgroup on whose behalf they allocate
 * (active_memcg), else for themselves.
 *
 * Debt: a victim that reads again what a neighbour evicted has to reclaim for it, and may hit its own pages: that is still the
 * neighbour's doing, if the victim would have kept the page without neighbours. Whether it would is the kernel's own test for
 * refaults (mm/workingset.c): pages that the victim brought in since the eviction (its distance) against the room that others
 * hold under the limit in question. So a service whose working set does not fit anyway blames itself.
 *
 * Wait: a task that put evicted pages back into the cache and then sleeps in io_schedule() while they are not yet up to date
 * waits for them, from its switch away to its wakeup. Pages of the same read that were not evicted before take their share,
 * which is nobody's. Readers without a thread that sleeps (io_uring) have no such wait.
 */
#ifndef PROBES_MEMORY_BPF_H
#define PROBES_MEMORY_BPF_H

#include "probes/memory_culprit.bpf.h"
#include "probes/memory_table.bpf.h"

#define PF_MEMALLOC 0x00000800     /* set throughout reclaim, by kswapd, direct and memcg reclaim alike */
#define LARGE_BLOCKS 17            /* blocks that a folio of 2 MiB touches */

__u32 memory_active;             /* a service's pages are evicted or read again, or others' for a service: set here, reset by user space */
__u32 memory_watched;            /* waits are seen: set by user space */

#endif
