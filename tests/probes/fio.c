/* See fio.h. */
#include "tests/probes/fio.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/probes/load.h"

#define JOBS 4
#define SECTOR 512

static double sum_of(const char *report, const char *what)
{
	char keys[100];
	double mean, n;

	snprintf(keys, sizeof(keys), "jobs.0.%s.mean", what);
	mean = load_json(report, keys);
	snprintf(keys, sizeof(keys), "jobs.0.%s.N", what);
	n = load_json(report, keys);
	return mean >= 0 && n >= 0 ? mean * n : 0;
}

static void account_read(const char *report, struct fio_account *out)
{
	out->reads = load_json(report, "jobs.0.read.total_ios");
	out->read_bytes = load_json(report, "jobs.0.read.io_bytes");
	out->writes = load_json(report, "jobs.0.write.total_ios");
	out->write_bytes = load_json(report, "jobs.0.write.io_bytes");
	out->read_lat_ns = sum_of(report, "read.lat_ns");
	out->read_slat_ns = sum_of(report, "read.slat_ns");
	out->read_clat_ns = sum_of(report, "read.clat_ns");
	out->sync_lat_ns = sum_of(report, "sync.lat_ns");
}

int fio_run(const struct cgroup_pair *const groups[], const char *const arguments[], size_t n, struct fio_account out[])
{
	char reports[JOBS][40], command[800];
	pid_t pids[JOBS];
	int err = n <= JOBS ? 0 : -E2BIG, status, fd;
	struct rusage usage;

	for (size_t i = 0; i < n && !err; i++) {
		snprintf(reports[i], sizeof(reports[i]), "/dev/shm/cotenant-fio-XXXXXX");
		fd = mkstemp(reports[i]);
		if (fd < 0)
			return -errno;
		close(fd);
		snprintf(command, sizeof(command), "exec fio --name=t --output-format=json --output=%s %s", reports[i], arguments[i]);
		pids[i] = load_start(groups[i], command);
	}
	for (size_t i = 0; i < n && err != -E2BIG; i++) {
		if (wait4(pids[i], &status, 0, &usage) < 0 || !WIFEXITED(status) || WEXITSTATUS(status))
			err = -EPROTO;
		account_read(reports[i], &out[i]);
		out[i].kernel_read_bytes = (double)usage.ru_inblock * SECTOR;
		unlink(reports[i]);
	}
	return err;
}
