/*
 * privileged: the hardware probe's reader. Most machines that run tests have no counters, so software events stand behind it: the CPU
 * clock (its count is the time on the CPU, known from the cpu probe), page faults (a task makes so many), and one that stays at
 * zero. Then the real table: either there are counters and they count, or the probe is unavailable with a reason and ABSENT.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "probes/hardware.h"
#include "tests/probes/load.h"

#define FAULTS_PER_MS 20
#define RUN_MS 3000

static const struct hardware_event software[HARDWARE_COUNTERS] = {
	[HARDWARE_CYCLES] = { PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK },
	[HARDWARE_REF_CYCLES] = { PERF_TYPE_SOFTWARE, PERF_COUNT_SW_ALIGNMENT_FAULTS }, /* never on this architecture: a dead counter */
	[HARDWARE_INSTRUCTIONS] = { PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS },
	[HARDWARE_LLC_REFERENCES] = { 0xffffff, 0 },    /* not there */
	[HARDWARE_LLC_MISSES] = { PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK },
};

struct shared { volatile uint64_t faults; };

static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

/* Computes, touching fresh pages at an even rate of its own CPU time. */
static void work(struct shared *s)
{
	long page = sysconf(_SC_PAGESIZE);
	uint64_t end = cpu_ns() + RUN_MS * 1000000ull, next = 0;

	for (uint64_t now; (now = cpu_ns()) < end;) {
		if (now < next)
			continue;
		next = now + 1000000;
		char *fresh = mmap(NULL, (size_t)(FAULTS_PER_MS * page), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		for (long i = 0; i < FAULTS_PER_MS; i++)
			fresh[i * page] = 1;
		s->faults += FAULTS_PER_MS;
		munmap(fresh, (size_t)(FAULTS_PER_MS * page));
	}
}

static void figure(const char *what, double measured, double truth, double percent)
{
	printf("figure: %s: measured %.0f, truth %.0f, off by %.2f %%\n", what, measured, truth, 100 * (measured - truth) / truth);
	assert_true(measured >= truth * (1 - percent / 100) && measured <= truth * (1 + percent / 100));
}

static const struct probe_status *status_of(const struct probes *p, const char *name)
{
	static struct probe_status st;

	for (size_t i = 0; i < probes_count(p); i++) {
		probes_status(p, i, &st);
		if (!strcmp(st.name, name))
			return &st;
	}
	return NULL;
}

static int64_t got(const struct probe_sample *s, enum probe_counter c)
{
	return s->counters[c][SLOT_FIRST];
}

static struct probes *start(const struct cgroup_pair *group)
{
	static const char *const only[] = { "cpu", "hardware", NULL };
	const struct probes_config config = { .only = only };
	struct probes *p = NULL;
	struct err e = { 0 };

	if (probes_open(&config, &p, &e))
		fail_msg("%s", e.text);
	assert_int_equal(probes_slot_set(p, SLOT_CGROUP2, group->v2_id, SLOT_FIRST), 0);
	return p;
}

/* One task computes in the group while others outside share its CPUs, so that its slices end and begin. */
static void run(const struct cgroup_pair *group, struct probes *p, struct probe_sample *one, struct probe_sample *sum, struct shared *s)
{
	pid_t busy[2], pid;

	for (int i = 0; i < 2; i++) {
		busy[i] = fork();
		while (!busy[i] && getppid() != 1)
			;
		if (!busy[i])
			_exit(0);
	}
	assert_int_equal(probes_read(p, one, NULL), 0);
	pid = fork();
	if (!pid) {
		cgroup_pair_enter(group);
		work(s);
		_exit(0);
	}
	assert_int_equal(load_wait(pid), 0);
	load_add(p, one, sum);
	for (int i = 0; i < 2; i++) {
		kill(busy[i], SIGKILL);
		waitpid(busy[i], NULL, 0);
	}
}

static void test_software_events(void **state)
{
	struct probe_sample *one = probe_sample_new(), *sum = probe_sample_new();
	struct shared *s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct cgroup_pair group;
	struct probes *p;
	double run_ns;

	(void)state;
	assert_int_equal(cgroup_pair_open(&group, 80, 0), 0);
	hardware_events_set(software);
	p = start(&group);
	assert_string_equal(status_of(p, "hardware")->note, "");
	run(&group, p, one, sum, s);
	run_ns = (double)got(sum, PROBE_COUNTER_CPU_RUN);
	printf("figure: counters enabled for %.1f ms in the slices observed of %.1f ms on the CPU, running %.1f %% of that\n",
	       (double)got(sum, PROBE_COUNTER_HW_ENABLED) / 1e6, run_ns / 1e6, 100. * (double)got(sum, PROBE_COUNTER_HW_RUNNING) /
	       (double)got(sum, PROBE_COUNTER_HW_ENABLED));
	figure("CPU clock as a counter against time on the CPU", (double)got(sum, PROBE_COUNTER_HW_CYCLES), run_ns, 2);
	figure("page faults as a counter against those made", (double)got(sum, PROBE_COUNTER_HW_INSTRUCTIONS), (double)s->faults, 20);
	assert_int_equal(got(sum, PROBE_COUNTER_HW_REF_CYCLES), PROBE_ABSENT);
	assert_int_equal(got(sum, PROBE_COUNTER_HW_LLC_REFERENCES), PROBE_ABSENT);
	assert_int_equal((int)status_of(p, "hardware")->losses, 0);
	probes_close(p);
	hardware_events_set(NULL);
	cgroup_pair_close(&group);
	munmap(s, sizeof(*s));
	probe_sample_free(one);
	probe_sample_free(sum);
}

static void test_this_machine(void **state)
{
	struct probe_sample *one = probe_sample_new(), *sum = probe_sample_new();
	struct shared *s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	const struct probe_status *st;
	struct cgroup_pair group;
	struct probes *p;

	(void)state;
	assert_int_equal(cgroup_pair_open(&group, 81, 0), 0);
	p = start(&group);
	st = status_of(p, "hardware");
	if (st->state == PROBE_UNAVAILABLE) {
		printf("figure: hardware counters of this machine: absent: %s\n", st->note);
		assert_true(*st->note);
	}
	run(&group, p, one, sum, s);
	if (st->state == PROBE_UNAVAILABLE) {
		for (int c = PROBE_COUNTER_HW_CYCLES; c <= PROBE_COUNTER_HW_RUNNING; c++)
			assert_int_equal(got(sum, (enum probe_counter)c), PROBE_ABSENT);
	} else if (got(sum, PROBE_COUNTER_HW_CYCLES) != PROBE_ABSENT) {
		double ghz = (double)got(sum, PROBE_COUNTER_HW_CYCLES) / (double)got(sum, PROBE_COUNTER_CPU_RUN);

		printf("figure: hardware counters of this machine: %.2f GHz\n", ghz);
		assert_true(ghz > 0.1 && ghz < 10);
	}
	probes_close(p);
	cgroup_pair_close(&group);
	munmap(s, sizeof(*s));
	probe_sample_free(one);
	probe_sample_free(sum);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_software_events), cmocka_unit_test(test_this_machine) };

	if (geteuid()) {
		printf("needs root\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
