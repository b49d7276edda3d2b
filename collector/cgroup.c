/* Finding and walking the cgroup trees: see cgroup.h. Format of mountinfo: proc(5). */
#include "collector/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"

#define MOUNTINFO_MAX 65536
#define DEPTH_MAX 12

const char *const cgroup_hierarchy_names[] = { "v2", "cpu", "cpuacct", "blkio", "memory" };

static bool word_in(const char *list, const char *word, const char *separators)
{
	size_t n = strlen(word);

	for (const char *p = list; (p = strstr(p, word)); p += n)
		if ((p == list || strchr(separators, p[-1])) && (!p[n] || strchr(separators, p[n])))
			return true;
	return false;
}

/* "29 23 0:26 / /sys/fs/cgroup/cpu rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct" */
static void take_mount(struct cgroup_layout *l, char *line)
{
	char *tail = strstr(line, " - "), *save, *point = line, *type, *options;

	if (!tail)
		return;
	*tail = '\0';
	type = strtok_r(tail + 3, " ", &save);
	strtok_r(NULL, " ", &save);
	options = strtok_r(NULL, " ", &save);
	for (int i = 0; i < 4 && point; i++)
		point = strchr(point + (i > 0), ' ') ? strchr(point + (i > 0), ' ') : NULL;
	if (!point || !type || !options)
		return;
	point += strspn(point, " /");
	point[strcspn(point, " ")] = '\0';
	if (strlen(point) >= CGROUP_PATH_MAX)
		return;
	if (!strcmp(type, "cgroup2") && !l->mount[CGROUP_V2][0])
		strcpy(l->mount[CGROUP_V2], point);
	for (int h = CGROUP_CPU; !strcmp(type, "cgroup") && h < CGROUP_HIERARCHIES; h++)
		if (word_in(options, cgroup_hierarchy_names[h], ",\n") && !l->mount[h][0])
			strcpy(l->mount[h], point);
}

int cgroup_layout_read(struct cgroup_layout *l, int root_fd, struct err *e)
{
	char text[MOUNTINFO_MAX], path[CGROUP_PATH_MAX + 32], *line, *next;
	int n = file_read_at(root_fd, "proc/self/mountinfo", text, sizeof(text));

	*l = (struct cgroup_layout){ .root_fd = root_fd };
	if (n < 0)
		return err_set(e, n, "/proc/self/mountinfo: cannot read: %s; mount /proc", strerror(-n));
	for (line = text; line && *line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		take_mount(l, line);
	}
	if (l->mount[CGROUP_V2][0]) {
		snprintf(path, sizeof(path), "%s/cgroup.controllers", l->mount[CGROUP_V2]);
		n = file_read_at(root_fd, path, l->controllers, sizeof(l->controllers));
		l->controllers[n > 0 ? strcspn(l->controllers, "\n") : 0] = '\0';
	}
	for (int h = 0; h < CGROUP_HIERARCHIES; h++)
		if (l->mount[h][0])
			return 0;
	return err_set(e, -ENOENT, "no cgroup hierarchy is mounted; mount one: mount -t cgroup2 none /sys/fs/cgroup");
}

const char *cgroup_layout_name(const struct cgroup_layout *l)
{
	bool v1 = false;

	for (int h = CGROUP_CPU; h < CGROUP_HIERARCHIES; h++)
		v1 |= l->mount[h][0] != '\0';
	return !v1 ? "v2" : l->mount[CGROUP_V2][0] ? "hybrid" : "v1";
}

bool cgroup_v2_has(const struct cgroup_layout *l, const char *controller)
{
	return word_in(l->controllers, controller, " ");
}

struct walk {
	cgroup_visit *visit;
	void *context;
	char path[CGROUP_PATH_MAX];
};

struct linux_dirent64 {
	uint64_t ino;
	int64_t off;
	unsigned short reclen;
	unsigned char type;
	char name[];
};

static void walk_dir(struct walk *w, int fd, int depth)
{
	_Alignas(8) char buf[4096];
	size_t length = strlen(w->path);
	long n;

	while ((n = syscall(SYS_getdents64, fd, buf, sizeof(buf))) > 0)
		for (long at = 0; at < n;) {
			struct linux_dirent64 *d = (struct linux_dirent64 *)(buf + at);
			int child;

			at += d->reclen;
			if (d->type != DT_DIR || d->name[0] == '.' || length + strlen(d->name) + 2 > sizeof(w->path))
				continue;
			child = openat(fd, d->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
			if (child < 0)
				continue; /* gone meanwhile */
			sprintf(w->path + length, "/%s", d->name);
			if (w->visit(w->context, child, w->path) && depth < DEPTH_MAX)
				walk_dir(w, child, depth + 1);
			close(child);
			w->path[length] = '\0';
		}
}

void cgroup_walk(int dir_fd, cgroup_visit *visit, void *context)
{
	struct walk w = { .visit = visit, .context = context };

	lseek(dir_fd, 0, SEEK_SET);
	walk_dir(&w, dir_fd, 1);
}
