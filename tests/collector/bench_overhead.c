/*
 * Loss of throughput of a load that runs all the while, under recording: blocks with and without alternate (off on, on off, off on …),
 * so that a drift of the machine's speed falls out, and neither starting the load nor loading the probes is in any block. Off = every
 * part of the probes that may be detached is, and nothing is read; on = they are as the budget chose, and an interval is stored per second.
 *
 *   bench_overhead redis PORT …            the rate is what the server counts
 *   bench_overhead lines … < PIPE          it stands in lines like pgbench's --progress=1: "…, 41234.5 tps, …"
 *   … FILE PAIRS BLOCK SKIP BUDGET         session to make; pairs of blocks; seconds per block, and how many of them at its
 *                                          beginning do not count; the recorder's budget
 *
 * Prints one line per pair to stderr, then the median loss with the interval that holds it with 95 % confidence (order
 * statistics), and by how much two neighbouring blocks without recording differ: the noise of one pair.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/parse.h"
#include "collector/record.h"

#define SECOND_NS 1000000000ull
#define SETTLE_S 12          /* recorded before the first block: the budget has chosen */
#define PAIRS_MOST 500
#define PROBES_MOST 16
#define SURE 0.98            /* half of 1.96: ranks n/2 -+ SURE sqrt(n) hold the median with 95 % confidence */

static struct {
	int server_fd;       /* redis; -1 = lines on standard input */
	uint64_t next_ns, seen_ns, seen;
} load = { .server_fd = -1 };

static struct record record;
static struct sampler *sampler;
static double chosen[PROBES_MOST][PROBE_PARTS];

static void die(const char *what)
{
	fprintf(stderr, "bench_overhead: %s\n", what);
	exit(3);
}

static int redis_connect(uint64_t port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof(at)))
		die("no redis server answers at that port");
	return fd;
}

/* Commands that the server has processed. */
static uint64_t redis_count(int fd)
{
	static const char ask[] = "INFO stats\r\n", key[] = "total_commands_processed:";
	char text[16384], *at;
	size_t n = 0;
	uint64_t count;

	if (write(fd, ask, sizeof(ask) - 1) < 0)
		die("the redis server has gone");
	do {
		ssize_t got = read(fd, text + n, sizeof(text) - 1 - n);

		if (got <= 0)
			die("the redis server has gone");
		n += (size_t)got;
		text[n] = '\0';
		at = strstr(text, key);
	} while (!at || !strchr(at, '\r'));
	at += sizeof(key) - 1;
	*strchr(at, '\r') = '\0';
	if (parse_u64(at, &count))
		die("the redis server's answer is not understood");
	return count;
}

static double redis_rate(void)
{
	struct timespec until;
	uint64_t before = load.seen, before_ns = load.seen_ns;

	load.next_ns += SECOND_NS;
	until = (struct timespec){ (time_t)(load.next_ns / SECOND_NS), (long)(load.next_ns % SECOND_NS) };
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL))
		;
	load.seen = redis_count(load.server_fd);
	load.seen_ns = clock_ns(CLOCK_MONOTONIC);
	return (double)(load.seen - before) * 1e9 / (double)(load.seen_ns - before_ns);
}

static double line_rate(void)
{
	char line[512], *end, *start;
	double rate;

	for (;;) {
		if (!fgets(line, sizeof(line), stdin))
			die("the load ended before the last pair");
		end = strstr(line, " tps");
		if (!end)
			continue;
		*end = '\0';
		start = strrchr(line, ' ');
		if (start && !parse_f64(start + 1, &rate))
			return rate;
	}
}

/* Operations per second in the second that ends when this returns. */
static double next_rate(void)
{
	return load.server_fd >= 0 ? redis_rate() : line_rate();
}

static void shares_switch(bool on)
{
	struct probe_status status;

	for (size_t i = 0; i < probes_count(sampler->probes) && i < PROBES_MOST; i++) {
		probes_status(sampler->probes, i, &status);
		for (int k = PROBE_PARTS; k-- > 0;) {
			if (!on)
				chosen[i][k] = status.share[k];
			probes_share_set(sampler->probes, i, (enum probe_part)k, on ? chosen[i][k] : 0);
		}
	}
}

static double seconds_run(uint64_t n, uint64_t skip, bool on)
{
	struct err e = { 0 };
	double sum = 0;

	for (uint64_t i = 0; i < n; i++) {
		double rate = next_rate();

		sum += i < skip ? 0 : rate;
		if (on && record_interval(&record, 0, &e))
			die(e.text);
	}
	return sum / (double)(n - skip);
}

/* Mean rate of a block. */
static double block_run(uint64_t n, uint64_t skip, bool on)
{
	double rate;

	if (on)
		shares_switch(true);
	rate = seconds_run(n, skip, on);
	if (on)
		shares_switch(false);
	return rate;
}

static int smaller(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *v, size_t n)
{
	qsort(v, n, sizeof(*v), smaller);
	return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

static void pairs_run(uint64_t n, uint64_t block, uint64_t skip)
{
	static double loss[PAIRS_MOST], noise[PAIRS_MOST];
	double last_off = 0, without = 0, middle;
	size_t n_noise = 0, low;

	for (uint64_t i = 0; i < n; i++) {
		bool off_first = i % 2 == 0;
		double first = block_run(block, skip, !off_first), second = block_run(block, skip, off_first);
		double off = off_first ? first : second, on = off_first ? second : first;

		if (off_first && last_off > 0)
			noise[n_noise++] = 100 * fabs(off / last_off - 1);
		last_off = off;
		loss[i] = 100 * (1 - on / off);
		without += off / (double)n;
		fprintf(stderr, "pair %llu of %llu: %.0f per s without, %.0f with, loss %.2f %%\n", (unsigned long long)(i + 1), (unsigned long long)n, off, on, loss[i]);
	}
	middle = median(loss, n);
	low = (size_t)fmax(0, floor((double)n / 2 - SURE * sqrt((double)n)) - 1);
	printf("%6.2f %%   [%.2f, %.2f]   %llu pairs of %llu s   %.0f per s without   neighbours without it differ by %.2f %%\n", middle, loss[low],
	       loss[n - 1 - low], (unsigned long long)n, (unsigned long long)block, without, n_noise ? median(noise, n_noise) : NAN);
}

static void probes_print(void)
{
	struct probe_status status;

	for (size_t i = 0; i < probes_count(sampler->probes); i++) {
		probes_status(sampler->probes, i, &status);
		if (status.state == PROBE_OFF)
			printf("  probe %s: %s\n", status.name, status.note);
		for (int k = 0; k < PROBE_PARTS && status.state != PROBE_OFF; k++)
			if (chosen[i][k] > 0 && chosen[i][k] < 1)
				printf("  probe %s: %s watched %.1f %% of the time while recording\n", status.name, k == PROBE_CORE ? "the scheduler" : "what is frequent", 100 * chosen[i][k]);
	}
	printf("  own cost %.2f %% of the node's CPU while recording\n", record.intervals ? 100 * record.own_ratio_sum / (double)record.intervals : NAN);
}

static int usage(void)
{
	fputs("usage: bench_overhead redis PORT | lines   FILE PAIRS BLOCK_S SKIP_S BUDGET\n", stderr);
	return 2;
}

int main(int argc, char **argv)
{
	bool redis = argc > 1 && !strcmp(argv[1], "redis");
	char **a = argv + (redis ? 3 : 2);
	struct sampler_config config = { .by = BY_AUTO };
	struct record_facts facts = { .interval_ns = SECOND_NS };
	uint64_t port = 0, pairs, block, skip;
	struct err e = { 0 };

	if (argc != (redis ? 8 : 7) || (redis && parse_u64(argv[2], &port)) || parse_u64(a[1], &pairs) || parse_u64(a[2], &block) || parse_u64(a[3], &skip) ||
	    parse_ratio(a[4], &config.budget_ratio) || !pairs || pairs > PAIRS_MOST || skip >= block)
		return usage();
	facts.budget_ratio = config.budget_ratio;
	config.root_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (sampler_open(&config, &sampler, &e) || record_open(&record, a[0], sampler, &facts, &e))
		die(e.text);
	if (!sampler->probes)
		die(sampler->why.text);
	if (redis) {
		load.server_fd = redis_connect(port);
		load.seen = redis_count(load.server_fd);
		load.next_ns = load.seen_ns = clock_ns(CLOCK_MONOTONIC);
	}
	seconds_run(SETTLE_S, 0, true);
	shares_switch(false);
	pairs_run(pairs, block, skip);
	probes_print();
	record_close(&record, "duration", &e);
	sampler_close(sampler);
	return 0;
}
