/* See memory_group.h. */
#include "tests/probes/memory_group.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "tests/probes/cgroup.h"

static int make(char *dir, size_t size, const char *above, const char *name, uint64_t *id)
{
	struct stat st;
	int n = snprintf(dir, size, "%s/%s", above, name);

	if (n < 0 || (size_t)n >= size)
		return -ENAMETOOLONG;
	if ((mkdir(dir, 0755) && errno != EEXIST) || stat(dir, &st))
		return -errno;
	*id = st.st_ino;
	return 0;
}

static int open_v1(struct memory_group *g, const char *memory, const char *v2, const char *name)
{
	int err = make(g->memory, sizeof(g->memory), memory, name, &g->memory_id);

	g->memory_kind = SLOT_MEMORY1;
	return err ? err : make(g->task, sizeof(g->task), v2, name, &g->task_id);
}

static int open_v2(struct memory_group *g, const char *above, const char *name)
{
	int err = cgroup_put(above, "cgroup.subtree_control", "+memory");

	cgroup_put(above, "cgroup.subtree_control", "+io"); /* for memory_group_limit_reads(), where there is one */
	g->memory_kind = SLOT_CGROUP2;
	return err ? err : make(g->memory, sizeof(g->memory), above, name, &g->memory_id);
}

int memory_group_open(struct memory_group *g, const struct memory_group *parent, const char *name, uint64_t limit_bytes)
{
	char v1[256], v2[256], unique[64], text[32];
	bool have_v1 = !cgroup_mount_find("cgroup", "memory", v1, sizeof(v1));
	int err;

	memset(g, 0, sizeof(*g));
	if (cgroup_mount_find("cgroup2", "", v2, sizeof(v2)))
		return -ENOENT;
	snprintf(unique, sizeof(unique), parent ? "%.40s" : "cotenant-test-%.40s-%d", name, getpid());
	if (have_v1)
		err = open_v1(g, parent ? parent->memory : v1, parent ? parent->task : v2, unique);
	else
		err = open_v2(g, parent ? parent->memory : v2, unique);
	snprintf(text, sizeof(text), "%llu", (unsigned long long)limit_bytes);
	if (!err && limit_bytes)
		err = cgroup_put(g->memory, have_v1 ? "memory.limit_in_bytes" : "memory.max", text);
	return err;
}

int memory_group_limit_reads(struct memory_group *g, const char *path, unsigned per_s)
{
	char v1[256], text[64], name[64];
	struct stat st;
	uint64_t id;
	int err;

	if (stat(path, &st))
		return -errno;
	if (g->memory_kind == SLOT_CGROUP2) {
		snprintf(text, sizeof(text), "%u:%u riops=%u", major(st.st_dev), minor(st.st_dev), per_s);
		return cgroup_put(g->memory, "io.max", text);
	}
	snprintf(text, sizeof(text), "%u:%u %u", major(st.st_dev), minor(st.st_dev), per_s);
	if (cgroup_mount_find("cgroup", "blkio", v1, sizeof(v1)))
		return -ENOENT;
	snprintf(name, sizeof(name), "cotenant-test-io-%d", getpid());
	err = make(g->io, sizeof(g->io), v1, name, &id);
	return err ? err : cgroup_put(g->io, "blkio.throttle.read_iops_device", text);
}

void memory_group_enter(const struct memory_group *g)
{
	cgroup_put(g->memory, "cgroup.procs", "0");
	if (*g->task)
		cgroup_put(g->task, "cgroup.procs", "0");
	if (*g->io)
		cgroup_put(g->io, "cgroup.procs", "0");
}

int memory_group_slot(const struct memory_group *g, struct probes *p, unsigned slot)
{
	int err = probes_slot_set(p, g->memory_kind, g->memory_id, slot);

	return err || !*g->task ? err : probes_slot_set(p, SLOT_CGROUP2, g->task_id, slot);
}

int64_t memory_group_stat(const struct memory_group *g, const char *key)
{
	char path[360], word[64], wanted[80];
	long long value, found = -1;
	FILE *f;

	snprintf(path, sizeof(path), "%s/memory.stat", g->memory);
	snprintf(wanted, sizeof(wanted), "%s%s", g->memory_kind == SLOT_MEMORY1 ? "total_" : "", key);
	f = fopen(path, "r");
	while (f && fscanf(f, "%63s %lld", word, &value) == 2)
		found = !strcmp(word, wanted) ? value : found;
	if (f)
		fclose(f);
	return found;
}

void memory_group_close(struct memory_group *g)
{
	const char *dirs[] = { g->memory, g->task, g->io };

	for (size_t d = 0; d < sizeof(dirs) / sizeof(dirs[0]); d++)
		for (int i = 0; *dirs[d] && rmdir(dirs[d]) && errno == EBUSY && i < 400; i++)
			usleep(5000);
	memset(g, 0, sizeof(*g));
}
