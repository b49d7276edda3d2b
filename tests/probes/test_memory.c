/*
 * privileged: the memory probe in scenes of known outcome: a reader whose cached pages a neighbour's copy evicts below a common
 * limit, its own limit, two culprits of known sizes, nothing evicted. Counts are held against mincore() and memory.stat, waits against
 * the reader's own clocks. Scenes are in lockstep, so that each eviction has one possible cause: the victim rests while
 * culprits work, and the other way round. Only a machine that pages out cold memory by itself (DAMON) may evict at any time; what its
 * kernel thread is blamed for is nobody else's and stands apart.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/probes/load.h"
#include "tests/probes/memory_world.h"

#define LIMIT_BYTES (32ull << 20)
#define OWN_BYTES (5ull << 20)   /* a limit smaller than the victim's file */
#define SMALL_NODE_BYTES (3ull << 30)
#define ROUNDS 3
#define CLOCK_RATIO 0.05         /* waits agree to so much, */
#define CLOCK_BLUR_NS 5000.0     /* and so much a read, which counts where the limit grants bursts of reads that take 20,000 ns (seen: 3500) */
#define PASSES 20
#define MACHINE_SHARE 0.3
#define TURN 32u                 /* pages that one of two culprits reads at a time */

static int64_t refaults;         /* of the victim in the scene, by the kernel's count */
static struct reads { double slept_ns, missing; } after[2]; /* the victim's, after each culprit's rounds */

static int64_t got(enum probe_counter m, unsigned slot)
{
	return world.sum->counters[m][slot];
}

static uint64_t blamed(unsigned culprit)
{
	return world.sum->blame[PROBE_BLAME_MEMORY][VICTIM][culprit];
}

static double share(unsigned culprit)
{
	return got(PROBE_COUNTER_MEM_REFAULT_WAIT, VICTIM) ? (double)blamed(culprit) / (double)got(PROBE_COUNTER_MEM_REFAULT_WAIT, VICTIM) : 0;
}

/* The victim's waits that are the machine's own doing. */
static double machine_ns(void)
{
	return world.machine_evicts ? (double)blamed(SLOT_KERNEL) : 0;
}

static double machine_share(void)
{
	return world.machine_evicts ? share(SLOT_KERNEL) : 0;
}

static int teardown(void **state)
{
	(void)state;
	memory_scene_close();
	return 0;
}

/* What the probe says that it lost in the scene: pages, of whomever on the machine. */
static double lost(void)
{
	return (double)(load_losses(world.probes, NULL) - world.losses);
}

static void figure(const char *what, double measured, double truth, double percent)
{
	printf("figure: %s: measured %.0f, truth %.0f, off by %.2f %%\n", what, measured, truth, 100 * (measured - truth) / truth);
	assert_true(truth > 0);
	assert_true(measured >= truth * (1 - percent / 100) - lost() && measured <= truth * (1 + percent / 100) + lost());
}

static void conserved(void)
{
	if (lost() > 0)
		printf("note: %.0f events lost, counted as such\n", lost());
	load_conserved(world.sum, PROBE_BLAME_MEMORY, PROBE_COUNTER_MEM_REFAULT_WAIT);
}

static void shares(const char *scene)
{
	double others = 0;

	for (unsigned k = 0; k < SLOTS; k++)
		others += k != VICTIM && k != CULPRIT && k != SECOND ? share(k) : 0;
	printf("figure: %s: of %.1f ms of waiting for evicted pages: first neighbour %.1f %%, second %.1f %%, self %.1f %%, the machine itself %.1f %%, "
	       "all else %.1f %%\n", scene, (double)got(PROBE_COUNTER_MEM_REFAULT_WAIT, VICTIM) / 1e6, 100 * share(CULPRIT), 100 * share(SECOND),
	       100 * share(VICTIM), 100 * machine_share(), 100 * (others - machine_share()));
	if (machine_share() > MACHINE_SHARE) {
		printf("note: this machine evicts too much by itself; the scene shows nothing\n");
		skip();
	}
}

static void first(const char *scene, unsigned culprit)
{
	load_first(scene, world.sum->blame[PROBE_BLAME_MEMORY][VICTIM], VICTIM, culprit);
}

/* The victim's reads of missing pages, and what it slept for them by its own clocks. */
static struct reads victim_reads(void)
{
	return (struct reads){ (double)(world.seen.read_ns - world.seen.cpu_ns - world.seen.runnable_ns), (double)world.seen.missing };
}

/* The reader's clocks cannot tell a sleep in reclaim (another metric) from one for a page, nor for whose sake it was (elsewhere:
 * what may have been the machine's), hence the lower bound. */
static void wait_figure(const char *what, double measured, struct reads by_clock, double elsewhere)
{
	double reclaim = (double)got(PROBE_COUNTER_MEM_RECLAIM, VICTIM), truth = by_clock.slept_ns;
	double slack = CLOCK_RATIO * truth + CLOCK_BLUR_NS * by_clock.missing;

	printf("figure: %s: measured %.0f, truth %.0f, off by %.2f %% (the victim was in reclaim for %.0f in the scene)\n", what, measured, truth,
	       100 * (measured - truth) / truth, reclaim);
	assert_true(truth > 0 && measured > 0);
	assert_true(measured >= truth - slack - reclaim - elsewhere && measured <= truth + slack);
}

static void wait_matches_reader(void)
{
	printf("figure: sleeps of the victim: %lld for %llu reads\n", (long long)got(PROBE_COUNTER_MEM_REFAULT_WAITS, VICTIM), (unsigned long long)world.seen.missing);
	wait_figure("wait against the reader's own clocks, ns", (double)got(PROBE_COUNTER_MEM_REFAULT_WAIT, VICTIM), victim_reads(), 0);
}

static void scene(uint64_t limit, uint64_t own, void (*act)(void))
{
	memory_scene_open(limit, own);
	act();
	load_add(world.probes, world.one, world.sum);
}

/* The kernel's own count is a lower bound: its shadow entries are reclaimed, too, and what they knew is then no refault. (Where a
 * neighbour evicts everything of a file, none may be left.) */
static void counts_hold(void)
{
	figure("evicted pages read again, against mincore() before each read", (double)got(PROBE_COUNTER_MEM_REREAD, VICTIM), (double)world.seen.missing, 1);
	printf("figure: evicted pages read again: measured %lld, at least (the kernel's count of refaults) %lld\n",
	       (long long)got(PROBE_COUNTER_MEM_REREAD, VICTIM), (long long)refaults);
	assert_true((double)got(PROBE_COUNTER_MEM_REREAD, VICTIM) + lost() >= 0.99 * (double)refaults);
}

static void act_copy(void)
{
	refaults = memory_group_stat(&world.groups[0], "workingset_refault_file");
	for (int i = 0; i < ROUNDS; i++) {
		memory_job(1, READ_COPY, 0, BIG_PAGES);
		memory_job(0, READ_RANDOM, 0, VICTIM_PAGES);
	}
	refaults = memory_group_stat(&world.groups[0], "workingset_refault_file") - refaults;
}

static void test_copy(void **state)
{
	(void)state;
	scene(LIMIT_BYTES, 0, act_copy);
	shares("a neighbour copies a file below a common limit");
	conserved();
	counts_hold();
	first("a neighbour copies a file", CULPRIT);
	assert_true(got(PROBE_COUNTER_MEM_EVICTED, VICTIM) >= got(PROBE_COUNTER_MEM_REREAD, VICTIM));
	wait_matches_reader();
	assert_true(share(CULPRIT) + machine_share() >= 0.95);
	assert_true(got(PROBE_COUNTER_MEM_RECLAIM, CULPRIT) > 0);
}

static void act_own_limit(void)
{
	refaults = memory_group_stat(&world.groups[0], "workingset_refault_file");
	for (int i = 0; i < 2; i++) {
		memory_job(1, READ_STREAM, 0, BIG_PAGES);
		memory_job(0, READ_RANDOM, 0, VICTIM_PAGES);
	}
	refaults = memory_group_stat(&world.groups[0], "workingset_refault_file") - refaults;
}

static void test_own_limit(void **state)
{
	(void)state;
	scene(0, OWN_BYTES, act_own_limit);
	shares("its own limit is smaller than its file, beside a neighbour that reads a lot");
	conserved();
	counts_hold();
	first("its own limit", VICTIM);
	assert_true(share(VICTIM) + machine_share() >= 0.99);
	assert_int_equal(blamed(CULPRIT), 0);
}

/* The victim reads until all its pages are back: its reading evicts some, too. */
static void victim_recovers(void)
{
	uint64_t before;
	int passes = 0;

	do {
		before = world.seen.missing;
		memory_job(0, READ_RANDOM, 0, VICTIM_PAGES);
	} while (world.seen.missing != before && ++passes < PASSES);
}

/* One after the other, two rounds of the first to one of the second: each recovery of the victim has one culprit. */
static void act_one_after_the_other(void)
{
	memset(after, 0, sizeof(after));
	for (int round = 0; round < 2 * ROUNDS; round++) {
		unsigned who = round % 3 == 2;
		struct reads before = victim_reads(), now;

		memory_job(1 + who, READ_STREAM, 0, BIG_PAGES);
		victim_recovers();
		now = victim_reads();
		after[who].slept_ns += now.slept_ns - before.slept_ns;
		after[who].missing += now.missing - before.missing;
	}
}

static void test_one_after_the_other(void **state)
{
	(void)state;
	scene(LIMIT_BYTES, 0, act_one_after_the_other);
	shares("two neighbours, two rounds of the first to one of the second");
	conserved();
	first("two rounds to one", CULPRIT);
	wait_figure("blame of the first against the reader's clocks in its rounds, ns", (double)blamed(CULPRIT), after[0], machine_ns());
	wait_figure("blame of the second, likewise", (double)blamed(SECOND), after[1], machine_ns());
}

/* Two of three turns are the first neighbour's, in an order that does not fall in step with the kernel's own rounds over cgroups. */
static void take_turns(uint32_t *seed)
{
	uint32_t left[] = { 24 * MIB / TURN, 12 * MIB / TURN }; /* together a little more than the limit */
	static uint32_t at[2];

	while (left[0] || left[1]) {
		unsigned who = (*seed = *seed * 1664525u + 1013904223u) / 65536 % (left[0] + left[1]) >= left[0];

		memory_job(1 + who, READ_STREAM, at[who], TURN);
		at[who] = (at[who] + TURN) % BIG_PAGES;
		left[who]--;
	}
}

static void act_two_at_once(void)
{
	uint32_t seed = 1;

	for (int round = 0; round < 2 * ROUNDS; round++) {
		take_turns(&seed);
		memory_job(0, READ_RANDOM, 0, VICTIM_PAGES);
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
	assert_true(share(CULPRIT) + share(SECOND) + machine_share() >= 0.95);
}

static void act_node_short(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		memory_job(1, READ_STREAM, 0, BIG_PAGES); /* cache that may be had: there must be something to reclaim */
		memory_job(1, READ_ALLOCATE, 0, 0);
		memory_job(0, READ_RANDOM, 0, VICTIM_PAGES);
	}
}

/* No limit at all, but a neighbour that fills the node with anonymous memory: kswapd works for it. Only on a small machine, where that
 * disturbs nobody else. */
static void test_node_short(void **state)
{
	(void)state;
	if ((uint64_t)sysconf(_SC_PHYS_PAGES) * 4096 > SMALL_NODE_BYTES) {
		printf("note: this machine has too much memory to fill; kswapd was not tried\n");
		return;
	}
	scene(0, 0, act_node_short);
	shares("a neighbour fills the node's memory");
	conserved();
	figure("evicted pages read again, against mincore() before each read", (double)got(PROBE_COUNTER_MEM_REREAD, VICTIM), (double)world.seen.missing, 1);
	assert_true(share(CULPRIT) + machine_share() >= 0.9);
}

static void act_nothing(void)
{
	for (int i = 0; i < 2; i++) {
		memory_job(1, READ_STREAM, 0, BIG_PAGES / 2);
		memory_job(0, READ_RANDOM, 0, VICTIM_PAGES);
	}
}

static void test_nothing(void **state)
{
	(void)state;
	scene(0, 0, act_nothing);
	printf("figure: no limit, memory to spare: %lld pages evicted, %lld ns waited for evicted pages\n",
	       (long long)got(PROBE_COUNTER_MEM_EVICTED, VICTIM), (long long)got(PROBE_COUNTER_MEM_REFAULT_WAIT, VICTIM));
	for (unsigned k = 0; k < SLOTS; k++)
		assert_true(!blamed(k) || (world.machine_evicts && k == SLOT_KERNEL));
	conserved();
	assert_true(world.machine_evicts || got(PROBE_COUNTER_MEM_EVICTED, VICTIM) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_copy, teardown), cmocka_unit_test_teardown(test_own_limit, teardown),
		cmocka_unit_test_teardown(test_one_after_the_other, teardown),
		cmocka_unit_test_teardown(test_two_at_once, teardown), cmocka_unit_test_teardown(test_node_short, teardown),
		cmocka_unit_test_teardown(test_nothing, teardown),
	};
	int failed = memory_world_open();

	if (failed == 77)
		return 77;
	if (!failed)
		failed = cmocka_run_group_tests(tests, NULL, NULL);
	memory_world_close();
	return failed;
}
