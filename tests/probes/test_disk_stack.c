/*
 * privileged: disks on top of disks. What is read and written through a loop device over a file on a disk, through device mapper's
 * linear target (which passes bios on) and its multipath target (which passes requests on, so that the block layer shows each of them
 * twice) is counted once, at the disk below, and for the service whose it is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "tests/probes/disk_scene.h"
#include "tests/probes/loop.h"

#define SIZE (16u << 20)
#define SECTOR 512
#define FOLDER "/var/tmp"
#define MAPPED "cotenant-stack"
#define JOB "--bs=4k --size=16m --ioengine=libaio --direct=1 --iodepth=1 --rw=randrw --number_ios=1000 --filename=%s" /* one at a time: none are merged */

static void counted_once(const char *what, const char *path)
{
	char job[300], text[80];
	struct disk_scene s;
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	snprintf(job, sizeof(job), JOB, path);
	disk_scene_play(&s, (const char *[]){ job }, 1, st.st_rdev);
	disk_scene_reads(&s, 0, what);
	snprintf(text, sizeof(text), "%s: bytes written", what);
	disk_scene_count(text, disk_scene_got(PROBE_COUNTER_DISK_WRITE_BYTES, 0), s.fio[0].write_bytes, 0, 4096 * s.lost);
	snprintf(text, sizeof(text), "%s: writes", what);
	disk_scene_count(text, disk_scene_got(PROBE_COUNTER_DISK_WRITES, 0), s.fio[0].writes, s.merges, s.lost);
}

static struct loop loop; /* the test's own */

static void loop_over_a_disk(void **state)
{
	struct stat st;

	(void)state;
	if (stat(FOLDER, &st) || !major(st.st_dev) || loop_open(&loop, FOLDER, SIZE)) {
		printf("note: " FOLDER " is not on a block device, or no loop device past the page cache is to be had there\n");
		skip();
	}
	counted_once("a loop device over a file on the disk", loop.device);
}

/* The target's arguments, %s: the disk below. */
static void mapped(const char *what, const char *target)
{
	char command[400], arguments[160], path[64];
	FILE *f;
	unsigned minor_no;
	int found;

	assert_int_equal(loop_open(&loop, "/dev/shm", SIZE), 0);
	snprintf(arguments, sizeof(arguments), target, loop.device);
	snprintf(command, sizeof(command), "dmsetup create --noudevsync " MAPPED " --table '0 %u %s' 2> /dev/null && dmsetup info -c --noheadings -o minor " MAPPED,
		 SIZE / SECTOR, arguments);
	f = popen(command, "r");
	found = f ? fscanf(f, "%u", &minor_no) : 0;
	if (f)
		pclose(f);
	if (found != 1) {
		printf("note: no device mapper, or not this target: %s was not tried\n", what);
		skip();
	}
	snprintf(path, sizeof(path), "/dev/dm-%u", minor_no);
	counted_once(what, path);
	assert_int_equal(system("dmsetup remove --noudevsync --retry " MAPPED), 0);
}

static void device_mapper_of_bios(void **state)
{
	(void)state;
	mapped("device mapper, linear", "linear %s 0");
}

static void device_mapper_of_requests(void **state)
{
	(void)state;
	mapped("device mapper, multipath", "multipath 0 0 1 1 round-robin 0 1 1 %s 1000");
}

/* Whether the test passed or not; a mapping is left only by one that failed. */
static int teardown(void **state)
{
	int err = system("dmsetup remove --noudevsync --retry --force " MAPPED " > /dev/null 2>&1; true");

	(void)state;
	loop_close(&loop);
	return err;
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test_teardown(loop_over_a_disk, teardown), cmocka_unit_test_teardown(device_mapper_of_bios, teardown),
					    cmocka_unit_test_teardown(device_mapper_of_requests, teardown) };
	int failed;

	if (loop_open(&loop, "/dev/shm", SIZE)) {
		printf("no loop device to be had\n");
		return 77;
	}
	loop_close(&loop);
	if (disk_scene_open(true))
		return 77;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	disk_scene_close();
	return failed;
}
