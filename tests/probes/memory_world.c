/* See memory_world.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <glob.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "tests/probes/load.h"
#include "tests/probes/memory_world.h"

#define LRU_GENERATIONS "/sys/kernel/mm/lru_gen/enabled"
#define EVICTORS "/sys/kernel/mm/damon/admin/kdamonds/*/state"
#define READS_PER_S 4000         /* of the victim: a disk whose waits are long beside what clocks and interrupts blur */

struct memory_world world = { .folder = "/var/tmp/cotenant-memory-XXXXXX" };

void memory_job(unsigned who, enum reader_kind kind, uint32_t first, uint32_t pages)
{
	struct reader_result r;

	reader_begin(&world.readers[who], (struct reader_job){ kind, first, pages });
	r = reader_end(&world.readers[who]);
	assert_int_equal(r.error, 0);
	if (who) {               /* what it evicted makes the probe watch for waits: from the next reading on */
		load_add(world.probes, world.one, world.sum);
		return;
	}
	world.seen.missing += r.missing;
	world.seen.read_ns += r.read_ns;
	world.seen.cpu_ns += r.cpu_ns;
	world.seen.runnable_ns += r.runnable_ns;
}

static void path_of(unsigned who, char out[200])
{
	snprintf(out, 200, "%s/f%u", world.folder, who);
}

static void cache_drop(void)
{
	for (unsigned i = 0; i < 3; i++) {
		char path[200];
		int fd;

		path_of(i, path);
		fd = open(path, O_RDONLY);
		posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
		close(fd);
	}
}

void memory_scene_open(uint64_t limit_bytes, uint64_t own_bytes)
{
	static const char *const names[] = { "victim", "culprit", "second" };

	assert_int_equal(memory_group_open(&world.parent, NULL, "memory", limit_bytes), 0);
	for (unsigned i = 0; i < 3; i++) {
		char path[200];

		path_of(i, path);
		assert_int_equal(memory_group_open(&world.groups[i], &world.parent, names[i], i ? 0 : own_bytes), 0);
		assert_int_equal(memory_group_slot(&world.groups[i], world.probes, SLOT_FIRST + i), 0);
		if (!i && memory_group_limit_reads(&world.groups[0], world.folder, READS_PER_S))
			printf("note: no io controller: the victim reads as fast as the disk can\n");
		assert_int_equal(reader_start(&world.readers[i], &world.groups[i], path), 0);
	}
	cache_drop();
	memory_job(0, READ_RANDOM, 0, VICTIM_PAGES);
	world.sum = load_begin(world.probes, world.one, world.sum);
	world.losses = load_losses(world.probes, NULL);
	world.seen = (struct reader_result){ 0 };
}

void memory_scene_close(void)
{
	for (unsigned i = 0; i < 3; i++) {
		reader_stop(&world.readers[i]);
		if (world.groups[i].memory_id)
			probes_slot_set(world.probes, world.groups[i].memory_kind, world.groups[i].memory_id, SLOT_OTHER);
		if (world.groups[i].task_id)
			probes_slot_set(world.probes, SLOT_CGROUP2, world.groups[i].task_id, SLOT_OTHER);
		memory_group_close(&world.groups[i]);
	}
	cache_drop();
	memory_group_close(&world.parent);
}

static int prepare(void)
{
	char command[600];

	snprintf(command, sizeof(command), "cd %s && dd if=/dev/zero of=f0 bs=1M count=%u conv=fsync 2> /dev/null && for f in f1 f2; do "
		 "dd if=/dev/zero of=$f bs=1M count=%u conv=fsync 2> /dev/null; done", world.folder, VICTIM_PAGES / MIB, BIG_PAGES / MIB);
	return system(command);
}

/* First line of a file; empty where the kernel has no such thing. */
static void first_line(const char *path, char text[16])
{
	FILE *f = fopen(path, "r");

	if (!f || !fgets(text, 16, f))
		text[0] = '\0';
	if (f)
		fclose(f);
}

/* "0x0007" and the like. */
static bool lru_generations(void)
{
	char text[16];

	first_line(LRU_GENERATIONS, text);
	return text[strspn(text, "0x\n")] != '\0';
}

static bool machine_evicts(void)
{
	bool on = false;
	glob_t found;

	if (glob(EVICTORS, 0, NULL, &found))
		return false;
	for (size_t i = 0; i < found.gl_pathc; i++) {
		char text[16];

		first_line(found.gl_pathv[i], text);
		on |= !strcmp(text, "on\n");
	}
	globfree(&found);
	return on;
}

int memory_world_open(void)
{
	static const char *const only[] = { "memory", NULL };
	const struct probes_config config = { .only = only };
	struct err e = { 0 };
	struct stat st;

	if (geteuid()) {
		printf("needs root\n");
		return 77;
	}
	if (lru_generations()) {
		printf("the multi-generational LRU is on: a neighbour's stream leaves the victim's pages alone (echo 0 > %s for this test)\n", LRU_GENERATIONS);
		return 77;
	}
	if (memory_group_open(&world.parent, NULL, "memory", 0)) {
		printf("no memory controller\n");
		return 77;
	}
	memory_group_close(&world.parent);
	if (!mkdtemp(world.folder) || stat(world.folder, &st) || !major(st.st_dev)) {
		printf("/var/tmp is not on a block device\n");
		rmdir(world.folder);
		return 77;
	}
	world.machine_evicts = machine_evicts();
	world.one = probe_sample_new();
	world.sum = probe_sample_new();
	if (!prepare() && !probes_open(&config, &world.probes, &e))
		return 0;
	printf("cannot start: %s\n", e.text);
	return 1;
}

void memory_world_close(void)
{
	char command[300];
	struct probe_status st;

	for (size_t i = 0; world.probes && i < probes_count(world.probes); i++) {
		probes_status(world.probes, i, &st);
		if (st.runs)
			printf("figure: cost of the %s probe: %.0f ns per event (some 65 of them the kernel's own statistics), %llu events\n", st.name,
			       (double)st.run_ns / (double)st.runs, (unsigned long long)st.runs);
	}
	probes_close(world.probes);
	probe_sample_free(world.one);
	probe_sample_free(world.sum);
	snprintf(command, sizeof(command), "rm -rf %s", world.folder);
	if (system(command))
		printf("note: %s is left behind\n", world.folder);
}
