/* privileged: loads the CPU probe and checks it against scenes of known outcome and against the kernel's own accounting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/probes/scene.h"

#define RUN_MS 1200
#define CLOCK_LAG_NS 500ull
#define SMALL_NS 50000000ull /* sums below are too short to speak of percent */

static struct probes *probes;

/* Within 1 %, and `slack_ns`: the tracepoints stand some 100 ns (and in guests a timer exit) behind the places where the scheduler reads its clock, which
 * counts only where waits last microseconds. */
static void within(const char *what, const char *scene, unsigned slot, uint64_t got, uint64_t kernel, uint64_t slack_ns)
{
	uint64_t diff = got > kernel ? got - kernel : kernel - got;

	if (kernel >= SMALL_NS)
		printf("figure: %s: slot %u %s %.3f ms, kernel %.3f ms, off by %.3f %%\n", scene, slot, what, (double)got / 1e6,
		       (double)kernel / 1e6, 100.0 * (double)diff / (double)kernel);
	if (kernel >= SMALL_NS && diff * 100 > kernel + 100 * slack_ns)
		fail_msg("%s: slot %u: %s %llu ns, the kernel says %llu", scene, slot, what, (unsigned long long)got, (unsigned long long)kernel);
}

/* schedstat counts interrupts as the task's run time where the kernel keeps no interrupt clock; either way ours plus ours. */
static uint64_t nearer(uint64_t a, uint64_t b, uint64_t target)
{
	uint64_t da = a > target ? a - target : target - a, db = b > target ? b - target : target - b;

	return da < db ? a : b;
}

static void check(const struct scene *sc, const struct scene_result *r)
{
	double wait = (double)r->wait_ns[SCENE_SLOT(sc->victim)], share = (double)r->blame[SCENE_SLOT(sc->victim)][SCENE_SLOT(sc->culprit)] / (wait > 0 ? wait : 1);

	assert_int_equal(r->worst_residual_ns, 0);
	assert_int_equal(r->losses, 0);
	for (unsigned g = 0; g < SCENE_GROUPS; g++) {
		unsigned slot = SCENE_SLOT(g);
		uint64_t kernel;

		if (!r->kernel_run_ns[slot])
			continue;
		kernel = r->group_run_ns[slot] ? r->group_run_ns[slot] : r->kernel_run_ns[slot];
		within("run", sc->name, slot, nearer(r->run_ns[slot], r->run_ns[slot] + r->irq_ns[slot], kernel), kernel, CLOCK_LAG_NS * r->runs[slot]);
		if (sc->culprit != PSEUDO + SLOT_THROTTLE)
			within("wait", sc->name, slot, r->wait_ns[slot], r->kernel_wait_ns[slot], CLOCK_LAG_NS * r->waits[slot]);
		assert_true(r->blame[slot][SLOT_UNKNOWN] * 100 <= r->wait_ns[slot]);
		assert_int_equal(r->hist_count[slot], r->waits[slot]);
	}
	if (sc->culprit == PSEUDO + SLOT_THROTTLE)
		within("throttled", sc->name, SCENE_SLOT(sc->victim), r->blame[SCENE_SLOT(sc->victim)][SLOT_THROTTLE], r->throttled_ns, 0);
	if (sc->least > 0) {
		printf("figure: %s: %.2f %% of the wait at the culprit\n", sc->name, 100 * share);
		if (share < sc->least)
			for (unsigned c = 0; c < SLOTS; c++)
				if (r->blame[SCENE_SLOT(sc->victim)][c])
					printf("  culprit %u: %.3f ms\n", c, (double)r->blame[SCENE_SLOT(sc->victim)][c] / 1e6);
		assert_true(share >= sc->least);
	}
}

static void scene_holds(void **state)
{
	static struct scene_result r;
	const struct scene *sc = *state;

	assert_int_equal(scene_run(sc, probes, RUN_MS, &r), 0);
	check(sc, &r);
}

static int setup(void **state)
{
	struct err e = { 0 };

	(void)state;
	if (probes_open(&(struct probes_config){ .only = (const char *const[]){ "cpu", NULL } }, &probes, &e) < 0) {
		printf("%s\n", e.text);
		return -1;
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	probes_close(probes);
	return 0;
}

int main(void)
{
	struct CMUnitTest tests[32] = { 0 };

	if (geteuid() != 0) {
		puts("needs root: BPF programs are loaded");
		return 77;
	}
	for (unsigned i = 0; i < n_scenes; i++)
		tests[i] = (struct CMUnitTest){ .name = scenes[i].name, .test_func = scene_holds, .initial_state = (void *)(uintptr_t)&scenes[i] };
	return _cmocka_run_group_tests("cpu", tests, n_scenes, setup, teardown);
}
