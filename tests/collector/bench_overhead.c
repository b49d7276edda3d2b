/*
 * Loss of throughput of a load that runs all the while, under recording: blocks with and without alternate (off on, on off, off on …),
 * so that a drift of the machine's speed falls out, and neither starting the load nor loading the probes is in any block. Off = every
 * part of the probes that may be detached is, and nothing is read; on = they are as the budget chose, and an interval is stored every other second.
 *
 *   bench_overhead redis PORT …            the rate is what the server counts
 *   bench_overhead lines … < PIPE          it stands in lines like pgbench's --progress=1: "…, 41234.5 tps, …"
 *   … GROUP FILE PAIRS BLOCK SKIP BUDGET   cgroup v2 of server and client; session to make; pairs of blocks; seconds per block, and
 *                                          how many of them at its beginning do not count; the recorder's budget
 *
 * Prints one line per pair to stderr, then for throughput and for the CPU time that server and client took per operation the median
 * loss with the interval that holds it with 95 % confidence (order statistics), and by how much two neighbouring blocks without recording
 * differ: the noise of one pair. Both saturate their CPUs, so that the one follows from the other; but the CPU time per operation
 * does not change with what else runs on the machine, and the recorder's own process, which throughput has to make room for, is not in it.
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
#include "base/file.h"
#include "base/parse.h"
#include "base/sort.h"
#include "collector/record.h"

#define SECOND_NS 1000000000ull
#define INTERVAL_S 2         /* between two readings, as record does by itself */
#define SETTLE_S 14          /* recorded before the first block: the budget has chosen, for good; */
#define OWN_S 20             /* then its own cost is taken */
#define PAIRS_MOST 500
#define PROBES_MOST 16
#define SURE 0.98            /* half of 1.96: ranks n/2 -+ SURE sqrt(n) hold the median with 95 % confidence */

static struct {
	int server_fd;       /* redis; -1 = lines on standard input */
	uint64_t next_ns, seen_ns, seen;
} load = { .server_fd = -1 };

/* What a block came to. */
struct block { double per_s, cpu_ns_per_op; };

static const char *group;
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

static uint64_t group_usage_ns(void)
{
	char path[512], text[1024], *at;
	uint64_t us;

	snprintf(path, sizeof(path), "%s/cpu.stat", group);
	if (file_read_at(AT_FDCWD, path, text, sizeof(text)) <= 0 || !(at = strstr(text, "usage_usec ")))
		die("the load's cgroup has no cpu.stat");
	at += strlen("usage_usec ");
	at[strcspn(at, "\n")] = '\0';
	if (parse_u64(at, &us))
		die("the load's cpu.stat is not understood");
	return us * 1000;
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

/* A reading after the first of every INTERVAL_S seconds: what it costs falls into the block. */
static struct block seconds_run(uint64_t n, uint64_t skip, bool on)
{
	struct err e = { 0 };
	double sum = 0;
	uint64_t usage_ns = group_usage_ns();

	for (uint64_t i = 0; i < n; i++) {
		double rate = next_rate();

		sum += i < skip ? 0 : rate;
		if (i + 1 == skip)
			usage_ns = group_usage_ns();
		if (on && i % INTERVAL_S == 0 && record_interval(&record, 0, &e))
			die(e.text);
	}
	return (struct block){ sum / (double)(n - skip), (double)(group_usage_ns() - usage_ns) / sum };
}

static struct block block_run(uint64_t n, uint64_t skip, bool on)
{
	struct block b;

	if (on)
		shares_switch(true);
	b = seconds_run(n, skip, on);
	if (on)
		shares_switch(false);
	return b;
}

static double median(double *v, size_t n)
{
	qsort(v, n, sizeof(*v), sort_doubles);
	return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

struct losses { double loss[PAIRS_MOST], noise[PAIRS_MOST]; size_t n, n_noise; };

static void losses_print(const char *what, struct losses *l)
{
	double middle = median(l->loss, l->n);
	size_t low = (size_t)fmax(0, floor((double)l->n / 2 - SURE * sqrt((double)l->n)) - 1);

	printf("  %-22s %6.2f %%   [%.2f, %.2f]   noise of a pair %.2f %%\n", what, middle, l->loss[low], l->loss[l->n - 1 - low],
	       l->n_noise ? median(l->noise, l->n_noise) : NAN);
}

static void pairs_run(uint64_t n, uint64_t length, uint64_t skip)
{
	static struct losses rate, cpu;
	struct block off_before = { 0, 0 };
	double without = 0;

	for (uint64_t i = 0; i < n; i++) {
		bool off_first = i % 2 == 0;
		struct block first = block_run(length, skip, !off_first), second = block_run(length, skip, off_first);
		struct block off = off_first ? first : second, on = off_first ? second : first;

		if (off_first && off_before.per_s > 0) {
			rate.noise[rate.n_noise++] = 100 * fabs(off.per_s / off_before.per_s - 1);
			cpu.noise[cpu.n_noise++] = 100 * fabs(off.cpu_ns_per_op / off_before.cpu_ns_per_op - 1);
		}
		off_before = off;
		rate.loss[rate.n++] = 100 * (1 - on.per_s / off.per_s);
		cpu.loss[cpu.n++] = 100 * (on.cpu_ns_per_op / off.cpu_ns_per_op - 1);
		without += off.per_s / (double)n;
		fprintf(stderr, "pair %llu of %llu: %.0f per s without, %.0f with, loss %.2f %%; CPU per operation %.0f ns, %.0f ns, %+.2f %%\n",
			(unsigned long long)(i + 1), (unsigned long long)n, off.per_s, on.per_s, rate.loss[i], off.cpu_ns_per_op, on.cpu_ns_per_op, cpu.loss[i]);
	}
	printf("%llu pairs of blocks of %llu s, %.0f per s without\n", (unsigned long long)n, (unsigned long long)length, without);
	losses_print("throughput", &rate);
	losses_print("CPU time per operation", &cpu);
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
}

/* Own cost in `n` seconds of recording without interruption. */
static void own_cost_print(uint64_t n)
{
	record.intervals = 0;
	record.own_ratio_sum = 0;
	seconds_run(n, 0, true);
	printf("own cost %.2f %% of the node's CPU while recording\n", record.intervals ? 100 * record.own_ratio_sum / (double)record.intervals : NAN);
}

static int usage(void)
{
	fputs("usage: bench_overhead redis PORT | lines   GROUP FILE PAIRS BLOCK_S SKIP_S BUDGET\n", stderr);
	return 2;
}

int main(int argc, char **argv)
{
	bool redis = argc > 1 && !strcmp(argv[1], "redis");
	char **a = argv + (redis ? 3 : 2);
	struct sampler_config config = { .by = BY_AUTO, .interval_ns = INTERVAL_S * SECOND_NS };
	struct record_facts facts = { .interval_ns = INTERVAL_S * SECOND_NS };
	uint64_t port = 0, pairs, block, skip;
	struct err e = { 0 };

	if (argc != (redis ? 9 : 8) || (redis && parse_u64(argv[2], &port)) || parse_u64(a[2], &pairs) || parse_u64(a[3], &block) || parse_u64(a[4], &skip) ||
	    parse_ratio(a[5], &config.budget_ratio) || !pairs || pairs > PAIRS_MOST || skip >= block)
		return usage();
	group = a[0];
	facts.budget_ratio = config.budget_ratio;
	config.root_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (sampler_open(&config, &sampler, &e) || record_open(&record, a[1], sampler, &facts, &e))
		die(e.text);
	if (!sampler->probes)
		die(sampler->why.text);
	if (redis) {
		load.server_fd = redis_connect(port);
		load.seen = redis_count(load.server_fd);
		load.next_ns = load.seen_ns = clock_ns(CLOCK_MONOTONIC);
	}
	seconds_run(SETTLE_S, 0, true);
	own_cost_print(OWN_S);
	sampler->budget.ratio = 0; /* it would see the pauses */
	shares_switch(false);
	pairs_run(pairs, block, skip);
	probes_print();
	record_close(&record, "duration", &e);
	sampler_close(sampler);
	return 0;
}
