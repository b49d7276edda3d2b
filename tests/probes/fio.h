/*
 * fio jobs in services of their own: started together, waited for, and what fio and the kernel know of each. Reports go to
 * memory, so that a job's only disk traffic is its own and, when it is not in the page cache, its program's.
 */
#ifndef TESTS_PROBES_FIO_H
#define TESTS_PROBES_FIO_H

#include <stddef.h>

#include "tests/probes/cgroup.h"

struct fio_account {
	double reads, read_bytes, writes, write_bytes;
	double read_lat_ns, read_slat_ns, read_clat_ns;  /* sums over reads; lat is their sum, from submission to seeing the end */
	double sync_lat_ns;                              /* sum over fsyncs */
	double kernel_read_bytes;                        /* getrusage(): all that it and its shell had read from devices */
};

/* Runs n jobs (arguments of fio), each in its group. 0, or -errno; -EPROTO when a job fails. */
int fio_run(const struct cgroup_pair *const groups[], const char *const arguments[], size_t n, struct fio_account out[]);

#endif
