/*
 * Memory cgroups for tests: a parent with an optional limit and children below it, each child with the identities that its tasks and
 * its pages have (v2 in one, or v2 and the v1 memory controller beside it).
 */
#ifndef TESTS_PROBES_MEMORY_GROUP_H
#define TESTS_PROBES_MEMORY_GROUP_H

#include <stdint.h>

#include "probes/probe.h"

struct memory_group {
	char memory[320], task[320];  /* directories; task = "" when the memory cgroup is a v2 one itself */
	char io[320];                 /* "" = reads are not limited */
	enum slot_kind memory_kind;
	uint64_t memory_id, task_id;
};

/* parent NULL: below the root. limit_bytes 0 = none. 0 or -errno; -ENOENT when there is no memory controller. */
int memory_group_open(struct memory_group *g, const struct memory_group *parent, const char *name, uint64_t limit_bytes);
/* A slower disk for tasks that enter from now on: reads per second from the device of `path`. -ENOENT when no controller offers it. */
int memory_group_limit_reads(struct memory_group *g, const char *path, unsigned per_s);
void memory_group_enter(const struct memory_group *g);                    /* the calling process */
int memory_group_slot(const struct memory_group *g, struct probes *p, unsigned slot);
int64_t memory_group_stat(const struct memory_group *g, const char *key);     /* memory.stat, children included; -1 = none */
void memory_group_close(struct memory_group *g);                              /* empty and without children; accepts one not open */

#endif
