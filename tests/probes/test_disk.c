/*
 * privileged: the disk probe against fio's and the kernel's own accounts on the real disk: reads and writes of a known rate, writeback
 * by others, fsync. Two services on one device: test_disk_shared.c.
 *
 * Counts are exact, but for events that the kernel does not show and the probe counts as lost.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "tests/probes/disk_scene.h"

static char folder[] = "/var/tmp/cotenant-disk-XXXXXX";
static struct stat disk;

static void test_rate(void **state)
{
	char job[300];
	struct disk_scene s;

	(void)state;
	snprintf(job, sizeof(job), "--bs=4k --size=64m --ioengine=libaio --time_based --runtime=2 --rw=randrw --direct=1 --iodepth=4 "
		 "--rate_iops=1000,600 --filename=%s/f", folder);
	disk_scene_play(&s, (const char *[]){ job }, 1, disk.st_dev);
	disk_scene_reads(&s, 0, "a job of known rate");
	disk_scene_count("bytes written", disk_scene_got(PROBE_COUNTER_DISK_WRITE_BYTES, 0), s.fio[0].write_bytes, 0, 4096 * s.lost);
	disk_scene_count("writes", disk_scene_got(PROBE_COUNTER_DISK_WRITES, 0), s.fio[0].writes, s.merges, s.lost);
}

/* Dirty pages written back by the kernel count as the writer's. */
static void test_writeback(void **state)
{
	char job[300];
	struct disk_scene s;

	(void)state;
	snprintf(job, sizeof(job), "--bs=64k --size=48m --rw=write --ioengine=psync --direct=0 --fallocate=none --filename=%s/w", folder);
	disk_scene_play(&s, (const char *[]){ job }, 1, disk.st_dev);
	printf("figure: writeback: %.0f requests by cgroup, %.0f by task, %.0f by writer of the file\n",
	       disk_scene_got(PROBE_COUNTER_DISK_BY_CGROUP, 0), disk_scene_got(PROBE_COUNTER_DISK_BY_TASK, 0),
	       disk_scene_got(PROBE_COUNTER_DISK_BY_INODE, 0));
	disk_scene_count("bytes written back", disk_scene_got(PROBE_COUNTER_DISK_WRITE_BYTES, 0), s.fio[0].write_bytes, 0, s.lost * WRITEBACK_MOST);
}

/* Waiting in fsync by the file system's events, beside fio's own clock around the call. */
static void test_fsync(void **state)
{
	char job[300];
	struct disk_scene s;
	double mine;

	(void)state;
	snprintf(job, sizeof(job), "--bs=4k --size=4m --rw=write --ioengine=psync --fsync=1 --time_based --runtime=2 --filename=%s/s", folder);
	disk_scene_play(&s, (const char *[]){ job }, 1, disk.st_dev);
	mine = disk_scene_got(PROBE_COUNTER_DISK_FSYNC, 0);
	if (mine <= 0) {
		printf("note: /var/tmp is on a file system that does not tell of fsync (ext4 and f2fs do)\n");
		skip();
	}
	printf("figure: in fsync: measured %.1f ms, fio %.1f ms, off by %.2f %%\n", mine / 1e6, s.fio[0].sync_lat_ns / 1e6,
	       100 * (mine - s.fio[0].sync_lat_ns) / s.fio[0].sync_lat_ns);
	assert_true(mine > 0.95 * s.fio[0].sync_lat_ns && mine <= s.fio[0].sync_lat_ns);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_rate), cmocka_unit_test(test_writeback), cmocka_unit_test(test_fsync) };
	char command[300];
	int failed = 77;

	if (!mkdtemp(folder) || stat(folder, &disk) || !major(disk.st_dev)) {
		printf("/var/tmp is not on a block device\n");
		rmdir(folder);
		return 77;
	}
	snprintf(command, sizeof(command), "dd if=/dev/zero of=%s/f bs=1M count=64 conv=fsync 2> /dev/null", folder);
	if (!disk_scene_open(false)) {
		failed = system(command) ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
		disk_scene_close();
	}
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command) ? 1 : failed;
}
