/*
 * Where this host keeps its control groups: one v2 tree, v1 controller trees, or both (hybrid). Paths are relative to a
 * root directory descriptor, so that recorded trees can stand in for the host.
 */
#ifndef COLLECTOR_CGROUP_H
#define COLLECTOR_CGROUP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define CGROUP_PATH_MAX 512
#define CGROUP_OURS "cotenant"   /* parent folder of what `cotenant run` makes, in every hierarchy */

enum cgroup_hierarchy { CGROUP_V2, CGROUP_CPU, CGROUP_CPUACCT, CGROUP_BLKIO, CGROUP_MEMORY, CGROUP_HIERARCHIES };
extern const char *const cgroup_hierarchy_names[CGROUP_HIERARCHIES];

struct cgroup_layout {
	int root_fd;                                       /* borrowed */
	char mount[CGROUP_HIERARCHIES][CGROUP_PATH_MAX];   /* "sys/fs/cgroup/unified"; "" = not mounted */
	char controllers[256];                             /* of v2: "cpu io memory" */
};

/* From proc/self/mountinfo below root_fd. -ENOENT with a message when no hierarchy is mounted. */
int cgroup_layout_read(struct cgroup_layout *l, int root_fd, struct err *e);

/* "v2", "v1" or "hybrid". */
const char *cgroup_layout_name(const struct cgroup_layout *l);

bool cgroup_v2_has(const struct cgroup_layout *l, const char *controller);

/* Call visit for each folder below dir_fd/path (depth first; path begins with "/"); visit returns true to go deeper. Allocates nothing. */
typedef bool cgroup_visit(void *context, int dir_fd, const char *path);
void cgroup_walk(int dir_fd, cgroup_visit *visit, void *context);

#endif
