/*
 * A load of one kind for bench-io.sh, in one thread: prints microseconds per operation.
 *   bench_load net N            N round trips of 64 bytes over a loopback TCP connection, both ends in this thread: two packets each
 *   bench_load disk N FILE      N random reads of 4 KiB past the page cache, one after the other
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/parse.h"
#include "base/rng.h"

#define BLOCK 4096

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int connection_make(int ends[2])
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	if (listener < 0 || bind(listener, (struct sockaddr *)&at, size) || listen(listener, 1) || getsockname(listener, (struct sockaddr *)&at, &size))
		return -1;
	ends[0] = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(ends[0], (struct sockaddr *)&at, size) || (ends[1] = accept(listener, NULL, NULL)) < 0)
		return -1;
	close(listener);
	for (int i = 0; i < 2; i++)
		setsockopt(ends[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return 0;
}

static int net_run(uint64_t n)
{
	char bytes[64] = { 0 };
	int ends[2];

	if (connection_make(ends))
		return -1;
	for (uint64_t i = 0; i < n; i++)
		for (int from = 0; from < 2; from++)
			if (write(ends[from], bytes, sizeof(bytes)) != sizeof(bytes) || read(ends[!from], bytes, sizeof(bytes)) <= 0)
				return -1;
	return 0;
}

static int disk_run(uint64_t n, const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECT);
	off_t blocks = fd < 0 ? 0 : lseek(fd, 0, SEEK_END) / BLOCK;
	struct rng rng;
	void *block;

	if (blocks < 1 || posix_memalign(&block, BLOCK, BLOCK))
		return -1;
	rng_seed(&rng, 1);
	for (uint64_t i = 0; i < n; i++)
		if (pread(fd, block, BLOCK, (off_t)rng_below(&rng, (uint32_t)blocks) * BLOCK) != BLOCK)
			return -1;
	free(block);
	return 0;
}

int main(int argc, char **argv)
{
	uint64_t n;
	double start;

	if (argc < 3 || parse_u64(argv[2], &n) || (strcmp(argv[1], "net") && (strcmp(argv[1], "disk") || argc != 4))) {
		fputs("usage: bench_load net N | disk N FILE\n", stderr);
		return 2;
	}
	start = now_us();
	if (argc == 4 ? disk_run(n, argv[3]) : net_run(n)) {
		perror("bench_load");
		return 3;
	}
	printf("%.3f\n", (now_us() - start) / (double)n);
	return 0;
}
