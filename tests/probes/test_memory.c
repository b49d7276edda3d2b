/*
 * privileged: the memory probe in scenes of known outcome: a reader whose cached pages a neighbour's copy evicts below a common
 * limit, its own limit, two culprits of known sizes, nothing evicted. Counts are held against mincore() and memory.stat, waits against
 * the reader's own clocks. Scenes are in lockstep, so that each eviction has one possible cause: the victim rests while
 * culprits work, and the other way round.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "tests/probes/load.h"
#include "tests/probes/memory_group.h"
#include "tests/probes/reader.h"

#define MIB 256u                 /* pages */
#define VICTIM_PAGES (6 * MIB)
#define BIG_PAGES (64 * MIB)
#define LIMIT_BYTES (32ull << 20)
#define ROUNDS 3
#define PASSES 20
#define OWN_BYTES (5ull << 20)   /* a limit smaller than the victim's file */
#define READS_PER_S 4000         /* of the victim: a disk whose waits are long beside what clocks and interrupts blur */
#define TURN 32u                 /* pages that one of two culprits reads at a time */
#define VICTIM SLOT_FIRST
#define CULPRIT (SLOT_FIRST + 1)
#define SECOND (SLOT_FIRST + 2)

static char folder[] = "/var/tmp/cotenant-memory-XXXXXX";
static struct memory_group parent, groups[3];
static struct reader readers[3];
static struct probes *probes;
static struct probe_sample *one, *sum;
static uint64_t losses;          /* before the scene */
static int64_t refaults;         /* of the victim in the scene, by the kernel's count */
static double slept_after[2];    /* the victim, after each culprit's rounds */
static struct reader_result seen; /* of the victim's passes */

static int64_t got(enum probe_counter m, unsigned slot)
{
	return sum->counters[m][slot];
}

static uint64_t blamed(unsigned culprit)
{
	return sum->blame[PROBE_BLAME_MEMORY][VICTIM][culprit];
}

static double share(unsigned culprit)
{
	return got(PROBE_COUNTER_MEM_REFAULT_WAIT, VICTIM) ? (double)blamed(culprit) / (double)got(PROBE_COUNTER_MEM_REFAULT_WAIT, VICTIM) : 0;
}

static void job(unsigned who, enum reader_kind kind, uint32_t first, uint32_t pages)
{
	struct reader_result r;

	reader_begin(&readers[who], (struct reader_job){ kind, first, pages });
	r = reader_end(&readers[who]);
	assert_int_equal(r.error, 0);
	if (who) {               /* what it evicted makes the probe watch for waits: from the next reading on */
		load_add(probes, one, sum);
		return;
	}
	seen.missing += r.missing;
	seen.read_ns += r.read_ns;
	seen.cpu_ns += r.cpu_ns;
	seen.runnable_ns += r.runnable_ns;
}

static void path_of(unsigned who, char out[200])
{
	snprintf(out, 200, "%s/f%u", folder, who);
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

/* Groups below a parent with a limit (0 = none); `own` limits the victim itself. The victim's file is in the cache then. */
static void scene_open(uint64_t limit, uint64_t own)
{
	static const char *const names[] = { "victim", "culprit", "second" };

	assert_int_equal(memory_group_open(&parent, NULL, "memory", limit), 0);
	for (unsigned i = 0; i < 3; i++) {
		char path[200];

		path_of(i, path);
		assert_int_equal(memory_group_open(&groups[i], &parent, names[i], i ? 0 : own), 0);
		assert_int_equal(memory_group_slot(&groups[i], probes, SLOT_FIRST + i), 0);
		if (!i && memory_group_limit_reads(&groups[0], folder, READS_PER_S))
			printf("note: no io controller: the victim reads as fast as the disk can\n");
		assert_int_equal(reader_start(&readers[i], &groups[i], path), 0);
	}
	cache_drop();
	job(0, READ_RANDOM, 0, VICTIM_PAGES);
	load_add(probes, one, sum);
	losses = load_losses(probes);
	probe_sample_free(sum);
	sum = probe_sample_new();
	seen = (struct reader_result){ 0 };
}

static void scene_close(void)
{
	for (unsigned i = 0; i < 3; i++) {
		reader_stop(&readers[i]);
		if (groups[i].memory_id)
			probes_slot_set(probes, groups[i].memory_kind, groups[i].memory_id, SLOT_OTHER);
		if (groups[i].task_id)
			probes_slot_set(probes, SLOT_CGROUP2, groups[i].task_id, SLOT_OTHER);
		memory_group_close(&groups[i]);
	}
	cache_drop();
	memory_group_close(&parent);
}

static int teardown(void **state)
{
	(void)state;
	scene_close();
	return 0;
}

static void figure(const char *what, double measured, double truth, double percent)
{
	printf("figure: %s: measured %.0f, truth %.0f, off by %.2f %%\n", what, measured, truth, 100 * (measured - truth) / truth);
	assert_true(truth > 0);
	assert_true(measured >= truth * (1 - percent / 100) && measured <= truth * (1 + percent / 100));
}

static void conserved(void)
{
	assert_int_equal(load_losses(probes), losses);
	for (unsigned slot = 0; slot < SLOTS; slot++) {
		uint64_t row = 0;

		for (unsigned k = 0; k < SLOTS; k++)
			row += sum->blame[PROBE_BLAME_MEMORY][slot][k];
		if (got(PROBE_COUNTER_MEM_REFAULT_WAIT, slot) != PROBE_ABSENT)
			assert_int_equal(row, got(PROBE_COUNTER_MEM_REFAULT_WAIT, slot));
	}
}

static void shares(const char *scene)
{
	double others = 0;

	for (unsigned k = 0; k < SLOTS; k++)
		others += k != VICTIM && k != CULPRIT && k != SECOND ? share(k) : 0;
	printf("figure: %s: of %.1f ms of waiting for evicted pages: first neighbour %.1f %%, second %.1f %%, self %.1f %%, all else %.1f %%\n", scene,
	       (double)got(PROBE_COUNTER_MEM_REFAULT_WAIT, VICTIM) / 1e6, 100 * share(CULPRIT), 100 * share(SECOND), 100 * share(VICTIM), 100 * others);
}

/* What the victim slept for missing pages, by its own clocks. */
static double slept_ns(void)
{
	return (double)(seen.read_ns - seen.cpu_ns - seen.runnable_ns);
}

static void wait_matches_reader(void)
{
	printf("figure: sleeps of the victim: %lld for %llu reads\n", (long long)got(PROBE_COUNTER_MEM_REFAULT_WAITS, VICTIM), (unsigned long long)seen.missing);
	figure("wait against the reader's own clocks, ns", (double)got(PROBE_COUNTER_MEM_REFAULT_WAIT, VICTIM), slept_ns(), 5);
}

static void scene(uint64_t limit, uint64_t own, void (*act)(void))
{
	scene_open(limit, own);
	act();
	load_add(probes, one, sum);
}

/* The kernel's own count is a lower bound: its shadow entries are reclaimed, too, and what they knew is then no refault. */
static void kernel_count(void)
{
	printf("figure: evicted pages read again: measured %lld, at least (the kernel's count of refaults) %lld\n",
	       (long long)got(PROBE_COUNTER_MEM_REREAD, VICTIM), (long long)refaults);
	assert_true(refaults > 0 && got(PROBE_COUNTER_MEM_REREAD, VICTIM) * 100 >= refaults * 99);
}

static void act_copy(void)
{
	refaults = memory_group_stat(&groups[0], "workingset_refault_file");
	for (int i = 0; i < ROUNDS; i++) {
		job(1, READ_COPY, 0, BIG_PAGES);
		job(0, READ_RANDOM, 0, VICTIM_PAGES);
	}
	refaults = memory_group_stat(&groups[0], "workingset_refault_file") - refaults;
}

static void test_copy(void **state)
{
	(void)state;
	scene(LIMIT_BYTES, 0, act_copy);
	shares("a neighbour copies a file below a common limit");
	conserved();
	figure("evicted pages read again, against mincore() before each read", (double)got(PROBE_COUNTER_MEM_REREAD, VICTIM), (double)seen.missing, 1);
	kernel_count();
	assert_true(got(PROBE_COUNTER_MEM_EVICTED, VICTIM) >= got(PROBE_COUNTER_MEM_REREAD, VICTIM));
	wait_matches_reader();
	assert_true(share(CULPRIT) >= 0.95);
	assert_true(got(PROBE_COUNTER_MEM_RECLAIM, CULPRIT) > 0);
}

static void act_own_limit(void)
{
	refaults = memory_group_stat(&groups[0], "workingset_refault_file");
	for (int i = 0; i < 2; i++) {
		job(1, READ_STREAM, 0, BIG_PAGES);
		job(0, READ_RANDOM, 0, VICTIM_PAGES);
	}
	refaults = memory_group_stat(&groups[0], "workingset_refault_file") - refaults;
}

static void test_own_limit(void **state)
{
	(void)state;
	scene(0, OWN_BYTES, act_own_limit);
	shares("its own limit is smaller than its file, beside a neighbour that reads a lot");
	conserved();
	kernel_count();
	assert_true(share(VICTIM) >= 0.99);
	assert_int_equal(blamed(CULPRIT), 0);
}

/* The victim reads until all its pages are back: its reading evicts some, too. */
static void victim_recovers(void)
{
	uint64_t before;
	int passes = 0;

	do {
		before = seen.missing;
		job(0, READ_RANDOM, 0, VICTIM_PAGES);
	} while (seen.missing != before && ++passes < PASSES);
}

/* One after the other, two rounds of the first to one of the second: each recovery of the victim has one culprit. */
static void act_one_after_the_other(void)
{
	slept_after[0] = slept_after[1] = 0;
	for (int round = 0; round < 2 * ROUNDS; round++) {
		unsigned who = round % 3 == 2;
		double before = slept_ns();

		job(1 + who, READ_STREAM, 0, BIG_PAGES);
		victim_recovers();
		slept_after[who] += slept_ns() - before;
	}
}

static void test_one_after_the_other(void **state)
{
	(void)state;
	scene(LIMIT_BYTES, 0, act_one_after_the_other);
	shares("two neighbours, two rounds of the first to one of the second");
	conserved();
	figure("blame of the first against the reader's clocks in its rounds, ns", (double)blamed(CULPRIT), slept_after[0], 5);
	figure("blame of the second, likewise", (double)blamed(SECOND), slept_after[1], 5);
}

/* Two of three turns are the first neighbour's, in an order that does not fall in step with the kernel's own rounds over cgroups. */
static void take_turns(uint32_t *seed)
{
	uint32_t left[] = { 24 * MIB / TURN, 12 * MIB / TURN }; /* together a little more than the limit */
	static uint32_t at[2];

	while (left[0] || left[1]) {
		unsigned who = (*seed = *seed * 1664525u + 1013904223u) / 65536 % (left[0] + left[1]) >= left[0];

		job(1 + who, READ_STREAM, at[who], TURN);
		at[who] = (at[who] + TURN) % BIG_PAGES;
		left[who]--;
	}
}

static void act_two_at_once(void)
{
	uint32_t seed = 1;

	for (int round = 0; round < 2 * ROUNDS; round++) {
		take_turns(&seed);
		job(0, READ_RANDOM, 0, VICTIM_PAGES);
	}
}

/* Whose turn it is when the kernel comes round to the victim's pages is chance, so there is no truth for either share alone. */
static void test_two_at_once(void **state)
{
	(void)state;
	scene(LIMIT_BYTES, 0, act_two_at_once);
	shares("two neighbours at once, 2 : 1 in small turns");
	conserved();
	wait_matches_reader();
	assert_true(blamed(CULPRIT) && blamed(SECOND));
	assert_true(share(CULPRIT) + share(SECOND) >= 0.95);
}

static void act_nothing(void)
{
	for (int i = 0; i < 2; i++) {
		job(1, READ_STREAM, 0, BIG_PAGES / 2);
		job(0, READ_RANDOM, 0, VICTIM_PAGES);
	}
}

static void test_nothing(void **state)
{
	(void)state;
	scene(0, 0, act_nothing);
	printf("figure: no limit, memory to spare: %lld pages evicted, %lld ns waited for evicted pages\n",
	       (long long)got(PROBE_COUNTER_MEM_EVICTED, VICTIM), (long long)got(PROBE_COUNTER_MEM_REFAULT_WAIT, VICTIM));
	assert_int_equal(got(PROBE_COUNTER_MEM_EVICTED, VICTIM), 0);
	assert_int_equal(got(PROBE_COUNTER_MEM_REFAULT_WAIT, VICTIM), 0);
}

static int prepare(void)
{
	char command[600];

	snprintf(command, sizeof(command), "cd %s && dd if=/dev/zero of=f0 bs=1M count=%u conv=fsync 2> /dev/null && for f in f1 f2; do "
		 "dd if=/dev/zero of=$f bs=1M count=%u conv=fsync 2> /dev/null; done", folder, VICTIM_PAGES / MIB, BIG_PAGES / MIB);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_copy, teardown), cmocka_unit_test_teardown(test_own_limit, teardown),
		cmocka_unit_test_teardown(test_one_after_the_other, teardown),
		cmocka_unit_test_teardown(test_two_at_once, teardown), cmocka_unit_test_teardown(test_nothing, teardown),
	};
	const char *const only[] = { "memory", NULL };
	const struct probes_config config = { .only = only };
	struct err e = { 0 };
	struct stat st;
	char command[300];
	int failed = 1;

	if (geteuid()) {
		printf("needs root\n");
		return 77;
	}
	if (memory_group_open(&parent, NULL, "memory", 0)) {
		printf("no memory controller\n");
		return 77;
	}
	memory_group_close(&parent);
	if (!mkdtemp(folder) || stat(folder, &st) || !major(st.st_dev)) {
		printf("/var/tmp is not on a block device\n");
		rmdir(folder);
		return 77;
	}
	one = probe_sample_new();
	sum = probe_sample_new();
	if (prepare() || probes_open(&config, &probes, &e))
		printf("cannot start: %s\n", e.text);
	else
		failed = cmocka_run_group_tests(tests, NULL, NULL);
	probes_close(probes);
	probe_sample_free(one);
	probe_sample_free(sum);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command) ? 1 : failed;
}
