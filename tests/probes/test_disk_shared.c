/*
 * privileged: two services on one device, a loop device over a file in memory: reads by fio's account, latency by the kernel's account
 * of the device and by biolatency, and who waited for whom by a slow twin of the sharing (sharing.h).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "tests/probes/disk_scene.h"
#include "tests/probes/load.h"
#include "tests/probes/loop.h"
#include "tests/probes/sharing.h"

#define SIZE (64u << 20)
#define ATTEMPTS 4
#define SHARE_CLAIM 0.05     /* of the time for the other, by the trace: from there on it must come first */
#define SHARE_TOLERANCE 0.01 /* the trace has whole us, latencies are of 10 to 100 */
#define JOB "--bs=4k --size=32m --ioengine=libaio --time_based --rw=randread --direct=1 --filename=%s "
#define MANY "--runtime=1 --rate_iops=40000 " /* for the trace to hold (sharing.c) */
#define UPPER "--offset=32m --randseed=7 "

static struct loop loop;

/* Mean of a distribution by powers of two, in us, as biolatency prints one: the middle of each range. */
static double log2_mean(const uint64_t *counts)
{
	double total = 0, n = 0;

	for (unsigned i = 0; i < 32; i++) {
		total += (double)counts[i] * 1.5 * (double)(1u << i);
		n += (double)counts[i];
	}
	return n > 0 ? total / n : 0;
}

static double biolatency_mean(const char *path)
{
	uint64_t counts[32] = { 0 };
	unsigned long low, high, count;
	char line[300];
	FILE *f = fopen(path, "re");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, " %lu -> %lu : %lu", &low, &high, &count) == 3)
			for (unsigned i = 0; i < 32; i++)
				counts[i] += high == (2ul << i) - 1 ? count : 0;
	if (f)
		fclose(f);
	return log2_mean(counts);
}

static double own_mean(void)
{
	uint64_t counts[32] = { 0 };

	for (unsigned g = 0; g < 2; g++)
		for (unsigned b = 0; b < HIST_BUCKETS; b++) {
			uint64_t us = (hist_low(b) + hist_low(b + 1)) / 2000;

			counts[us ? 63 - (unsigned)__builtin_clzll(us) : 0] += disk_scene_sample()->hists[PROBE_HIST_DISK_READ_DEVICE][SLOT_FIRST + g][b];
		}
	return log2_mean(counts);
}

static bool play(struct disk_scene *s, const char *first, const char *second)
{
	char a[300], b[300];

	snprintf(a, sizeof(a), JOB "%s", loop.device, first);
	snprintf(b, sizeof(b), JOB UPPER "%s", loop.device, second);
	return disk_scene_play(s, (const char *[]){ a, b }, 2, makedev(loop.major, loop.minor));
}

/* Each one's reads, the sum of latencies, the part with the device. */
static void test_rates(void **state)
{
	char bio[200], output[] = "/dev/shm/cotenant-bio-XXXXXX";
	bool peers = system("command -v biolatency > /dev/null") == 0;
	double queue = 0, device = 0, slat = 0, clat = 0;
	struct disk_scene s;
	pid_t peer = 0;
	int fd = mkstemp(output);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	snprintf(bio, sizeof(bio), "exec timeout -s INT 60 biolatency -d %s > %s", loop.device + 5, output);
	if (peers) {
		peer = load_start(NULL, bio);
		sleep(2); /* it does not say when it is attached; only a figure depends on it */
	}
	for (int i = 0; i < ATTEMPTS && !play(&s, "--runtime=2 --iodepth=8 --rate_iops=3000", "--runtime=2 --iodepth=2 --rate_iops=1000"); i++)
		;
	if (peers) {
		kill(peer, SIGINT);
		load_wait(peer);
	}
	disk_scene_reads(&s, 0, "the job with 3,000/s");
	disk_scene_reads(&s, 1, "the job with 1,000/s");
	for (unsigned g = 0; g < 2; g++) {
		queue += disk_scene_got(PROBE_COUNTER_DISK_QUEUE, g) / 1e6;
		device += disk_scene_got(PROBE_COUNTER_DISK_DEVICE, g) / 1e6;
		slat += s.fio[g].read_slat_ns / 1e6;
		clat += s.fio[g].read_clat_ns / 1e6;
	}
	printf("figure: latency of both, summed: measured %.1f ms, the kernel's own account of the device %.0f ms, off by %.2f %%\n", queue + device,
	       s.device_read_ms, 100 * (queue + device - s.device_read_ms) / s.device_read_ms);
	if (peers)
		printf("figure: device time, mean of a distribution by powers of two: measured %.1f us, biolatency %.1f us\n", own_mean(), biolatency_mean(output));
	printf("figure: split: queue %.1f ms, device %.1f ms; fio's slat %.1f ms, clat %.1f ms\n", queue, device, slat, clat);
	unlink(output);
	/* The kernel stamps a request when its plug was last looked at (since 6.9): some us before the tracepoint, but after fio's system call began. */
	assert_true(queue + device > 0.95 * s.device_read_ms - slat && queue + device < 1.05 * s.device_read_ms);
	assert_true(queue + device < slat + clat); /* fio adds its own wake-up */
}

/* A request whose end is not seen counts as outstanding until the kernel uses its place again, so a scene with losses says nothing about
 * shares and is played again, like one in which programs were read in. False when none was without. */
static bool play_traced(struct disk_scene *s, struct sharing *truth, const char *first, const char *second)
{
	struct sharing_trace *trace;
	bool alone;

	for (int i = 0; i < ATTEMPTS; i++) {
		if (sharing_begin(loop.major, loop.minor, SIZE / 512, &trace)) {
			printf("note: this kernel lets nobody trace block events\n");
			skip();
		}
		alone = play(s, first, second);
		assert_int_equal(sharing_end(trace, truth), 0);
		if (alone && s->lost <= 0 && !truth->overrun)
			return true;
	}
	printf("note: events lost, or programs read in, in each of %d attempts: shares are not judged\n", ATTEMPTS);
	return false;
}

/* Who waits for whom, beside the twin. */
static void shared(const char *what, const char *first, const char *second)
{
	const struct probe_sample *sample;
	struct disk_scene s;
	struct sharing truth;
	double row, mine, his;
	char victim[100];
	bool clean = play_traced(&s, &truth, first, second);

	sample = disk_scene_sample();
	for (unsigned a = 0; a < 2; a++) {
		row = disk_scene_got(PROBE_COUNTER_DISK_OUTSTANDING, a);
		mine = (double)sample->blame[PROBE_BLAME_DISK][SLOT_FIRST + a][SLOT_FIRST + !a] / row;
		his = truth.blame_ns[a][!a] / truth.outstanding_ns[a];
		printf("figure: %s, %s: %.1f %% of its time for the other; by the traced counts %.1f %% (it was alone on the device for %.1f %%)\n", what,
		       a ? "second" : "first", 100 * mine, 100 * his, 100 * truth.alone_ns[a] / truth.outstanding_ns[a]);
		printf("figure: %s, %s: outstanding %.1f ms, traced %.1f ms\n", what, a ? "second" : "first", row / 1e6, truth.outstanding_ns[a] / 1e6);
		disk_scene_reads(&s, a, what);
		assert_true(!clean || fabs(mine - his) <= SHARE_TOLERANCE);
		if (his >= SHARE_CLAIM) {
			snprintf(victim, sizeof(victim), "%s, %s", what, a ? "second" : "first");
			load_first(victim, sample->blame[PROBE_BLAME_DISK][SLOT_FIRST + a], SLOT_FIRST + a, SLOT_FIRST + !a);
		}
	}
	printf("figure: %s: %.0f requests traced, %.0f of them without an end\n", what, (double)truth.requests, (double)truth.unfinished);
}

static void test_alike(void **state)
{
	(void)state;
	shared("two alike", MANY "--iodepth=8", MANY "--iodepth=8");
}

static void test_unlike(void **state)
{
	(void)state;
	shared("depths 2 and 16", MANY "--iodepth=2", MANY "--iodepth=16");
}

/* One reads a little, the other as much as it can: the other comes first in its blame. */
static void test_culprit(void **state)
{
	(void)state;
	shared("300 reads/s beside depth 32", "--runtime=1 --iodepth=1 --rate_iops=300", MANY "--iodepth=32");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_rates), cmocka_unit_test(test_alike), cmocka_unit_test(test_unlike), cmocka_unit_test(test_culprit) };
	int failed;

	if (loop_open(&loop, "/dev/shm", SIZE)) {
		printf("no loop device to be had\n");
		return 77;
	}
	if (disk_scene_open(false)) {
		loop_close(&loop);
		return 77;
	}
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	disk_scene_close();
	loop_close(&loop);
	return failed;
}
