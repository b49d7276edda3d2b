/* privileged: the disk probe against fio's own account, alone, two on one disk, and writeback by others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "tests/probes/load.h"

#define ATTEMPTS 6
#define GROUP_ATTEMPTS 4
#define STAMP_LAG_MS 0.005 /* the kernel stamps a request when its plug was last looked at (since 6.9), some us before the tracepoint */
#define FIO "fio --name=t --bs=4k --size=64m --ioengine=libaio --time_based --runtime=2 --output-format=json "

static char folder[] = "/var/tmp/cotenant-disk-XXXXXX";
static struct cgroup_pair groups[2];
static struct probes *probes;
static uint64_t losses;
static struct probe_sample *one, *sum;

static int64_t got(enum probe_counter m, unsigned group)
{
	return sum->counters[m][SLOT_FIRST + group];
}

static void run_once(const char *a, const char *b)
{
	pid_t pids[2];

	sync();
	load_add(probes, one, sum);
	probe_sample_free(sum);
	sum = probe_sample_new();
	pids[0] = load_start(&groups[0], a);
	pids[1] = b ? load_start(&groups[1], b) : 0;
	assert_int_equal(load_wait(pids[0]), 0);
	if (b)
		assert_int_equal(load_wait(pids[1]), 0);
	sync();
	load_add(probes, one, sum);
}

/* While other tracers come and go on a busy machine the kernel drops events; the probe counts them. A run with losses proves
 * nothing about exactness and is done again. */
static void run(const char *a, const char *b)
{
	for (int i = 0; i < ATTEMPTS; i++) {
		run_once(a, b);
		if (load_losses(probes, NULL) == losses)
			return;
		printf("note: %llu events lost, counted as such; run again\n", (unsigned long long)(load_losses(probes, NULL) - losses));
		losses = load_losses(probes, NULL);
	}
}

static void within_1pct(const char *what, double measured, double truth)
{
	printf("figure: %s: measured %.0f, fio %.0f, off by %.3f %%\n", what, measured, truth, 100 * (measured - truth) / truth);
	assert_true(truth > 0);
	assert_true(measured >= 0.99 * truth && measured <= 1.01 * truth);
}

static bool broken; /* conservation: it holds in every attempt, so no other is made */

static void conserved(void)
{
	for (unsigned slot = 0; slot < SLOTS; slot++) {
		uint64_t row = 0;

		for (unsigned k = 0; k < SLOTS; k++)
			row += sum->blame[PROBE_BLAME_DISK][slot][k];
		if (sum->counters[PROBE_COUNTER_DISK_OUTSTANDING][slot] != PROBE_ABSENT) {
			broken |= row != (uint64_t)sum->counters[PROBE_COUNTER_DISK_OUTSTANDING][slot];
			assert_int_equal(row, sum->counters[PROBE_COUNTER_DISK_OUTSTANDING][slot]);
		}
	}
}

static void test_rate(void **state)
{
	char command[600], out[300];

	(void)state;
	snprintf(out, sizeof(out), "%s/rate.json", folder);
	snprintf(command, sizeof(command), FIO "--rw=randrw --direct=1 --iodepth=4 --rate_iops=1000,600 --filename=%s/f --output=%s", folder, out);
	run(command, NULL);
	within_1pct("read bytes", (double)got(PROBE_COUNTER_DISK_READ_BYTES, 0), load_json(out, "jobs.0.read.io_bytes"));
	within_1pct("reads", (double)got(PROBE_COUNTER_DISK_READS, 0), load_json(out, "jobs.0.read.total_ios"));
	within_1pct("write bytes", (double)got(PROBE_COUNTER_DISK_WRITE_BYTES, 0), load_json(out, "jobs.0.write.io_bytes"));
	within_1pct("writes", (double)got(PROBE_COUNTER_DISK_WRITES, 0), load_json(out, "jobs.0.write.total_ios"));
	conserved();
}

/* Same offered depth: each waits for the other as much as for itself; latency per request close to fio's. */
static void test_shared(void **state)
{
	char a[600], b[600], out[300];
	double clat, mine, other, self;

	(void)state;
	snprintf(out, sizeof(out), "%s/a.json", folder);
	snprintf(a, sizeof(a), FIO "--rw=randread --direct=1 --iodepth=8 --filename=%s/f --output=%s", folder, out);
	snprintf(b, sizeof(b), FIO "--rw=randread --direct=1 --iodepth=8 --randseed=7 --filename=%s/f --output=%s/b.json", folder, folder);
	run(a, b);
	within_1pct("bytes of one of two", (double)got(PROBE_COUNTER_DISK_READ_BYTES, 0), load_json(out, "jobs.0.read.io_bytes"));
	other = (double)sum->blame[PROBE_BLAME_DISK][SLOT_FIRST][SLOT_FIRST + 1];
	self = (double)sum->blame[PROBE_BLAME_DISK][SLOT_FIRST][SLOT_FIRST];
	printf("figure: two alike on one disk: blame of the other %.1f %%, of itself %.1f %%\n",
	       100 * other / (double)got(PROBE_COUNTER_DISK_OUTSTANDING, 0), 100 * self / (double)got(PROBE_COUNTER_DISK_OUTSTANDING, 0));
	assert_int_equal(sum->blame[PROBE_BLAME_DISK][SLOT_FIRST][SLOT_FIRST + 1] > 0, 1);
	assert_true(other > 0.2 * (self + other) && other < 0.8 * (self + other));
	mine = (double)(got(PROBE_COUNTER_DISK_QUEUE, 0) + got(PROBE_COUNTER_DISK_DEVICE, 0)) / (double)got(PROBE_COUNTER_DISK_READS, 0);
	clat = load_json(out, "jobs.0.read.lat_ns.mean");
	printf("figure: latency per read %.1f us, fio %.1f us\n", mine / 1e3, clat / 1e3);
	assert_true(mine > 0 && mine < clat); /* fio adds submission and its own wake-up */
	conserved();
}

/* Dirty pages written back by the kernel count as the writer's. */
static void test_writeback(void **state)
{
	char a[600], out[300];
	double truth;

	(void)state;
	snprintf(out, sizeof(out), "%s/w.json", folder);
	snprintf(a, sizeof(a), "fio --name=t --bs=64k --size=48m --rw=write --ioengine=psync --direct=0 --fallocate=none --output-format=json --filename=%s/w --output=%s",
		 folder, out);
	run(a, NULL);
	truth = load_json(out, "jobs.0.write.io_bytes");
	printf("figure: writeback: %lld requests by cgroup, %lld by task, %lld by writer of the file\n", (long long)got(PROBE_COUNTER_DISK_BY_CGROUP, 0),
	       (long long)got(PROBE_COUNTER_DISK_BY_TASK, 0), (long long)got(PROBE_COUNTER_DISK_BY_INODE, 0));
	within_1pct("bytes written back", (double)got(PROBE_COUNTER_DISK_WRITE_BYTES, 0), truth);
	conserved();
}

/* Waiting in fsync by the file system's events, beside fio's own clock around the call. */
static void test_fsync(void **state)
{
	char a[600], out[300];
	double truth, mine;

	(void)state;
	snprintf(out, sizeof(out), "%s/s.json", folder);
	snprintf(a, sizeof(a), "fio --name=t --bs=4k --size=4m --rw=write --ioengine=psync --fsync=1 --time_based --runtime=2 --output-format=json --filename=%s/s --output=%s",
		 folder, out);
	run(a, NULL);
	if (got(PROBE_COUNTER_DISK_FSYNC, 0) == PROBE_ABSENT || got(PROBE_COUNTER_DISK_FSYNC, 0) == 0) {
		printf("note: /var/tmp is on a file system that does not tell of fsync (ext4 and f2fs do)\n");
		skip();
	}
	truth = load_json(out, "jobs.0.sync.lat_ns.mean") * load_json(out, "jobs.0.sync.lat_ns.N");
	mine = (double)got(PROBE_COUNTER_DISK_FSYNC, 0);
	printf("figure: in fsync: measured %.1f ms, fio %.1f ms, off by %.2f %%\n", mine / 1e6, truth / 1e6, 100 * (mine - truth) / truth);
	assert_true(mine > 0.95 * truth && mine < 1.05 * truth);
}

/* A disk in memory of one's own: a loop device over a file in /dev/shm. */
#define LOOP_TEMPLATE "/dev/shm/cotenant-disk-XXXXXX"
static char loop_device[64], loop_file[] = LOOP_TEMPLATE;

static bool loop_open(void)
{
	char command[300];
	FILE *f;
	int fd = mkstemp(loop_file);

	if (fd < 0 || ftruncate(fd, 64 << 20))
		return false;
	close(fd);
	snprintf(command, sizeof(command), "losetup -f --show %s 2> /dev/null", loop_file);
	f = popen(command, "r");
	if (!f || !fgets(loop_device, sizeof(loop_device), f))
		loop_device[0] = '\0';
	if (f)
		pclose(f);
	loop_device[strcspn(loop_device, "\n")] = '\0';
	return loop_device[0] != '\0';
}

static void loop_close(void)
{
	char command[300];

	snprintf(command, sizeof(command), "losetup -d %s", loop_device);
	if (loop_device[0] && system(command))
		printf("note: %s stays\n", loop_device);
	unlink(loop_file);
	loop_device[0] = '\0';
	strcpy(loop_file, LOOP_TEMPLATE); /* for the next attempt */
}

static int loop_teardown(void **state)
{
	(void)state;
	loop_close();
	return 0;
}

/* Time that reads took by the kernel's own account of the device, ms. */
static double kernel_read_ms(void)
{
	unsigned long value[4] = { 0 };
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "/sys/block/%s/stat", strrchr(loop_device, '/') + 1);
	f = fopen(path, "r");
	if (!f || fscanf(f, "%lu %lu %lu %lu", &value[0], &value[1], &value[2], &value[3]) != 4)
		value[3] = 0;
	if (f)
		fclose(f);
	return (double)value[3];
}

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
	FILE *f = fopen(path, "r");

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

			counts[us ? 63 - (unsigned)__builtin_clzll(us) : 0] += sum->hists[PROBE_HIST_DISK_READ_DEVICE][SLOT_FIRST + g][b];
		}
	return log2_mean(counts);
}

/* Two jobs of known rates on one device: each one's reads, the sum of latencies, the part with the device. */
static void test_rates_shared(void **state)
{
	char a[600], b[600], out[2][300], bio[700];
	double lag, before, kernel, mine;
	pid_t peer = 0;

	(void)state;
	if (!loop_open()) {
		printf("note: no loop device to be had\n");
		skip();
	}
	for (int i = 0; i < 2; i++)
		snprintf(out[i], sizeof(out[i]), "%s/loop%d.json", folder, i);
	snprintf(a, sizeof(a), FIO "--rw=randread --direct=1 --iodepth=8 --rate_iops=3000 --filename=%s --output=%s", loop_device, out[0]);
	snprintf(b, sizeof(b), FIO "--rw=randread --direct=1 --iodepth=2 --rate_iops=1000 --filename=%s --output=%s", loop_device, out[1]);
	snprintf(bio, sizeof(bio), "exec timeout -s INT 60 biolatency -d %s > %s/bio", strrchr(loop_device, '/') + 1, folder);
	for (int tries = 0; tries < ATTEMPTS; tries++) {
		bool peers = system("command -v biolatency > /dev/null") == 0;

		if (peers) {
			peer = load_start(NULL, bio);
			sleep(2); /* it does not say when it is attached */
		}
		before = kernel_read_ms();
		run_once(a, b);
		kernel = kernel_read_ms() - before;
		if (peers) {
			kill(peer, SIGINT);
			load_wait(peer);
		}
		if (load_losses(probes, NULL) == losses)
			break;
		printf("note: %llu events lost, counted as such; run again\n", (unsigned long long)(load_losses(probes, NULL) - losses));
		losses = load_losses(probes, NULL);
	}
	within_1pct("reads of the job with 3,000/s", (double)got(PROBE_COUNTER_DISK_READS, 0), load_json(out[0], "jobs.0.read.total_ios"));
	within_1pct("reads of the job with 1,000/s", (double)got(PROBE_COUNTER_DISK_READS, 1), load_json(out[1], "jobs.0.read.total_ios"));
	mine = 0;
	for (unsigned g = 0; g < 2; g++)
		mine += (double)(got(PROBE_COUNTER_DISK_QUEUE, g) + got(PROBE_COUNTER_DISK_DEVICE, g)) / 1e6;
	printf("figure: latency of both, summed: measured %.1f ms, the kernel's own account of the device %.0f ms, off by %.2f %%\n", mine, kernel,
	       100 * (mine - kernel) / kernel);
	if (peer)
		printf("figure: device time, mean of a distribution by powers of two: measured %.1f us, biolatency %.1f us\n", own_mean(), biolatency_mean(strcat(strcpy(bio, folder), "/bio")));
	printf("figure: split: queue %.1f ms, device %.1f ms; fio's slat %.1f ms, clat %.1f ms\n",
	       (double)(got(PROBE_COUNTER_DISK_QUEUE, 0) + got(PROBE_COUNTER_DISK_QUEUE, 1)) / 1e6,
	       (double)(got(PROBE_COUNTER_DISK_DEVICE, 0) + got(PROBE_COUNTER_DISK_DEVICE, 1)) / 1e6,
	       (load_json(out[0], "jobs.0.read.slat_ns.mean") * load_json(out[0], "jobs.0.read.slat_ns.N") + load_json(out[1], "jobs.0.read.slat_ns.mean") * load_json(out[1], "jobs.0.read.slat_ns.N")) / 1e6,
	       (load_json(out[0], "jobs.0.read.clat_ns.mean") * load_json(out[0], "jobs.0.read.clat_ns.N") + load_json(out[1], "jobs.0.read.clat_ns.mean") * load_json(out[1], "jobs.0.read.clat_ns.N")) / 1e6);
	lag = STAMP_LAG_MS * (double)(got(PROBE_COUNTER_DISK_READS, 0) + got(PROBE_COUNTER_DISK_READS, 1));
	assert_true(mine > 0.95 * kernel - lag && mine < 1.05 * kernel);
	conserved();
}

/* One reads a little, the other as much as it can: the other comes first in its blame. */
static void test_culprit(void **state)
{
	char a[600], b[600];
	const uint64_t *row = sum->blame[PROBE_BLAME_DISK][SLOT_FIRST];
	unsigned first = 0;

	(void)state;
	snprintf(a, sizeof(a), FIO "--rw=randread --direct=1 --iodepth=1 --rate_iops=300 --filename=%s/f --output=%s/c.json", folder, folder);
	snprintf(b, sizeof(b), FIO "--rw=randread --direct=1 --iodepth=32 --randseed=7 --filename=%s/f --output=%s/d.json", folder, folder);
	run(a, b);
	row = sum->blame[PROBE_BLAME_DISK][SLOT_FIRST];
	for (unsigned k = 1; k < SLOTS; k++)
		first = k != SLOT_FIRST && (first == SLOT_FIRST || row[k] > row[first]) ? k : first;
	printf("figure: 300 reads/s beside a reader of depth 32: %.1f %% of its time for the other\n",
	       100 * (double)row[SLOT_FIRST + 1] / (double)got(PROBE_COUNTER_DISK_OUTSTANDING, 0));
	assert_int_equal(first, SLOT_FIRST + 1);
	conserved();
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_rate), cmocka_unit_test(test_shared), cmocka_unit_test(test_writeback),
					    cmocka_unit_test(test_fsync), cmocka_unit_test_teardown(test_rates_shared, loop_teardown), cmocka_unit_test(test_culprit) };
	const char *const only[] = { "disk", NULL };
	const struct probes_config config = { .only = only };
	struct err e = { 0 };
	struct stat st;
	char command[600];
	int failed = 1;

	if (geteuid() || system("command -v fio > /dev/null")) {
		printf("needs root and fio\n");
		return 77;
	}
	if (!mkdtemp(folder) || stat(folder, &st) || !major(st.st_dev)) {
		printf("/var/tmp is not on a block device\n");
		rmdir(folder);
		return 77;
	}
	one = probe_sample_new();
	sum = probe_sample_new();
	if (cgroup_pair_open(&groups[0], 60, 0) || cgroup_pair_open(&groups[1], 61, 0) || probes_open(&config, &probes, &e)) {
		printf("cannot start: %s\n", e.text);
	} else {
		for (unsigned i = 0; i < 2; i++)
			probes_slot_set(probes, SLOT_CGROUP2, groups[i].v2_id, SLOT_FIRST + i);
		snprintf(command, sizeof(command), "dd if=/dev/zero of=%s/f bs=1M count=64 conv=fsync 2> /dev/null; fio --name=w --size=64m --runtime=1 --time_based --direct=1 --ioengine=libaio "
			 "--rw=randread --bs=4k --filename=%s/f > /dev/null", folder, folder); /* fio itself is in memory then */
		failed = system(command);
		/* What else fio reads and writes (its own pages, the journal) is its service's too, and no part of its report; so the
		 * comparisons get several attempts, as in test_cpu. */
		for (int i = 0; !failed || i; i++) {
			failed = cmocka_run_group_tests(tests, NULL, NULL);
			if (!failed || broken || i == GROUP_ATTEMPTS - 1)
				break;
			printf("note: attempt %d of %d did not agree with fio; once more\n", i + 1, GROUP_ATTEMPTS);
		}
	}
	probes_close(probes);
	cgroup_pair_close(&groups[0]);
	cgroup_pair_close(&groups[1]);
	probe_sample_free(one);
	probe_sample_free(sum);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command) ? 1 : failed;
}
