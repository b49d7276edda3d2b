/*
 * privileged: interrupts for disk requests, on top of tasks that have nothing to do with them: every CPU is kept busy by one service
 * while another reads from the disk. Beside it the CPU probe's own clock of all interrupts on top of the busy tasks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "tests/base/setting.h"
#include "tests/probes/fio.h"
#include "tests/probes/load.h"

#define CPUS_MOST 256
#define EDGE_NS 1000             /* per interrupt: the two probes' programs stand one behind the other */

enum { READER, BUSY, GROUPS };

static char folder[] = "/var/tmp/cotenant-irq-XXXXXX";
static struct cgroup_pair groups[GROUPS];
static struct probes *probes;
static struct probe_sample *one, *sum;

static int64_t got(enum probe_counter m, unsigned group)
{
	return sum->counters[m][SLOT_FIRST + group];
}

static uint64_t cost(unsigned victim, unsigned culprit)
{
	return sum->blame[PROBE_BLAME_SOFTIRQ][SLOT_FIRST + victim][SLOT_FIRST + culprit];
}

static void test_on_top_of_others(void **state)
{
	const struct cgroup_pair *const in[] = { &groups[READER] };
	struct fio_account a = { 0 };
	pid_t busy[CPUS_MOST];
	long n = sysconf(_SC_NPROCESSORS_ONLN);
	uint64_t slack = 2 * EDGE_NS * setting("COTENANT_TEST_SLOWER", 1);
	char job[300];

	(void)state;
	n = n < CPUS_MOST ? n : CPUS_MOST;
	for (long i = 0; i < n; i++) {
		snprintf(job, sizeof(job), "exec taskset -c %ld sh -c 'while :; do :; done'", i);
		busy[i] = load_start(&groups[BUSY], job);
	}
	sum = load_begin(probes, one, sum);
	snprintf(job, sizeof(job), "--bs=4k --size=16m --ioengine=libaio --iodepth=4 --rw=randread --direct=1 --time_based --runtime=1 --filename=%s/f", folder);
	assert_int_equal(fio_run(in, (const char *[]){ job }, 1, &a), 0);
	load_add(probes, one, sum);
	for (long i = 0; i < n; i++) {
		kill(busy[i], SIGKILL);
		load_wait(busy[i]);
	}
	printf("figure: %lld requests: %.3f ms of interrupts for them on top of the busy tasks, of %.3f ms by the CPU probe\n",
	       (long long)got(PROBE_COUNTER_DISK_READS, READER), (double)cost(BUSY, READER) / 1e6, (double)got(PROBE_COUNTER_CPU_IRQ, BUSY) / 1e6);
	assert_true(got(PROBE_COUNTER_DISK_READS, READER) > 0);
	assert_true(cost(BUSY, READER) > 0);
	assert_true(cost(BUSY, READER) <= (uint64_t)got(PROBE_COUNTER_CPU_IRQ, BUSY) + slack * (uint64_t)got(PROBE_COUNTER_DISK_READS, READER));
	if (got(PROBE_COUNTER_DISK_READS, BUSY) + got(PROBE_COUNTER_DISK_WRITES, BUSY)) { /* pages of the shell that the machine had paged out */
		printf("note: the busy tasks read from the disk, too\n");
		return;
	}
	assert_int_equal(cost(BUSY, BUSY), 0);
	assert_int_equal(cost(READER, BUSY), 0);
}

static int start(void)
{
	const char *const only[] = { "cpu", "disk", NULL };
	struct err e = { 0 };
	struct stat disk;
	char command[300];

	if (geteuid() || system("command -v fio > /dev/null")) {
		printf("needs root and fio\n");
		return 77;
	}
	if (!mkdtemp(folder) || stat(folder, &disk) || !major(disk.st_dev)) {
		printf("/var/tmp is not on a block device\n");
		return 77;
	}
	snprintf(command, sizeof(command), "dd if=/dev/zero of=%s/f bs=1M count=16 conv=fsync 2> /dev/null", folder);
	/* The busy ones at an ordinary weight: at the largest, this program would have a hundredth of a CPU beside them. */
	if (system(command) || cgroup_pair_open(&groups[READER], 62, 0) || cgroup_pair_open_in(&groups[BUSY], "cpu", 63))
		return 1;
	if (probes_open(&(struct probes_config){ .only = only }, &probes, &e)) {
		printf("cannot start: %s\n", e.text);
		return 77;
	}
	one = probe_sample_new();
	sum = probe_sample_new();
	for (unsigned i = 0; i < GROUPS; i++)
		if (groups[i].v2_id)
			probes_slot_set(probes, SLOT_CGROUP2, groups[i].v2_id, SLOT_FIRST + i);
		else
			probes_slot_set(probes, SLOT_CPU1, groups[i].v1_id, SLOT_FIRST + i);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_on_top_of_others) };
	char command[300];
	int failed = start();

	if (!failed)
		failed = cmocka_run_group_tests(tests, NULL, NULL);
	probes_close(probes);
	for (unsigned i = 0; i < GROUPS; i++)
		cgroup_pair_close(&groups[i]);
	probe_sample_free(one);
	probe_sample_free(sum);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command) ? 1 : failed;
}
