/* A test's own cgroup in the v2 hierarchy and, where a controller is on v1, there too: the cpu controller with an optional quota, or another one. */
#ifndef TESTS_PROBES_CGROUP_H
#define TESTS_PROBES_CGROUP_H

#include <stddef.h>
#include <stdint.h>

struct cgroup_pair {
	char v2[256], v1[256];   /* directories; "" = none */
	uint64_t v2_id, v1_id;   /* 0 = none */
};

int cgroup_pair_open(struct cgroup_pair *c, unsigned number, unsigned quota_pct);
int cgroup_pair_open_in(struct cgroup_pair *c, const char *controller, unsigned number); /* by its name in v1 */
void cgroup_pair_enter(const struct cgroup_pair *c);                 /* the calling process */
uint64_t cgroup_pair_usage_ns(const struct cgroup_pair *c);          /* cpu.stat of v2; 0 = none */
uint64_t cgroup_pair_throttled_ns(const struct cgroup_pair *c);
void cgroup_pair_close(struct cgroup_pair *c);

/* Mount point of a hierarchy: file system type, and an option it must have ("" = any). 0 or -ENOENT. */
int cgroup_mount_find(const char *type, const char *option, char *out, size_t size);
int cgroup_put(const char *dir, const char *file, const char *text); /* 0 or -errno */

#endif
