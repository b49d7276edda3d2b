/* privileged: loads the probes. The scheduler watched in windows, as over budget: in each interval the delays of a service still add up to
 * its wait to the ns, its figures are there (or absent, not zero), the status says how much was watched; and with room in the budget
 * again it is watched always. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collector/sampler.h"

#define BURNERS 3
#define SHARE 0.2
#define READINGS_MOST 30
#define READINGS_WATCHED 3

static pid_t burners[BURNERS];
static struct sampler *sampler;

static size_t cpu_index(void)
{
	struct probe_status status;

	for (size_t i = 0; i < probes_count(sampler->probes); i++) {
		probes_status(sampler->probes, i, &status);
		if (!strcmp(status.name, "cpu"))
			return i;
	}
	fail_msg("no probe is called cpu");
	return 0;
}

static void tick(void)
{
	struct err e = { 0 };

	usleep(1000000);
	if (sampler_tick(sampler, &e))
		fail_msg("%s", e.text);
}

/* Adds up every row of this reading; returns the wait of all. */
static int64_t rows_check(void)
{
	int64_t all = 0;

	for (size_t v = 0; v < sampler->n; v++) {
		int64_t wait = sampler->values[v][METRIC_CPU_WAIT], sum = 0;

		for (size_t c = 0; c < sampler->n; c++)
			sum += (int64_t)sampler_blame(sampler, BLAME_CPU, v, c);
		if (!sampler_blame_present(sampler, BLAME_CPU))
			assert_true(wait == SESSION_ABSENT && sum == 0);
		else if (wait != SESSION_ABSENT)
			assert_int_equal(wait, sum);
		all += wait == SESSION_ABSENT ? 0 : wait;
	}
	return all;
}

static void windows_conserve(void **state)
{
	struct probe_status status;
	unsigned watched = 0;
	int64_t wait = 0;

	(void)state;
	assert_true(probes_share_set(sampler->probes, cpu_index(), PROBE_CORE, SHARE));
	for (unsigned i = 0; i < READINGS_MOST && watched < READINGS_WATCHED; i++) {
		tick();
		wait += rows_check();
		watched += sampler_blame_present(sampler, BLAME_CPU);
	}
	assert_int_equal(watched, READINGS_WATCHED);
	assert_true(wait > 0);
	probes_status(sampler->probes, cpu_index(), &status);
	assert_int_equal(status.state, PROBE_REDUCED);
	if (!strstr(status.note, "waits and blame 20.0 % of the time"))
		fail_msg("the note does not say what was watched: %s", status.note);
}

static void watched_always_again(void **state)
{
	struct probe_status status = { .share = { 0 } };

	(void)state;
	sampler->budget.ratio = 1;
	for (unsigned i = 0; i < READINGS_MOST && status.share[PROBE_CORE] < 1; i++) {
		tick();
		rows_check();
		probes_status(sampler->probes, cpu_index(), &status);
	}
	assert_true(status.share[PROBE_CORE] >= 1);
	tick();
	assert_true(sampler_blame_present(sampler, BLAME_CPU));
	assert_true(rows_check() > 0);
	probes_status(sampler->probes, cpu_index(), &status);
	assert_int_equal(status.state, PROBE_REDUCED); /* a part of the session was not watched */
	assert_non_null(strstr(status.note, "100.0 % of the time"));
}

/* Several on one CPU: somebody always waits. */
static void burners_start(void)
{
	cpu_set_t first;

	CPU_ZERO(&first);
	CPU_SET(0, &first);
	for (int i = 0; i < BURNERS; i++) {
		burners[i] = fork();
		if (burners[i])
			continue;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		sched_setaffinity(0, sizeof(first), &first);
		for (;;)
			;
	}
}

static int setup(void **state)
{
	struct sampler_config config = { .by = BY_AUTO, .root_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC) };
	struct err e = { 0 };

	(void)state;
	burners_start();
	if (sampler_open(&config, &sampler, &e) || !sampler->probes) {
		printf("%s\n", sampler ? sampler->why.text : e.text);
		return -1;
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (int i = 0; i < BURNERS; i++)
		if (burners[i] > 0) {
			kill(burners[i], SIGKILL);
			waitpid(burners[i], NULL, 0);
		}
	sampler_close(sampler);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(windows_conserve), cmocka_unit_test(watched_always_again) };

	if (geteuid() != 0) {
		puts("needs root: BPF programs are loaded");
		return 77;
	}
	return cmocka_run_group_tests(tests, setup, teardown);
}
