/* The estimate of slowdown from readings made up here, whose answer is known without the estimator. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "collector/slowdown.h"

#define MS 1000000

enum who { SERVER = PARTICIPANT_FIRST, CLIENT, NEIGHBOUR, N };

static struct services services;

static struct sampler *reading(void)
{
	struct sampler *s = mem_alloc(1, sizeof(*s));

	s->services = &services;
	s->sample = probe_sample_new();
	s->probes = (struct probes *)s; /* only asked whether there are any */
	s->n = N;
	for (size_t p = 0; p < N; p++)
		for (size_t m = 0; m < N_METRICS; m++)
			s->values[p][m] = SESSION_ABSENT;
	for (size_t b = 0; b < PROBE_N_BLAMES; b++)
		s->sample->blame_present[b] = true;
	return s;
}

static void reading_free(struct sampler *s)
{
	probe_sample_free(s->sample);
	free(s);
}

static void blame(struct sampler *s, enum probe_blame b, size_t victim, size_t culprit, uint64_t ms)
{
	s->sample->blame[b][sampler_slot(victim)][sampler_slot(culprit)] = ms * MS;
}

static void set(struct sampler *s, size_t p, enum metric_id m, int64_t ms)
{
	s->values[p][m] = ms * MS;
}

/* 8 connections of a closed loop for 1 s: the server's thread has the CPU half of the time, all requests lie there meanwhile. */
static struct sampler *closed_loop(void)
{
	struct sampler *s = reading();

	s->values[SERVER][METRIC_REQ] = 1000;
	set(s, SERVER, METRIC_REQ_TIME, 6000);
	set(s, SERVER, METRIC_REQ_TURN, 2000);
	set(s, SERVER, METRIC_CPU_ON, 500);
	blame(s, PROBE_BLAME_REQUEST, SERVER, NEIGHBOUR, 4000);
	blame(s, PROBE_BLAME_REQUEST, SERVER, SERVER, 2000);
	s->sample->client[sampler_slot(SERVER)] = (uint16_t)sampler_slot(CLIENT);
	return s;
}

/* The same, and the server sleeps for the disk as well, a quarter of it for the neighbour. */
static struct sampler *closed_loop_on_disk(void)
{
	struct sampler *s = closed_loop();

	set(s, SERVER, METRIC_REQ_TIME, 7000);
	set(s, SERVER, METRIC_REQ_DISK, 1000);
	blame(s, PROBE_BLAME_DISK, SERVER, SERVER, 300);
	blame(s, PROBE_BLAME_DISK, SERVER, NEIGHBOUR, 100);
	return s;
}

static struct slowdown of(const struct sampler *s)
{
	struct slowdown e;

	assert_true(slowdown_estimate(s, SERVER, &e));
	assert_true(e.low_ns <= e.delayed_ns && e.delayed_ns <= e.high_ns && e.high_ns <= e.time_ns);
	return e;
}

static void half_the_cpu_is_twice_as_slow(void **state)
{
	struct sampler *s = closed_loop();
	struct slowdown e = of(s);

	(void)state;
	assert_true(slowdown_ratio(e.time_ns, e.delayed_ns) == 2);
	assert_true(slowdown_request_blamed(s, SERVER) == 4000.0 * MS);
	reading_free(s);
}

static void its_own_client_is_no_neighbour(void **state)
{
	struct sampler *s = closed_loop();
	struct slowdown e;

	(void)state;
	blame(s, PROBE_BLAME_REQUEST, SERVER, CLIENT, 1000);
	set(s, SERVER, METRIC_REQ_TIME, 7000);
	set(s, SERVER, METRIC_REQ_PARTNER, 1000);
	blame(s, PROBE_BLAME_SOFTIRQ, SERVER, CLIENT, 100);
	e = of(s);
	assert_true(e.time_ns == 9000.0 * MS && e.delayed_ns == 4000.0 * MS);
	assert_true(e.high_ns == 5000.0 * MS);
	reading_free(s);
}

/* Each ns on top of the thread holds up the requests that lie there: 2000 ms of own time passed in 500 ms on CPU. */
static void softirq_for_others_holds_up_what_is_queued(void **state)
{
	struct sampler *s = closed_loop();

	(void)state;
	blame(s, PROBE_BLAME_SOFTIRQ, SERVER, NEIGHBOUR, 50);
	assert_true(of(s).delayed_ns == 4200.0 * MS);
	reading_free(s);
}

/* Work for the neighbour's disk requests on top of the client's thread holds up the turns that lie there: 2000 ms passed in 400 ms of the
 * thread. What it does for the server is no neighbour's doing. */
static void interrupts_on_top_of_the_client_hold_up_its_turns(void **state)
{
	struct sampler *s = closed_loop();
	struct slowdown e;

	(void)state;
	set(s, CLIENT, METRIC_CPU_ON, 300);
	set(s, CLIENT, METRIC_CPU_IRQ, 100);
	blame(s, PROBE_BLAME_SOFTIRQ, CLIENT, NEIGHBOUR, 40);
	blame(s, PROBE_BLAME_SOFTIRQ, CLIENT, SERVER, 60);
	e = of(s);
	assert_true(e.delayed_ns == (4000.0 + 5 * 40) * MS && e.low_ns == e.delayed_ns);
	set(s, SERVER, METRIC_REQ_TURN_BLAMED, 800); /* in which the thread did not run */
	e = of(s);
	assert_true(e.delayed_ns == (4000.0 + 800 + 3 * 40) * MS);
	reading_free(s);
}

/* Steal counts as far as the hypervisor's work for the neighbours' disk requests explains it; the rest is possible. */
static void steal_is_theirs_as_far_as_their_disk_requests_explain_it(void **state)
{
	struct sampler *s = closed_loop();
	struct slowdown e;

	(void)state;
	s->interval.end_ns = 1000ull * MS;
	set(s, SERVER, METRIC_CPU_ON, 400);
	set(s, SERVER, METRIC_CPU_STEAL, 100);         /* 2000 ms of requests passed in these 500 ms */
	blame(s, PROBE_BLAME_REQUEST, SERVER, SLOT_STEAL, 200);
	set(s, SERVER, METRIC_REQ_TIME, 6200);
	e = of(s);
	assert_true(e.delayed_ns == 4000.0 * MS && e.high_ns == 4600.0 * MS);
	s->guest = true;
	s->values[NEIGHBOUR][METRIC_DISK_WRITES] = 50 * MS / SLOWDOWN_GUEST_IO_NS; /* explain half of the 100 ms */
	e = of(s);
	assert_true(fabs(e.delayed_ns - 4300.0 * MS) < 0.5 * MS && e.low_ns == 4000.0 * MS && fabs(e.high_ns - 4600.0 * MS) < 0.5 * MS);
	s->values[NEIGHBOUR][METRIC_DISK_WRITES] *= 2;
	assert_true(fabs(of(s).delayed_ns - 4600.0 * MS) < 0.5 * MS);
	s->values[NEIGHBOUR][METRIC_DISK_WRITES] = 0;
	s->values[CLIENT][METRIC_DISK_WRITES] = 10000; /* its own client's are not */
	assert_true(of(s).delayed_ns == 4000.0 * MS);
	reading_free(s);
}

/* Interrupts inside the neighbour's slices are its doing, but for the network's work for the server and its client. */
static void irq_in_a_neighbours_slices(void **state)
{
	struct sampler *s = closed_loop();

	(void)state;
	blame(s, PROBE_BLAME_REQUEST, SERVER, SLOT_IRQ, 400);
	set(s, SERVER, METRIC_REQ_TIME, 6400);
	set(s, NEIGHBOUR, METRIC_CPU_IRQ, 100);
	blame(s, PROBE_BLAME_SOFTIRQ, NEIGHBOUR, NEIGHBOUR, 60);
	blame(s, PROBE_BLAME_SOFTIRQ, NEIGHBOUR, CLIENT, 25);
	assert_true(of(s).delayed_ns == (4000.0 + 0.75 * 400) * MS);
	assert_true(of(s).high_ns == 4400.0 * MS);
	reading_free(s);
}

static void disk_by_requests_and_at_most_by_bytes(void **state)
{
	struct sampler *s = closed_loop_on_disk();
	struct slowdown e;

	(void)state;
	s->values[SERVER][METRIC_DISK_WRITE_BYTES] = 4096;
	s->values[NEIGHBOUR][METRIC_DISK_WRITE_BYTES] = 4096;
	e = of(s);
	assert_true(e.delayed_ns == 4250.0 * MS);
	assert_true(e.high_ns == 4500.0 * MS);
	reading_free(s);
}

static void without_requests_cpu_time_is_the_unit_of_work(void **state)
{
	struct sampler *s = reading();
	struct slowdown e;

	(void)state;
	assert_false(slowdown_estimate(s, SERVER, &e));
	set(s, SERVER, METRIC_CPU_ON, 300);
	set(s, SERVER, METRIC_CPU_WAIT, 600);
	blame(s, PROBE_BLAME_CPU, SERVER, SERVER, 300);
	blame(s, PROBE_BLAME_CPU, SERVER, NEIGHBOUR, 100);
	blame(s, PROBE_BLAME_CPU, SERVER, SLOT_OTHER, 50);
	blame(s, PROBE_BLAME_CPU, SERVER, SLOT_KERNEL, 80);
	blame(s, PROBE_BLAME_CPU, SERVER, SLOT_WAKEUP, 70);
	e = of(s);
	assert_true(e.time_ns == 900.0 * MS && e.delayed_ns == 150.0 * MS && e.low_ns == 100.0 * MS && e.high_ns == 230.0 * MS);
	reading_free(s);
}

/* Sleep for pages that a neighbour evicted is its fault whoever shares the disk; the rest goes by disk blame. */
static void evicted_pages_are_the_evictors_fault(void **state)
{
	struct sampler *s = closed_loop_on_disk();
	struct slowdown e;

	(void)state;
	blame(s, PROBE_BLAME_MEMORY, SERVER, NEIGHBOUR, 300);
	blame(s, PROBE_BLAME_MEMORY, SERVER, SERVER, 100);
	e = of(s);
	assert_true(e.delayed_ns == (4000.0 + 300 + 0.25 * 600) * MS);
	blame(s, PROBE_BLAME_MEMORY, SERVER, NEIGHBOUR, 3900); /* threads outside of requests slept too */
	e = of(s);
	assert_true(e.delayed_ns == (4000.0 + 0.975 * 1000) * MS);
	reading_free(s);
}

/* Waits without requests: interrupts inside the neighbour's slices are its doing too. */
static void irq_in_a_neighbours_slices_without_requests(void **state)
{
	struct sampler *s = reading();

	(void)state;
	set(s, SERVER, METRIC_CPU_ON, 500);
	set(s, SERVER, METRIC_CPU_WAIT, 500);
	blame(s, PROBE_BLAME_CPU, SERVER, NEIGHBOUR, 400);
	blame(s, PROBE_BLAME_CPU, SERVER, SLOT_IRQ, 100);
	set(s, NEIGHBOUR, METRIC_CPU_IRQ, 100);
	assert_true(of(s).delayed_ns == 500.0 * MS);
	reading_free(s);
}

/* In a virtual machine a neighbour's disk requests may cost what nobody in it sees, up to a limit. */
static void a_guests_disk_costs_unseen(void **state)
{
	struct sampler *s = closed_loop();
	struct slowdown e;
	double high;

	(void)state;
	s->interval.end_ns = 1000ull * MS;
	s->values[NEIGHBOUR][METRIC_DISK_READS] = s->values[NEIGHBOUR][METRIC_DISK_WRITES] = 500;
	s->values[CLIENT][METRIC_DISK_READS] = 500;
	assert_true(of(s).high_ns == of(s).delayed_ns);
	s->guest = true;
	e = of(s);
	high = slowdown_ratio(e.time_ns, e.high_ns);
	assert_true(fabs(high - 2 * (1 + 1000 * SLOWDOWN_GUEST_IO_NS / 1e9)) < 1e-9);
	s->values[NEIGHBOUR][METRIC_DISK_READS] = 50000;
	e = of(s);
	high = slowdown_ratio(e.time_ns, e.high_ns);
	assert_true(fabs(high - 2 * (1 + SLOWDOWN_GUEST_IO_MOST)) < 1e-9);
	reading_free(s);
}

/* Beside a busy core the ends allow for more and less work. */
static void busy_neighbours_widen_the_interval(void **state)
{
	struct sampler *s = closed_loop();
	struct slowdown e;
	double low, high;

	(void)state;
	s->interval.end_ns = 1000ull * MS;
	set(s, NEIGHBOUR, METRIC_CPU_ON, 1000);
	set(s, CLIENT, METRIC_CPU_ON, 1000);
	e = of(s);
	low = slowdown_ratio(e.time_ns, e.low_ns);
	high = slowdown_ratio(e.time_ns, e.high_ns);
	assert_true(e.delayed_ns == 4000.0 * MS);
	assert_true(fabs(low - 2 * (1 - SLOWDOWN_CHEAPER)) < 1e-9 && fabs(high - 2 * (1 + SLOWDOWN_DEARER)) < 1e-9);
	reading_free(s);
}

static void nothing_measured_is_no_estimate(void **state)
{
	struct sampler *s = reading();
	struct slowdown e;

	(void)state;
	s->probes = NULL;
	set(s, SERVER, METRIC_CPU_ON, 300);
	assert_false(slowdown_estimate(s, SERVER, &e));
	assert_true(slowdown_ratio(5, 5) == SLOWDOWN_MAX);
	reading_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(half_the_cpu_is_twice_as_slow), cmocka_unit_test(its_own_client_is_no_neighbour),
		cmocka_unit_test(softirq_for_others_holds_up_what_is_queued), cmocka_unit_test(interrupts_on_top_of_the_client_hold_up_its_turns),
		cmocka_unit_test(steal_is_theirs_as_far_as_their_disk_requests_explain_it), cmocka_unit_test(irq_in_a_neighbours_slices),
		cmocka_unit_test(disk_by_requests_and_at_most_by_bytes), cmocka_unit_test(without_requests_cpu_time_is_the_unit_of_work),
		cmocka_unit_test(evicted_pages_are_the_evictors_fault), cmocka_unit_test(irq_in_a_neighbours_slices_without_requests),
		cmocka_unit_test(a_guests_disk_costs_unseen),
		cmocka_unit_test(busy_neighbours_widen_the_interval), cmocka_unit_test(nothing_measured_is_no_estimate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
