/*
 * Making and removing the cgroups of `cotenant run`: see run.h. Works with v2 alone, v1 alone and both: the same folder name is made in
 * each, because on hybrid hosts the controllers sit in v1 while pressure and exact ids are v2's.
 *
 * One flock on the first hierarchy's cotenant/ folder spans "make, move in", and another time "remove the cotenant/ folders", so that a
 * parallel runner's clean-up cannot take an empty folder that is about to be used.
 */
#include "collector/run.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"

#define QUOTA_PERIOD_US 100000
#define PATH_SIZE (CGROUP_PATH_MAX + 384)
#define POLL_NS 20000000          /* between two looks whether the cgroup has emptied */
#define PROCS_MAX 65536
#define LOCK_TRIES 1000

static int write_at(int root_fd, const char *path, const char *text)
{
	int fd = openat(root_fd, path, O_WRONLY | O_CLOEXEC), err = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		err = -errno;
	close(fd);
	return err;
}

static void path_of(const struct runner *r, int h, const char *file, char path[PATH_SIZE])
{
	snprintf(path, PATH_SIZE, "%s/" CGROUP_OURS "/%s%s%s", r->layout.mount[h], r->name, *file ? "/" : "", file);
}

static int set_limit(struct runner *r, int h, const char *file, const char *value, struct err *e)
{
	char path[PATH_SIZE];
	int err;

	path_of(r, h, file, path);
	err = write_at(r->layout.root_fd, path, value);
	return err ? err_set(e, err, "%s: cannot set the limit in /%s to %s: %s; see: cotenant doctor", r->name, path, value,
			     strerror(-err)) : 0;
}

static int no_controller(const struct runner *r, const char *option, const char *controller, struct err *e)
{
	return err_set(e, -EOPNOTSUPP, "%s: %s needs the %s controller, which no cgroup hierarchy here offers; "
		       "leave the option out or see: cotenant doctor", r->name, option, controller);
}

static int limit_cpus(struct runner *r, double cpus, struct err *e)
{
	char text[64];
	long long quota = (long long)(cpus * QUOTA_PERIOD_US);

	if (r->made & 1 << CGROUP_CPU) {
		snprintf(text, sizeof(text), "%lld", quota);
		return set_limit(r, CGROUP_CPU, "cpu.cfs_quota_us", text, e);
	}
	if (!cgroup_v2_has(&r->layout, "cpu"))
		return no_controller(r, "--cpus", "cpu", e);
	snprintf(text, sizeof(text), "%lld %d", quota, QUOTA_PERIOD_US);
	return set_limit(r, CGROUP_V2, "cpu.max", text, e);
}

static int limit_memory(struct runner *r, uint64_t bytes, struct err *e)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)bytes);
	if (r->made & 1 << CGROUP_MEMORY)
		return set_limit(r, CGROUP_MEMORY, "memory.limit_in_bytes", text, e);
	if (!cgroup_v2_has(&r->layout, "memory"))
		return no_controller(r, "--memory", "memory", e);
	return set_limit(r, CGROUP_V2, "memory.max", text, e);
}

static int limit_disk(struct runner *r, const char *dev, uint64_t bps, struct err *e)
{
	char text[128];
	int err;

	if (r->made & 1 << CGROUP_BLKIO) {
		snprintf(text, sizeof(text), "%s %llu", dev, (unsigned long long)bps);
		err = set_limit(r, CGROUP_BLKIO, "blkio.throttle.read_bps_device", text, e);
		return err ? err : set_limit(r, CGROUP_BLKIO, "blkio.throttle.write_bps_device", text, e);
	}
	snprintf(text, sizeof(text), "%s rbps=%llu wbps=%llu", dev, (unsigned long long)bps, (unsigned long long)bps);
	return set_limit(r, CGROUP_V2, "io.max", text, e);
}

/* Every disk that has a size: a loop or ram device without one is not in use. */
static int limit_io(struct runner *r, uint64_t bps, struct err *e)
{
	int fd, err = 0;
	DIR *dir;

	if (!(r->made & 1 << CGROUP_BLKIO) && !cgroup_v2_has(&r->layout, "io"))
		return no_controller(r, "--io-bps", "io", e);
	fd = openat(r->layout.root_fd, "sys/block", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (!dir)
		return err_set(e, -errno, "/sys/block: cannot list the disks: %s", strerror(errno));
	for (struct dirent *d; !err && (d = readdir(dir));) {
		char path[300], dev[64], size[64];

		snprintf(path, sizeof(path), "%s/size", d->d_name);
		if (d->d_name[0] == '.' || file_read_at(fd, path, size, sizeof(size)) <= 0 || size[0] == '0')
			continue;
		snprintf(path, sizeof(path), "%s/dev", d->d_name);
		if (file_read_at(fd, path, dev, sizeof(dev)) <= 0)
			continue;
		dev[strcspn(dev, "\n")] = '\0';
		err = limit_disk(r, dev, bps, e);
	}
	closedir(dir);
	return err;
}

/* Folders of runners that are gone: empty ones go, a busy one keeps its rmdir from succeeding. */
static void reap_stale(struct runner *r, int h)
{
	char path[PATH_SIZE];
	int fd;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/" CGROUP_OURS, r->layout.mount[h]);
	fd = openat(r->layout.root_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd >= 0 ? fdopendir(fd) : NULL;
	for (struct dirent *d; dir && (d = readdir(dir));)
		if (d->d_type == DT_DIR && d->d_name[0] != '.')
			unlinkat(fd, d->d_name, AT_REMOVEDIR);
	if (dir)
		closedir(dir);
}

/*
 * Lock the folder at PATH, the first hierarchy's cotenant/, and see that it still stands there: a parallel runner may have taken it away
 * since it was opened. False when it cannot be made, or without MAKE is not there.
 */
static bool lock_folder(struct runner *r, const char *path, bool make)
{
	struct stat held, there;

	for (int tries = 0; tries < LOCK_TRIES; tries++) {
		if (make && mkdirat(r->layout.root_fd, path, 0755) && errno != EEXIST)
			return false;
		r->lock_fd = openat(r->layout.root_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (r->lock_fd < 0 && !make)
			return false;
		if (r->lock_fd >= 0 && !flock(r->lock_fd, LOCK_EX) && !fstat(r->lock_fd, &held) &&
		    !fstatat(r->layout.root_fd, path, &there, 0) && held.st_ino == there.st_ino && held.st_dev == there.st_dev)
			return true;
		runner_unlock(r);
	}
	errno = EBUSY;
	return false;
}

static int make_parent(struct runner *r, int h, struct err *e)
{
	static const char *const wanted[] = { "+cpu", "+io", "+memory", "+pids" };
	char path[PATH_SIZE], file[PATH_SIZE + 32];

	snprintf(path, sizeof(path), "%s/" CGROUP_OURS, r->layout.mount[h]);
	if (r->lock_fd < 0 ? !lock_folder(r, path, true) : mkdirat(r->layout.root_fd, path, 0755) && errno != EEXIST)
		return err_set(e, -errno, "/%s: cannot make the cgroup: %s; run as root where cgroups are writable", path,
			       strerror(errno));
	for (size_t i = 0; h == CGROUP_V2 && i < sizeof(wanted) / sizeof(*wanted); i++) {
		if (!cgroup_v2_has(&r->layout, wanted[i] + 1))
			continue;
		snprintf(file, sizeof(file), "%s/cgroup.subtree_control", r->layout.mount[h]);
		write_at(r->layout.root_fd, file, wanted[i]);
		snprintf(file, sizeof(file), "%s/cgroup.subtree_control", path);
		write_at(r->layout.root_fd, file, wanted[i]); /* a limit that needs it will say so */
	}
	return 0;
}

static int make_folder(struct runner *r, int h, struct err *e)
{
	char path[PATH_SIZE];
	int err = make_parent(r, h, e);

	if (err)
		return err;
	reap_stale(r, h);
	path_of(r, h, "", path);
	if (mkdirat(r->layout.root_fd, path, 0755)) {
		if (errno == EEXIST)
			return err_set(e, -EEXIST, "%s: a service of this name is running; choose another name or stop it "
				       "(its processes: /%s/cgroup.procs)", r->name, path);
		return err_set(e, -errno, "/%s: cannot make the cgroup: %s", path, strerror(errno));
	}
	r->made |= 1 << h;
	return 0;
}

int runner_prepare(struct runner *r, int root_fd, const char *name, const struct run_limits *limits, struct err *e)
{
	int err;

	*r = (struct runner){ .name = name, .lock_fd = -1 };
	err = cgroup_layout_read(&r->layout, root_fd, e);
	for (int h = 0; !err && h < CGROUP_HIERARCHIES; h++) {
		bool same = false;

		for (int other = 0; other < h; other++)  /* cpu,cpuacct mounted as one */
			same |= !strcmp(r->layout.mount[other], r->layout.mount[h]);
		if (r->layout.mount[h][0] && !same)
			err = make_folder(r, h, e);
	}
	if (!err && limits->cpus > 0)
		err = limit_cpus(r, limits->cpus, e);
	if (!err && limits->memory_bytes)
		err = limit_memory(r, limits->memory_bytes, e);
	if (!err && limits->io_bytes_per_s)
		err = limit_io(r, limits->io_bytes_per_s, e);
	if (err)
		runner_remove(r, 0);
	return err;
}

int runner_enter(const struct runner *r, pid_t pid, struct err *e)
{
	char path[PATH_SIZE], text[32];
	int err;

	snprintf(text, sizeof(text), "%d", (int)pid);
	for (int h = 0; h < CGROUP_HIERARCHIES; h++) {
		if (!(r->made & 1 << h))
			continue;
		path_of(r, h, "cgroup.procs", path);
		err = write_at(r->layout.root_fd, path, text);
		if (err)
			return err_set(e, err, "%s: cannot enter the cgroup /%s: %s", r->name, path, strerror(-err));
	}
	return 0;
}

void runner_unlock(struct runner *r)
{
	if (r->lock_fd >= 0)
		close(r->lock_fd);
	r->lock_fd = -1;
}

static int signal_all(const struct runner *r, int h, int number)
{
	char path[PATH_SIZE], text[PROCS_MAX], *save, *word;
	int n = 0;

	path_of(r, h, "cgroup.procs", path);
	if (file_read_at(r->layout.root_fd, path, text, sizeof(text)) <= 0)
		return 0;
	for (word = strtok_r(text, "\n", &save); word; word = strtok_r(NULL, "\n", &save), n++)
		if (number)
			kill((pid_t)strtol(word, NULL, 10), number);
	return n;
}

static int end_processes(struct runner *r, int h, uint64_t grace_ns)
{
	int left = signal_all(r, h, SIGTERM);

	for (uint64_t waited = 0; left && waited < grace_ns && signal_all(r, h, 0); waited += POLL_NS)
		clock_nap(POLL_NS);
	for (int tries = 0; left && tries < 250 && signal_all(r, h, SIGKILL); tries++)
		clock_nap(POLL_NS);
	return left;
}

/* The cotenant/ folders stay while other services run. Under the lock: a parallel runner may be about to make its own in them. */
static void remove_parents(struct runner *r)
{
	char path[PATH_SIZE];

	for (int h = 0; h < CGROUP_HIERARCHIES; h++) {
		if (!(r->made & 1 << h))
			continue;
		snprintf(path, sizeof(path), "%s/" CGROUP_OURS, r->layout.mount[h]);
		if (r->lock_fd < 0 && !lock_folder(r, path, false))
			return;
		unlinkat(r->layout.root_fd, path, AT_REMOVEDIR);
	}
	runner_unlock(r);
}

int runner_remove(struct runner *r, uint64_t grace_ns)
{
	char path[PATH_SIZE];
	int left = 0;

	for (int h = 0; h < CGROUP_HIERARCHIES; h++) {
		if (!(r->made & 1 << h))
			continue;
		left += end_processes(r, h, grace_ns);
		path_of(r, h, "", path);
		for (int tries = 0; unlinkat(r->layout.root_fd, path, AT_REMOVEDIR) && errno == EBUSY && tries < 50; tries++)
			clock_nap(POLL_NS);
	}
	remove_parents(r);
	r->made = 0;
	return left;
}
