/*
 * A command as a named service: its own folder cotenant/NAME in every cgroup hierarchy, and nothing outside of it.
 *
 * runner_prepare() makes the folders and sets the limits, runner_enter() (in the child, before exec) moves it in, runner_remove() ends what
 * is left inside and removes the folders. Leftovers of runners that were killed are removed by the next runner_prepare().
 */
#ifndef COLLECTOR_RUN_H
#define COLLECTOR_RUN_H

#include <stdint.h>
#include <sys/types.h>

#include "collector/cgroup.h"

struct run_limits {
	double cpus;               /* 0 = none */
	uint64_t memory_bytes;     /* 0 = none */
	uint64_t io_bytes_per_s;   /* 0 = none; reads and writes each, on every disk */
};

struct runner {
	struct cgroup_layout layout;
	const char *name;          /* borrowed */
	int made;                  /* bit per hierarchy */
	int lock_fd;
};

int runner_prepare(struct runner *r, int root_fd, const char *name, const struct run_limits *limits, struct err *e);
int runner_enter(const struct runner *r, pid_t pid, struct err *e);

/* Other runners may prepare again; call after runner_enter(). */
void runner_unlock(struct runner *r);

/* SIGTERM to what is left, SIGKILL after grace_ns, then rmdir. Returns the number of processes that had been left. */
int runner_remove(struct runner *r, uint64_t grace_ns);

#endif
