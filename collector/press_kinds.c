/*
 * The kinds of synthetic pressure (see press.h): what one step does, and in which unit it counts.
 * Steps are short (some tens of microseconds) so that the engine can hold a level; sizes below say why.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "collector/press.h"

#define LINE_BYTES 64u
#define CHASE_LINES 256u           /* one cache step: 256 dependent reads, about 20 us from DRAM */
#define COPY_BYTES 65536u          /* one membw step */
#define BLOCK_BYTES 16384u         /* one disk step: between a database page and a log block */
#define MESSAGE_BYTES 16384u       /* one net step */
#define SPIN_NS 50000u             /* one cpu step */

static uint64_t next_random(struct press_worker *w)
{
	w->random = w->random * 6364136223846793005ull + 1442695040888963407ull; /* Knuth's MMIX constants */
	return w->random >> 33;
}

static uint64_t thread_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static int open_nothing(struct press_worker *w, struct err *e)
{
	(void)w;
	(void)e;
	return 0;
}

static void close_all(struct press_worker *w)
{
	if (w->memory)
		munmap(w->memory, w->bytes);
	if (w->fd >= 0)
		close(w->fd);
	if (w->peer >= 0)
		close(w->peer);
	w->memory = NULL;
	w->fd = w->peer = -1;
}

static int64_t spin(struct press_worker *w)
{
	uint64_t start = thread_ns(), now = start;

	(void)w;
	while (now - start < SPIN_NS)
		now = thread_ns();
	return (int64_t)(now - start);
}

static int open_memory(struct press_worker *w, struct err *e)
{
	if (w->bytes < 2 * COPY_BYTES)
		return err_set(e, -EINVAL, "--bytes %llu: must be at least %u", (unsigned long long)w->bytes, 2 * COPY_BYTES);
	w->bytes -= w->bytes % COPY_BYTES;
	w->memory = mmap(NULL, w->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (w->memory == MAP_FAILED) {
		w->memory = NULL;
		return err_set(e, -ENOMEM, "no memory for a working set of %llu bytes", (unsigned long long)w->bytes);
	}
	return 0;
}

/* Sattolo's shuffle (1986): one cycle through all lines, so a chase visits each before it repeats any. */
static int open_chase(struct press_worker *w, struct err *e)
{
	uint64_t lines;
	int err;

	if ((err = open_memory(w, e)) < 0)
		return err;
	lines = w->bytes / LINE_BYTES;
	for (uint64_t i = 0; i < lines; i++)
		*(uint64_t *)(void *)(w->memory + i * LINE_BYTES) = i;
	for (uint64_t i = lines - 1; i > 0; i--) {
		uint64_t *a = (uint64_t *)(void *)(w->memory + i * LINE_BYTES),
			 *b = (uint64_t *)(void *)(w->memory + next_random(w) % i * LINE_BYTES), t = *a;

		*a = *b;
		*b = t;
	}
	return 0;
}

static int64_t chase(struct press_worker *w)
{
	uint64_t at = w->at;

	for (unsigned i = 0; i < CHASE_LINES; i++)
		at = *(volatile uint64_t *)(void *)(w->memory + at * LINE_BYTES);
	w->at = at;
	return CHASE_LINES;
}

static int64_t copy(struct press_worker *w)
{
	uint64_t half = w->bytes / 2 / COPY_BYTES * COPY_BYTES;

	memcpy(w->memory + half + w->at, w->memory + w->at, COPY_BYTES);
	w->at = (w->at + COPY_BYTES) % half;
	return 2 * (int64_t)COPY_BYTES; /* read and written */
}

/* The scratch file is removed at once; the descriptor keeps it alive, so nothing can be left behind. */
static int open_disk(struct press_worker *w, struct err *e)
{
	char *path = w->config->file ? str_fmt("%s.%u", w->config->file, w->index) : str_fmt("cotenant-press.%d.%u", getpid(), w->index);
	int err = 0;

	if (w->bytes < BLOCK_BYTES) {
		err = err_set(e, -EINVAL, "--bytes: must be at least %u", BLOCK_BYTES);
		goto out;
	}
	w->memory = mmap(NULL, w->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); /* aligned for O_DIRECT */
	if (w->memory == MAP_FAILED) {
		w->memory = NULL;
		err = err_set(e, -ENOMEM, "no memory for the buffer");
		goto out;
	}
	w->fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_DIRECT | O_CLOEXEC, 0600);
	if (w->fd < 0) {
		err = err_set(e, -errno, "%s: cannot make a scratch file with direct IO: %s; name another place with --file", path,
			      strerror(errno));
		goto out;
	}
	unlink(path);
	if ((err = -posix_fallocate(w->fd, 0, (off_t)w->bytes)) < 0)
		err_set(e, err, "%s: no room for %llu bytes: %s", path, (unsigned long long)w->bytes, strerror(-err));
out:
	free(path);
	return err;
}

static int64_t write_block(struct press_worker *w)
{
	uint64_t block = next_random(w) % (w->bytes / BLOCK_BYTES);

	return pwrite(w->fd, w->memory, BLOCK_BYTES, (off_t)(block * BLOCK_BYTES)) == (ssize_t)BLOCK_BYTES ? 1 : -EIO;
}

static int open_pair(struct press_worker *w, struct err *e)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1, err;
	socklen_t n = sizeof(a);

	w->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0 || w->fd < 0 || bind(listener, (struct sockaddr *)&a, n) || listen(listener, 1) ||
	    getsockname(listener, (struct sockaddr *)&a, &n) || connect(w->fd, (struct sockaddr *)&a, n) ||
	    (w->peer = accept4(listener, (struct sockaddr *)&a, &n, SOCK_CLOEXEC)) < 0) {
		err = err_set(e, -errno, "cannot make a TCP connection on loopback: %s", strerror(errno));
	} else {
		setsockopt(w->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		err = open_memory(w, e);
	}
	if (listener >= 0)
		close(listener);
	return err;
}

static int64_t send_message(struct press_worker *w)
{
	size_t got = 0;

	if (send(w->fd, w->memory, MESSAGE_BYTES, MSG_NOSIGNAL) != (ssize_t)MESSAGE_BYTES)
		return -EIO;
	while (got < MESSAGE_BYTES) {
		ssize_t n = recv(w->peer, w->memory + MESSAGE_BYTES, MESSAGE_BYTES, 0);

		if (n <= 0)
			return -EIO;
		got += (size_t)n;
	}
	return MESSAGE_BYTES;
}

const struct press_kind press_kinds[] = {
	{ "cpu", "ns", "CPU time of one thread per worker", 1e9, 0, open_nothing, spin, close_all },
	{ "cache", "reads", "dependent reads over a working set (default 16 MiB)", 0, 16u << 20, open_chase, chase, close_all },
	{ "membw", "bytes", "memory copied, far larger than any cache (default 256 MiB)", 0, 256u << 20, open_memory, copy, close_all },
	{ "disk", "writes", "random direct 16 KiB writes to a scratch file (default 64 MiB)", 0, 64u << 20, open_disk, write_block, close_all },
	{ "net", "bytes", "TCP over loopback, 16 KiB messages", 0, 2 * 65536, open_pair, send_message, close_all },
	{ 0 },
};
