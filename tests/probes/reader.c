/* See reader.h. */
#include "tests/probes/reader.h"
#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>

#define PAGE 4096
#define CHUNK (128 * 1024)
#define SPARE_KIB (24 * 1024)    /* left over by READ_ALLOCATE */

/* Time this thread has waited for a CPU so far: second number of its schedstat. */
static uint64_t runnable_ns(int schedstat)
{
	char text[128], *second;
	ssize_t n = pread(schedstat, text, sizeof(text) - 1, 0);

	if (n <= 0)
		return 0;
	text[n] = '\0';
	second = strchr(text, ' ');
	return second ? strtoull(second, NULL, 10) : 0;
}

static uint32_t *shuffled(uint32_t n)
{
	uint32_t *order = malloc(n * sizeof(*order)), seed = 12345;

	if (!order)
		abort();
	for (uint32_t i = 0; i < n; i++)
		order[i] = i;
	for (uint32_t i = n; i > 1; i--) {
		uint32_t k = (seed = seed * 1664525u + 1013904223u) % i, t = order[i - 1];

		order[i - 1] = order[k];
		order[k] = t;
	}
	return order;
}

/* What the two clocks themselves cost between them. */
static uint64_t clocks_ns(void)
{
	uint64_t least = UINT64_MAX;

	for (int i = 0; i < 1000; i++) {
		uint64_t wall = clock_ns(CLOCK_MONOTONIC), cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID);

		cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu;
		wall = clock_ns(CLOCK_MONOTONIC) - wall;
		least = wall - cpu < least ? wall - cpu : least;
	}
	return least;
}

static void read_random(int fd, struct reader_job job, struct reader_result *out)
{
	unsigned char *map = mmap(NULL, (size_t)job.pages * PAGE, PROT_READ, MAP_SHARED, fd, (off_t)job.first * PAGE), there;
	uint32_t *order = shuffled(job.pages);
	uint64_t clocks = clocks_ns();
	int schedstat = open("/proc/self/schedstat", O_RDONLY | O_CLOEXEC);
	char page[PAGE];

	posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
	for (uint32_t i = 0; i < job.pages && !out->error; i++) {
		uint64_t wall, cpu, runnable = runnable_ns(schedstat);

		if (map == MAP_FAILED || mincore(map + (size_t)order[i] * PAGE, PAGE, &there))
			out->error = errno;
		wall = clock_ns(CLOCK_MONOTONIC);
		cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID);
		if (pread(fd, page, PAGE, (off_t)(job.first + order[i]) * PAGE) != PAGE)
			out->error = errno ? errno : EIO;
		if (there & 1)
			continue;
		out->missing++;
		out->cpu_ns += clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu;
		out->read_ns += clock_ns(CLOCK_MONOTONIC) - wall - clocks;
		out->runnable_ns += runnable_ns(schedstat) - runnable;
	}
	munmap(map, (size_t)job.pages * PAGE);
	close(schedstat);
	free(order);
}

/* Every chunk is read twice: pages that are used once only are the kernel's first choice for eviction, before any victim's. */
static void read_stream(int fd, int copy, struct reader_job job, struct reader_result *out)
{
	static char buffer[CHUNK];
	off_t at = (off_t)job.first * PAGE, end = at + (off_t)job.pages * PAGE;

	posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	for (; at < end && !out->error; at += CHUNK) {
		size_t n = end - at < CHUNK ? (size_t)(end - at) : CHUNK;
		bool done = pread(fd, buffer, n, at) == (ssize_t)n && (copy < 0 || pwrite(copy, buffer, n, at) == (ssize_t)n) &&
			    pread(fd, buffer, n, at) == (ssize_t)n && (copy < 0 || pread(copy, buffer, n, at) == (ssize_t)n);

		if (!done)
			out->error = errno ? errno : EIO;
	}
	if (copy >= 0 && fdatasync(copy))
		out->error = errno;
}

/* Nearly all that could be had without swapping: so much that kswapd has to make room among the cached files. */
static void allocate(struct reader_result *out)
{
	unsigned long long kib = 0;
	char line[128];
	FILE *f = fopen("/proc/meminfo", "r");
	size_t bytes;
	char *memory;

	while (f && fgets(line, sizeof(line), f) && sscanf(line, "MemAvailable: %llu kB", &kib) != 1)
		;
	if (f)
		fclose(f);
	bytes = (size_t)(kib > SPARE_KIB ? kib - SPARE_KIB : 0) * 1024;
	memory = bytes ? mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) : MAP_FAILED;
	if (memory == MAP_FAILED) {
		out->error = ENOMEM;
		return;
	}
	for (size_t at = 0; at < bytes; at += PAGE)
		memory[at] = 1;
	munmap(memory, bytes);
}

static struct reader_result work(int fd, int copy, struct reader_job job)
{
	struct reader_result out = { 0 };

	if (job.kind == READ_ALLOCATE)
		allocate(&out);
	else if (job.kind == READ_RANDOM)
		read_random(fd, job, &out);
	else
		read_stream(fd, job.kind == READ_COPY ? copy : -1, job, &out);
	return out;
}

static void serve(const struct memory_group *g, const char *path, int in, int answers)
{
	char name[400];
	struct reader_job job;
	int fd, copy;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	memory_group_enter(g);
	snprintf(name, sizeof(name), "%s.copy", path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	copy = open(name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	while (fd >= 0 && copy >= 0 && read(in, &job, sizeof(job)) == sizeof(job) && job.kind != READ_STOP) {
		struct reader_result result = work(fd, copy, job);

		if (write(answers, &result, sizeof(result)) != sizeof(result))
			break;
	}
	_exit(0);
}

int reader_start(struct reader *r, const struct memory_group *g, const char *path)
{
	int to[2], from[2];

	if (pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC))
		return -errno;
	r->pid = fork();
	if (!r->pid) {
		close(to[1]);
		close(from[0]);
		serve(g, path, to[0], from[1]);
	}
	close(to[0]);
	close(from[1]);
	r->to = to[1];
	r->from = from[0];
	return r->pid < 0 ? -errno : 0;
}

void reader_begin(const struct reader *r, struct reader_job job)
{
	if (write(r->to, &job, sizeof(job)) != sizeof(job))
		abort();
}

struct reader_result reader_end(const struct reader *r)
{
	struct reader_result result;

	if (read(r->from, &result, sizeof(result)) != sizeof(result))
		result = (struct reader_result){ .error = EPIPE };
	return result;
}

void reader_stop(struct reader *r)
{
	if (r->pid <= 0)
		return;
	reader_begin(r, (struct reader_job){ .kind = READ_STOP });
	waitpid(r->pid, NULL, 0);
	close(r->to);
	close(r->from);
	r->pid = 0;
}
