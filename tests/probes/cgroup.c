/* See cgroup.h. The weight is the largest there is: tests share the machine with whatever else runs. */
#include "tests/probes/cgroup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int cgroup_put(const char *dir, const char *file, const char *text)
{
	char path[320];
	FILE *f;
	int err;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	f = fopen(path, "w");
	if (!f)
		return -errno;
	err = fputs(text, f) < 0 ? -errno : 0;
	return fclose(f) ? -errno : err;
}

int cgroup_mount_find(const char *type, const char *option, char *out, size_t size)
{
	char line[1024], point[256], fs[64], options[512];
	FILE *f = fopen("/proc/mounts", "r");
	int found = -ENOENT;

	while (f && found < 0 && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%*s %255s %63s %511s", point, fs, options) != 3 || strcmp(fs, type))
			continue;
		char padded[520], wanted[64];
		snprintf(padded, sizeof(padded), ",%s,", options);
		snprintf(wanted, sizeof(wanted), ",%s,", option);
		if (!*option || strstr(padded, wanted)) {
			snprintf(out, size, "%s", point);
			found = 0;
		}
	}
	if (f)
		fclose(f);
	return found;
}

static int make(char *dir, size_t size, const char *root, unsigned number, uint64_t *id)
{
	struct stat st;

	snprintf(dir, size, "%.180s/cotenant-test-%d-%u", root, getpid(), number);
	if (mkdir(dir, 0755) && errno != EEXIST)
		return -errno;
	if (stat(dir, &st))
		return -errno;
	*id = st.st_ino;
	return 0;
}

int cgroup_pair_open_in(struct cgroup_pair *c, const char *controller, unsigned number)
{
	char root[256], text[64];
	int err;

	memset(c, 0, sizeof(*c));
	if (!cgroup_mount_find("cgroup2", "", root, sizeof(root))) {
		snprintf(text, sizeof(text), "+%s", strcmp(controller, "blkio") ? controller : "io"); /* its name in v2 */
		cgroup_put(root, "cgroup.subtree_control", text);
		if ((err = make(c->v2, sizeof(c->v2), root, number, &c->v2_id)) < 0)
			return err;
	}
	if (cgroup_mount_find("cgroup", controller, root, sizeof(root)))
		return c->v2_id ? 0 : -ENOENT;
	return make(c->v1, sizeof(c->v1), root, number, &c->v1_id);
}

int cgroup_pair_open(struct cgroup_pair *c, unsigned number, unsigned quota_pct)
{
	char text[64];
	int err = cgroup_pair_open_in(c, "cpu", number);

	if (err < 0)
		return err;
	if (*c->v2) {
		cgroup_put(c->v2, "cpu.weight", "10000");
		snprintf(text, sizeof(text), "%u 100000", quota_pct * 1000);
		if (quota_pct)
			cgroup_put(c->v2, "cpu.max", text);
	}
	if (!*c->v1)
		return 0;
	cgroup_put(c->v1, "cpu.shares", "262144");
	snprintf(text, sizeof(text), "%u", quota_pct * 1000);
	return quota_pct ? cgroup_put(c->v1, "cpu.cfs_quota_us", text) : 0;
}

void cgroup_pair_enter(const struct cgroup_pair *c)
{
	if (*c->v2)
		cgroup_put(c->v2, "cgroup.procs", "0");
	if (*c->v1)
		cgroup_put(c->v1, "cgroup.procs", "0");
}

/* A line of cpu.stat times its unit; 0 when there is none. */
static uint64_t stat_ns(const char *dir, const char *name, unsigned unit_ns)
{
	char path[320], key[64];
	unsigned long long value, ns = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/cpu.stat", dir);
	f = *dir ? fopen(path, "r") : NULL;
	while (f && fscanf(f, "%63s %llu", key, &value) == 2)
		ns = !strcmp(key, name) ? value * unit_ns : ns;
	if (f)
		fclose(f);
	return ns;
}

uint64_t cgroup_pair_usage_ns(const struct cgroup_pair *c)
{
	return stat_ns(c->v2, "usage_usec", 1000);
}

uint64_t cgroup_pair_throttled_ns(const struct cgroup_pair *c)
{
	return *c->v1 ? stat_ns(c->v1, "throttled_time", 1) : stat_ns(c->v2, "throttled_usec", 1000);
}

void cgroup_pair_close(struct cgroup_pair *c)
{
	for (char *dir = c->v1; dir; dir = dir == c->v1 ? c->v2 : NULL)
		for (int i = 0; *dir && rmdir(dir) && errno == EBUSY && i < 200; i++)
			usleep(5000);
}
