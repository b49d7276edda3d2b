/*
 * privileged: every table of the probes full. Loaded with tables of a few entries (probes_config.table_entries), then given more requests,
 * sockets, listeners and cgroups than fit: what does not fit is counted as lost, what fits adds up as ever, and when there is room
 * again all is seen again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "tests/probes/fio.h"
#include "tests/probes/load.h"

#define ENTRIES 16
#define MANY (4 * ENTRIES)
#define ATTEMPTS 6
#define JOB "--bs=4k --size=16m --ioengine=libaio --direct=1 --rw=randread "

static char folder[] = "/var/tmp/cotenant-full-XXXXXX";
static struct cgroup_pair group;
static struct probes *probes;
static struct probe_sample *one, *sum;

static void begin(void)
{
	sum = load_begin(probes, one, sum);
}

/* Reads that fio made at this depth; ours stand in sum. */
static double reads_at_depth(int depth, int reads)
{
	const struct cgroup_pair *const in[] = { &group };
	struct fio_account fio;
	char job[300];

	snprintf(job, sizeof(job), JOB "--iodepth=%d --number_ios=%d --filename=%s/f", depth, reads, folder);
	begin();
	assert_int_equal(fio_run(in, (const char *const[]){ job }, 1, &fio), 0);
	load_add(probes, one, sum);
	return fio.reads;
}

static void test_requests_outstanding(void **state)
{
	double truth;
	uint64_t before, lost;
	int64_t got;

	(void)state;
	for (int i = 0;; i++) {  /* a disk may be quick enough to hold few at once */
		before = load_losses(probes, "disk");
		truth = reads_at_depth(MANY * 4, 4000);
		lost = load_losses(probes, "disk") - before;
		if (lost || i == ATTEMPTS)
			break;
	}
	got = sum->counters[PROBE_COUNTER_DISK_READS][SLOT_FIRST];
	printf("figure: table for %d requests: fio's %.0f, seen %lld, counted as lost %llu\n", ENTRIES, truth, (long long)got, (unsigned long long)lost);
	assert_true(lost > 0);
	assert_true(got > 0 && (double)got + (double)lost >= truth); /* none is missing from both; one without room at its start may have it when issued */
	assert_true((double)got <= 1.1 * truth + 500);
	load_conserved(sum, PROBE_BLAME_DISK, PROBE_COUNTER_DISK_OUTSTANDING);

	for (int i = 0; i < ATTEMPTS; i++) { /* the kernel may lose an event or two: then nothing is proven of the rest */
		before = load_losses(probes, "disk");
		truth = reads_at_depth(1, 500);
		if (load_losses(probes, "disk") == before)
			break;
		printf("note: %llu events lost beside it; run again\n", (unsigned long long)(load_losses(probes, "disk") - before));
	}
	got = sum->counters[PROBE_COUNTER_DISK_READS][SLOT_FIRST];
	printf("figure: with room again: fio's %.0f, seen %lld\n", truth, (long long)got);
	assert_true((double)got >= truth && (double)got <= 1.1 * truth + 100); /* fio's own pages may be read too */
	load_conserved(sum, PROBE_BLAME_DISK, PROBE_COUNTER_DISK_OUTSTANDING);
}

static int listener(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, MANY), 0);
	return fd;
}

static int connected(int to)
{
	struct sockaddr_in at;
	socklen_t size = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(getsockname(to, (struct sockaddr *)&at, &size), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&at, size), 0);
	return fd;
}

static void test_sockets(void **state)
{
	int fds[MANY], server = listener();
	uint64_t before;

	(void)state;
	begin();
	before = load_losses(probes, "net");
	for (int i = 0; i < MANY; i++)
		fds[i] = connected(server);
	load_add(probes, one, sum);
	printf("figure: table for %d TCP sockets, %d connections: %llu counted as lost\n", ENTRIES, MANY, (unsigned long long)(load_losses(probes, "net") - before));
	assert_true(load_losses(probes, "net") - before >= MANY - ENTRIES);
	for (int i = 0; i < MANY; i++)
		close(fds[i]);
	close(server);
}

static void test_listeners(void **state)
{
	int fds[MANY];
	uint64_t before;

	(void)state;
	begin();
	before = load_losses(probes, "request");
	for (int i = 0; i < MANY; i++)
		fds[i] = listener();
	load_add(probes, one, sum);
	printf("figure: table for %d ports, %d listeners: %llu counted as lost\n", ENTRIES, MANY, (unsigned long long)(load_losses(probes, "request") - before));
	assert_true(load_losses(probes, "request") - before >= MANY - ENTRIES);
	for (int i = 0; i < MANY; i++)
		close(fds[i]);
}

/* Ids that no cgroup has. */
static void test_cgroups(void **state)
{
	const uint64_t first = 1ull << 60;
	uint64_t n = 0;

	(void)state;
	while (n < MANY && probes_slot_set(probes, SLOT_CGROUP2, first + n, SLOT_FIRST + 1) == 0)
		n++;
	assert_true(n > 0 && n <= ENTRIES);
	assert_int_equal(probes_slot_set(probes, SLOT_CGROUP2, first + n, SLOT_FIRST + 1), -ENOSPC);
	assert_int_equal(probes_slot_set(probes, SLOT_CGROUP2, first, SLOT_OTHER), 0);
	assert_int_equal(probes_slot_set(probes, SLOT_CGROUP2, first + n, SLOT_FIRST + 1), 0);
	for (uint64_t i = 1; i <= n; i++)
		assert_int_equal(probes_slot_set(probes, SLOT_CGROUP2, first + i, SLOT_OTHER), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_requests_outstanding), cmocka_unit_test(test_sockets), cmocka_unit_test(test_listeners),
					    cmocka_unit_test(test_cgroups) };
	const char *const only[] = { "disk", "net", "request", NULL };
	const struct probes_config config = { .only = only, .table_entries = ENTRIES };
	struct err e = { 0 };
	char command[600];
	struct stat st;
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
	snprintf(command, sizeof(command), "dd if=/dev/zero of=%s/f bs=1M count=16 conv=fsync 2> /dev/null", folder);
	if (cgroup_pair_open(&group, 65, 0) || system(command) || probes_open(&config, &probes, &e)) {
		printf("cannot start: %s\n", e.text);
	} else {
		probes_slot_set(probes, SLOT_CGROUP2, group.v2_id, SLOT_FIRST);
		failed = cmocka_run_group_tests(tests, NULL, NULL);
	}
	probes_close(probes);
	cgroup_pair_close(&group);
	probe_sample_free(one);
	probe_sample_free(sum);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command) ? 1 : failed;
}
