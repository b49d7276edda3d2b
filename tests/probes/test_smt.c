/*
 * SMT siblings: topology from sysfs trees, overlaps under way and ended, and (privileged, where this machine has siblings: else
 * that part says so) two tasks beside each other on one core, then one alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "probes/smt.h"
#include "tests/probes/load.h"

#define A SLOT_FIRST
#define B (SLOT_FIRST + 1)
#define BURN_NS 1000000000ull

static char folder[] = "/tmp/cotenant-smt-XXXXXX";

/* A tree like the one below "/": lists[i] is cpu i's, NULL = that file is missing. */
static int tree(const char *const *lists, int n)
{
	char path[256];

	for (int i = 0; i < n; i++) {
		FILE *f;

		snprintf(path, sizeof(path), "rm -rf %s/sys/devices/system/cpu/cpu%d; mkdir -p %s/sys/devices/system/cpu/cpu%d/topology", folder, i, folder, i);
		assert_int_equal(system(path), 0);
		if (!lists[i])
			continue;
		snprintf(path, sizeof(path), "%s/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", folder, i);
		f = fopen(path, "w");
		assert_non_null(f);
		fprintf(f, "%s\n", lists[i]);
		fclose(f);
	}
	return open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static void open_tree(struct smt *s, const char *const *lists, int n)
{
	int fd = tree(lists, n);

	smt_open(s, n, fd);
	close(fd);
}

static void siblings_are_read_from_sysfs(void **state)
{
	static const char *const interleaved[] = { "0,2", "1,3", "0,2", "1,3" };
	static const char *const eight[] = { "0-7", "0-7", "0-7", "0-7", "0-7", "0-7", "0-7", "0-7" };
	static const char *const single[] = { "0", "1", NULL };
	static const char *const damaged[] = { "0-", "1,x", "2-1", "0-3,9" };
	struct smt s;

	(void)state;
	open_tree(&s, interleaved, 4);
	assert_true(s.on);
	for (unsigned cpu = 0; cpu < 4; cpu++) {
		assert_int_equal(s.cores[cpu].n, 1);
		assert_int_equal(s.cores[cpu].sibling[0], (cpu + 2) % 4);
	}
	smt_close(&s);
	open_tree(&s, eight, 8);
	assert_int_equal(s.cores[3].n, 7);
	assert_int_equal(s.cores[3].sibling[2], 2);
	assert_int_equal(s.cores[3].sibling[3], 4);
	smt_close(&s);
	open_tree(&s, single, 3);
	assert_false(s.on);
	smt_close(&s);
	open_tree(&s, damaged, 4);
	for (unsigned cpu = 0; cpu < 3; cpu++)
		assert_int_equal(s.cores[cpu].n, 0);
	assert_int_equal(s.cores[3].n, 3); /* CPU 9 does not exist here */
	smt_close(&s);
}

static void no_siblings_is_absent(void **state)
{
	static const char *const single[] = { "0", "1" };
	struct probe_sample *out = probe_sample_new();
	struct smt s;

	(void)state;
	open_tree(&s, single, 2);
	smt_read(&s, NULL, 1000, 1, out);
	assert_false(out->blame_present[PROBE_BLAME_SMT]);
	assert_int_equal(out->counters[PROBE_COUNTER_CPU_SMT][A], PROBE_ABSENT);
	smt_close(&s);
	probe_sample_free(out);
}

static void expect(struct probe_sample *out, unsigned victim, unsigned beside, int64_t ns)
{
	int64_t sum = 0;

	for (unsigned c = 0; c < SLOTS; c++)
		sum += (int64_t)out->blame[PROBE_BLAME_SMT][victim][c];
	assert_int_equal(out->blame[PROBE_BLAME_SMT][victim][beside], ns);
	assert_int_equal(out->counters[PROBE_COUNTER_CPU_SMT][victim], sum);
}

/* Sums that the BPF side would hold stand in `ended`; the CPUs' states say what is under way. */
static void overlaps_are_counted_once(void **state)
{
	static const char *const pair[] = { "0-1", "0-1" };
	struct cpu_state *states = calloc(2, sizeof(*states));
	struct smt_cpu *ended = calloc(2, sizeof(*ended));
	struct probe_sample *out = probe_sample_new();
	struct smt s;

	(void)state;
	open_tree(&s, pair, 2);
	s.cpus = ended;
	states[0].occupant = A, states[0].slice_start = 100;
	states[1].occupant = B, states[1].slice_start = 150;
	out->n_slots = SLOTS; /* as if they had been given out */
	smt_read(&s, states, 400, 1, out);                   /* under way since 150 */
	expect(out, A, B, 250);
	expect(out, B, A, 250);
	ended[1].overlap_ns[A][B] = ended[1].overlap_ns[B][A] = 300;  /* B's slice ended at 450, idle since */
	states[1].occupant = SLOT_WAKEUP, states[1].slice_start = 450;
	memset(out->blame, 0, sizeof(out->blame));
	smt_read(&s, states, 600, 1, out);
	expect(out, A, B, 50);
	expect(out, B, A, 50);
	states[1].occupant = A, states[1].slice_start = 700;  /* its own threads beside each other: both of them count */
	memset(out->blame, 0, sizeof(out->blame));
	smt_read(&s, states, 800, 1, out);
	expect(out, A, A, 200);
	expect(out, A, B, 0);
	states[1].occupant = SLOT_UNKNOWN;
	memset(out->blame, 0, sizeof(out->blame));
	smt_read(&s, states, 900, 1, out);                   /* nothing goes backwards */
	expect(out, A, A, 0);
	s.cpus = NULL;
	smt_close(&s);
	probe_sample_free(out);
	free(states);
	free(ended);
}

static pid_t burn_start(const struct cgroup_pair *group, int cpu)
{
	pid_t pid = fork();
	cpu_set_t set;

	if (pid)
		return pid;
	cgroup_pair_enter(group);
	CPU_ZERO(&set);
	CPU_SET((unsigned)cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
	while (clock_ns(CLOCK_THREAD_CPUTIME_ID) < BURN_NS)
		;
	_exit(0);
}

static struct probe_sample *scene(const struct cgroup_pair *groups, int cpu, int sibling)
{
	static const char *const only[] = { "cpu", NULL };
	const struct probes_config config = { .only = only };
	struct probe_sample *one = probe_sample_new(), *sum = probe_sample_new();
	struct probes *p = NULL;
	struct err e = { 0 };
	pid_t pids[2];

	if (probes_open(&config, &p, &e))
		fail_msg("%s", e.text);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(probes_slot_set(p, SLOT_CGROUP2, groups[i].v2_id, SLOT_FIRST + i), 0);
	assert_int_equal(probes_read(p, one, NULL), 0);
	pids[0] = burn_start(&groups[0], cpu);
	pids[1] = sibling >= 0 ? burn_start(&groups[1], sibling) : 0;
	assert_int_equal(load_wait(pids[0]), 0);
	if (pids[1])
		assert_int_equal(load_wait(pids[1]), 0);
	load_add(p, one, sum);
	probes_close(p);
	probe_sample_free(one);
	return sum;
}

static void two_on_one_core(void **state)
{
	int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), n = (int)sysconf(_SC_NPROCESSORS_CONF), cpu = 0;
	struct cgroup_pair groups[2];
	struct probe_sample *s;
	struct smt topology;
	double run, beside;

	(void)state;
	smt_open(&topology, n, root);
	close(root);
	if (geteuid() || !topology.on) {
		printf("note: %s: two tasks on one core were not tried\n", geteuid() ? "not root" : "this machine has no SMT siblings");
		smt_close(&topology);
		return;
	}
	while (!topology.cores[cpu].n)
		cpu++;
	assert_int_equal(cgroup_pair_open(&groups[0], 82, 0), 0);
	assert_int_equal(cgroup_pair_open(&groups[1], 83, 0), 0);
	s = scene(groups, cpu, (int)topology.cores[cpu].sibling[0]);
	run = (double)s->counters[PROBE_COUNTER_CPU_RUN][A];
	beside = (double)s->blame[PROBE_BLAME_SMT][A][B];
	printf("figure: two tasks on siblings: the first ran %.0f ms, beside a busy sibling %.0f ms, beside the second %.0f ms\n", run / 1e6,
	       (double)s->counters[PROBE_COUNTER_CPU_SMT][A] / 1e6, beside / 1e6);
	assert_true(beside > 0.7 * run && beside <= run * 1.05);
	assert_true(s->blame[PROBE_BLAME_SMT][B][A] == s->blame[PROBE_BLAME_SMT][A][B]);
	probe_sample_free(s);
	s = scene(groups, cpu, -1);
	printf("figure: alone on its core: beside the second %.0f ms\n", (double)s->blame[PROBE_BLAME_SMT][A][B] / 1e6);
	assert_int_equal(s->blame[PROBE_BLAME_SMT][A][B], 0);
	probe_sample_free(s);
	cgroup_pair_close(&groups[0]);
	cgroup_pair_close(&groups[1]);
	smt_close(&topology);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(siblings_are_read_from_sysfs), cmocka_unit_test(no_siblings_is_absent),
		cmocka_unit_test(overlaps_are_counted_once), cmocka_unit_test(two_on_one_core),
	};
	char command[64];
	int failed;

	if (!mkdtemp(folder))
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command) ? 1 : failed;
}
