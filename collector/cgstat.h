/*
 * What the kernel's own cgroup files say about a service: cpu.stat, memory.stat, pressure, task count. One table row per
 * figure; what a hierarchy does not offer stays absent.
 */
#ifndef COLLECTOR_CGSTAT_H
#define COLLECTOR_CGSTAT_H

#include <stdint.h>

#include "collector/cgroup.h"
#include "collector/profile.h"

/* Running totals of one cgroup in one hierarchy, SESSION_ABSENT where unknown; begin with cgstat_reset(). */
struct cgstat {
	int64_t last[N_METRICS];
};

void cgstat_reset(struct cgstat *s);

/* Read the files of the cgroup dir_fd and add what happened since the last call to values (SESSION_ABSENT counts as nothing yet); the
 * first call adds gauges only, because what happened before is not this interval's. Where v2 and v1 both have a figure, have_v2
 * (this service's v2 cgroup was read) decides for v2. 0, or -ENODEV when the cgroup is gone. */
int cgstat_read(struct cgstat *s, enum cgroup_hierarchy h, int dir_fd, bool have_v2, int64_t values[N_METRICS]);

#endif
