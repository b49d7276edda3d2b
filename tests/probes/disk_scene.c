/* See disk_scene.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/probes/disk_scene.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "tests/probes/load.h"
#include "tests/probes/loop.h"

#define PAGE 4096
/* Where pages of the program are read in: the file system's own blocks, on the device's account only (seen: 4096 bytes), and pages that came with
 * another task's request (seen: 8192). */
#define METADATA_MOST (64 << 10)
#define PAGING_MOST (1 << 20)    /* bytes in one request that reads a program in */

static struct cgroup_pair groups[DISK_SCENE_JOBS];
static struct probes *probes;
static struct probe_sample *one, *sum;

static int service_open(unsigned i, bool with_blkio)
{
	return with_blkio ? cgroup_pair_open_in(&groups[i], "blkio", 60 + i) : cgroup_pair_open(&groups[i], 60 + i, 0);
}

int disk_scene_open(bool with_blkio)
{
	const char *const only[] = { "disk", NULL };
	const struct probes_config config = { .only = only };
	struct err e = { 0 };

	if (geteuid() || system("command -v fio > /dev/null")) {
		printf("needs root and fio\n");
		return -1;
	}
	one = probe_sample_new();
	sum = probe_sample_new();
	if (service_open(0, with_blkio) || service_open(1, with_blkio) || probes_open(&config, &probes, &e)) {
		printf("cannot start: %s\n", e.text);
		disk_scene_close();
		return -1;
	}
	for (unsigned i = 0; i < DISK_SCENE_JOBS; i++) {
		probes_slot_set(probes, SLOT_CGROUP2, groups[i].v2_id, SLOT_FIRST + i);
		if (with_blkio && groups[i].v1_id)
			probes_slot_set(probes, SLOT_BLKIO1, groups[i].v1_id, SLOT_FIRST + i);
	}
	return 0;
}

void disk_scene_close(void)
{
	probes_close(probes);
	for (unsigned i = 0; i < DISK_SCENE_JOBS; i++)
		cgroup_pair_close(&groups[i]);
	probe_sample_free(one);
	probe_sample_free(sum);
}

bool disk_scene_play(struct disk_scene *s, const char *const jobs[], size_t n, dev_t device)
{
	const struct cgroup_pair *const in[DISK_SCENE_JOBS] = { &groups[0], &groups[1] };
	struct disk_account before = { 0 }, after = { 0 };
	uint64_t lost;

	memset(s, 0, sizeof(*s));
	sync();
	sum = load_begin(probes, one, sum);
	lost = load_losses(probes, NULL);
	assert_int_equal(disk_account_read(major(device), minor(device), &before), 0);
	assert_int_equal(fio_run(in, jobs, n, s->fio), 0);
	sync();
	load_add(probes, one, sum);
	assert_int_equal(disk_account_read(major(device), minor(device), &after), 0);
	s->lost = (double)(load_losses(probes, NULL) - lost);
	s->merges = (double)(after.merges - before.merges);
	s->device_read_ms = (double)(after.read_ms - before.read_ms);
	if (s->lost > 0)
		printf("note: %.0f events lost, counted as such\n", s->lost);
	load_conserved(sum, PROBE_BLAME_DISK, PROBE_COUNTER_DISK_OUTSTANDING);
	for (size_t i = 0; i < n; i++)
		if (s->fio[i].kernel_read_bytes > s->fio[i].read_bytes)
			return false;
	return true;
}

double disk_scene_got(enum probe_counter m, unsigned job)
{
	int64_t value = sum->counters[m][SLOT_FIRST + job];

	return value == PROBE_ABSENT ? 0 : (double)value;
}

const struct probe_sample *disk_scene_sample(void)
{
	return sum;
}

void disk_scene_count(const char *what, double got, double expected, double fewer, double lost)
{
	printf("figure: %s: measured %.0f, true %.0f, off by %.3f %%\n", what, got, expected, 100 * (got - expected) / expected);
	if (!(expected > 0 && got >= expected - fewer - lost && got <= expected + lost))
		fail_msg("%s: %.0f measured, %.0f true (%.0f of them may be missing, %.0f lost)", what, got, expected, fewer, lost);
}

void disk_scene_reads(const struct disk_scene *s, unsigned job, const char *what)
{
	const struct fio_account *a = &s->fio[job];
	double paged = a->kernel_read_bytes - a->read_bytes, reads = disk_scene_got(PROBE_COUNTER_DISK_READS, job);
	double extra = fmax(0, disk_scene_got(PROBE_COUNTER_DISK_READ_BYTES, job) - a->kernel_read_bytes);
	char text[100];

	assert_true(paged >= 0);
	if (paged > 0)
		printf("note: %s: %.0f KiB of the program and %.0f of the file system were read in as well\n", what, paged / 1024, extra / 1024);
	snprintf(text, sizeof(text), "%s: bytes read", what);
	disk_scene_count(text, disk_scene_got(PROBE_COUNTER_DISK_READ_BYTES, job) - (paged > 0 ? fmin(extra, METADATA_MOST) : 0), a->kernel_read_bytes,
			 fmin(paged, METADATA_MOST), s->lost * (paged > 0 ? PAGING_MOST : PAGE));
	printf("figure: %s: reads: measured %.0f, fio %.0f\n", what, reads, a->reads);
	if (reads < a->reads + (paged > 0) - s->merges - s->lost || reads > a->reads + paged / PAGE + s->lost)
		fail_msg("%s: %.0f reads measured, fio made %.0f and %.0f bytes of the program were read (%.0f events lost, %.0f merged)", what, reads,
			 a->reads, paged, s->lost, s->merges);
}
