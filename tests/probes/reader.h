/*
 * A process in a memory cgroup that reads files on command, one job at a time, and says how long it took: victims and
 * culprits of page-cache evictions whose doings are known.
 */
#ifndef TESTS_PROBES_READER_H
#define TESTS_PROBES_READER_H

#include <stdint.h>
#include <sys/types.h>

#include "tests/probes/memory_group.h"

enum reader_kind {
	READ_RANDOM,      /* every page of the range once, in random order, without readahead */
	READ_STREAM,      /* the range, front to back, with readahead, each 128 KiB twice */
	READ_COPY,        /* copy the range to FILE.copy and compare */
	READ_ALLOCATE,    /* no reading: touch about as much fresh memory as the node has to spare, and give it back */
	READ_STOP,
};

struct reader_job {
	enum reader_kind kind;
	uint32_t first, pages;   /* of 4 KiB */
};

struct reader_result {
	int error;               /* errno */
	uint64_t missing;        /* READ_RANDOM: pages that were not in the cache right before they were read, by mincore() */
	uint64_t read_ns;        /* wall time of reading these … */
	uint64_t cpu_ns;         /* … of it on the CPU */
	uint64_t runnable_ns;    /* … of it waiting for a CPU (schedstat) */
};

struct reader {
	pid_t pid;
	int to, from;            /* pipes */
};

int reader_start(struct reader *r, const struct memory_group *g, const char *path);
void reader_begin(const struct reader *r, struct reader_job job);
struct reader_result reader_end(const struct reader *r);
void reader_stop(struct reader *r);   /* accepts one not started */

#endif
