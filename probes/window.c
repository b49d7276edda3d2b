/*
 * See window.h. All state below `lock`; the thread holds it except while it waits for a time. Attaching and detaching take tens of
 * milliseconds (the kernel's grace periods), so what readings ask for stands below `sums`, which nobody holds for long.
 */
#include "probes/window.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"

#define PERIOD_LEAST_NS (WINDOW_PERIOD_NS / 20 * 17) /* windows lie in this part; a reading after it begins the next period */
#define PERIOD_MOST_NS (WINDOW_PERIOD_NS / 10 * 11) /* without a reading it begins here */

struct slot_of_group {
	struct window_group group;
	int links[WINDOW_PROGRAMS];
	bool used, on;
	double share;
	uint64_t on_since_ns, on_ns; /* these and `on`, `share`: changed under both locks */
	uint64_t open_ns, close_ns;  /* of this period's window; 0 = none */
};

struct windows {
	pthread_mutex_t lock, sums;
	pthread_cond_t changed;
	pthread_t thread;
	bool has_thread, stop;
	struct rng rng;
	uint64_t period_ns;          /* when this one began */
	uint64_t ticked_ns;          /* latest reading; below `sums` */
	struct slot_of_group groups[WINDOW_GROUPS];
};

static void edge(struct slot_of_group *g, enum window_edge which)
{
	if (g->group.edge)
		g->group.edge(g->group.context, which);
}

static void links_close(struct slot_of_group *g, size_t n)
{
	while (n-- > 0)
		close(g->links[n]);
	edge(g, WINDOW_DETACHED);
}

static void group_detach(struct windows *w, struct slot_of_group *g)
{
	if (!g->on)
		return;
	edge(g, WINDOW_CLOSE);
	pthread_mutex_lock(&w->sums);
	g->on = false;
	g->on_ns += clock_ns(CLOCK_MONOTONIC) - g->on_since_ns;
	pthread_mutex_unlock(&w->sums);
	links_close(g, g->group.n);
}

static int group_attach(struct windows *w, struct slot_of_group *g)
{
	const struct window_program *p = g->group.programs;
	int err;

	if (g->on)
		return 0;
	edge(g, WINDOW_ATTACH);
	for (size_t i = 0; i < g->group.n; i++) {
		g->links[i] = p[i].cgroup_fd < 0 ? bpf_raw_tracepoint_open(NULL, p[i].prog_fd)
						 : bpf_link_create(p[i].prog_fd, p[i].cgroup_fd, p[i].attach_type, NULL);
		if (g->links[i] < 0) {
			err = -errno;
			links_close(g, i);
			return err;
		}
	}
	pthread_mutex_lock(&w->sums);
	g->on = true;
	g->on_since_ns = clock_ns(CLOCK_MONOTONIC);
	pthread_mutex_unlock(&w->sums);
	edge(g, WINDOW_OPEN);
	return 0;
}

static bool sampled(const struct slot_of_group *g)
{
	return g->used && g->share > 0 && g->share < 1;
}

static uint64_t length_of(const struct slot_of_group *g)
{
	return (uint64_t)(g->share * WINDOW_PERIOD_NS);
}

/* Where in this period the sampled groups have their windows: around one point, and over before the next reading is due. */
static bool period_plan(struct windows *w)
{
	uint64_t longest = 0, middle;

	for (size_t i = 0; i < WINDOW_GROUPS; i++)
		if (sampled(&w->groups[i]) && length_of(&w->groups[i]) > longest)
			longest = length_of(&w->groups[i]);
	middle = w->period_ns + (uint64_t)(rng_unit(&w->rng) * (double)(PERIOD_LEAST_NS - longest)) + longest / 2;
	for (size_t i = 0; i < WINDOW_GROUPS; i++) {
		struct slot_of_group *g = &w->groups[i];

		g->open_ns = sampled(g) ? middle - length_of(g) / 2 : 0;
		g->close_ns = sampled(g) ? g->open_ns + length_of(g) : 0;
	}
	return longest > 0;
}

/* Do what is due; the time of what comes next, `end` if nothing does. */
static uint64_t period_step(struct windows *w, uint64_t end)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC), next = end;

	/* Groups that are watched longer were added before those inside their windows (probes/probe.c), so the latter close first. */
	for (size_t i = WINDOW_GROUPS; i-- > 0;) {
		struct slot_of_group *g = &w->groups[i];

		if (sampled(g) && g->close_ns && !g->open_ns && now >= g->close_ns) {
			group_detach(w, g);
			g->close_ns = 0;
		}
	}
	for (size_t i = 0; i < WINDOW_GROUPS; i++) {
		struct slot_of_group *g = &w->groups[i];

		if (!sampled(g))
			continue;
		if (g->open_ns && now >= g->open_ns) {
			/* Attaching can wait for the kernel's grace period: the window is as long as planned, from its true beginning. */
			g->close_ns = group_attach(w, g) ? 0 : g->on_since_ns + length_of(g);
			g->open_ns = 0;
		}
		if (g->open_ns && g->open_ns < next)
			next = g->open_ns;
		if (!g->open_ns && g->close_ns && g->close_ns < next)
			next = g->close_ns;
	}
	return next;
}

static void sleep_until(struct windows *w, uint64_t at)
{
	struct timespec t = clock_timespec(at);

	pthread_cond_timedwait(&w->changed, &w->lock, &t);
}

static bool period_is_over(struct windows *w)
{
	uint64_t ticked;

	pthread_mutex_lock(&w->sums);
	ticked = w->ticked_ns;
	pthread_mutex_unlock(&w->sums);
	return clock_ns(CLOCK_MONOTONIC) - w->period_ns >= PERIOD_MOST_NS || (int64_t)(ticked - w->period_ns) >= (int64_t)PERIOD_LEAST_NS;
}

/* On a node whose CPUs are all taken an edge still comes when it is due: this thread runs for microseconds, ahead of others. Where
 * that is not allowed, windows come late and are as long as they are. */
static void hasten(void)
{
	pthread_setschedparam(pthread_self(), SCHED_FIFO, &(struct sched_param){ .sched_priority = 1 });
}

static void *windows_run(void *context)
{
	struct windows *w = context;

	hasten();
	pthread_mutex_lock(&w->lock);
	while (!w->stop) {
		w->period_ns = clock_ns(CLOCK_MONOTONIC);
		if (!period_plan(w)) {
			pthread_cond_wait(&w->changed, &w->lock);
			continue;
		}
		while (!w->stop && !period_is_over(w))
			sleep_until(w, period_step(w, w->period_ns + PERIOD_MOST_NS));
		for (size_t i = WINDOW_GROUPS; i-- > 0;)
			if (sampled(&w->groups[i]))
				group_detach(w, &w->groups[i]);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

struct windows *windows_new(void)
{
	struct windows *w = mem_alloc(1, sizeof(*w));
	pthread_condattr_t monotonic;
	sigset_t all, old;

	pthread_mutex_init(&w->lock, NULL);
	pthread_mutex_init(&w->sums, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&w->changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	rng_seed(&w->rng, 1);
	sigfillset(&all); /* signals belong to the collector's loop */
	pthread_sigmask(SIG_SETMASK, &all, &old);
	w->has_thread = !pthread_create(&w->thread, NULL, windows_run, w);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return w;
}

void windows_free(struct windows *w)
{
	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	w->stop = true;
	pthread_cond_signal(&w->changed);
	pthread_mutex_unlock(&w->lock);
	if (w->has_thread)
		pthread_join(w->thread, NULL);
	for (size_t i = 0; i < WINDOW_GROUPS; i++)
		group_detach(w, &w->groups[i]);
	pthread_cond_destroy(&w->changed);
	pthread_mutex_destroy(&w->sums);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

int windows_add(struct windows *w, const struct window_group *group)
{
	int err = -ENOSPC;

	pthread_mutex_lock(&w->lock);
	for (int i = 0; i < WINDOW_GROUPS && err == -ENOSPC; i++) {
		struct slot_of_group *g = &w->groups[i];

		if (g->used)
			continue;
		*g = (struct slot_of_group){ .group = *group, .share = 1 };
		err = group_attach(w, g);
		g->used = !err;
		err = err ? err : i;
	}
	pthread_mutex_unlock(&w->lock);
	return err;
}

void windows_remove(struct windows *w, int group)
{
	if (group < 0)
		return;
	pthread_mutex_lock(&w->lock);
	group_detach(w, &w->groups[group]);
	w->groups[group].used = false;
	pthread_mutex_unlock(&w->lock);
}

void windows_share_set(struct windows *w, int group, double share)
{
	struct slot_of_group *g = &w->groups[group];

	if (share > 0 && share < 1)
		share = share < WINDOW_SHARE_LEAST ? WINDOW_SHARE_LEAST : share > WINDOW_SHARE_MOST ? WINDOW_SHARE_MOST : share;
	if (!w->has_thread && share < 1)
		share = 0;
	pthread_mutex_lock(&w->lock);
	if (share != g->share) {
		bool was_sampled = sampled(g);

		if (share >= 1 && group_attach(w, g))
			share = 0; /* what is not attached is not watched */
		pthread_mutex_lock(&w->sums);
		g->share = share;
		pthread_mutex_unlock(&w->sums);
		if (!was_sampled || !sampled(g)) { /* else the window that is planned or open stays where it is; the next has the new length */
			g->open_ns = g->close_ns = 0;
			if (share < 1)
				group_detach(w, g);
		}
		pthread_cond_signal(&w->changed);
	}
	pthread_mutex_unlock(&w->lock);
}

double windows_share(struct windows *w, int group)
{
	double share;

	pthread_mutex_lock(&w->sums);
	share = w->groups[group].share;
	pthread_mutex_unlock(&w->sums);
	return share;
}

uint64_t windows_on_ns(struct windows *w, int group)
{
	struct slot_of_group *g = &w->groups[group];
	uint64_t on;

	pthread_mutex_lock(&w->sums);
	on = g->on_ns + (g->on ? clock_ns(CLOCK_MONOTONIC) - g->on_since_ns : 0);
	pthread_mutex_unlock(&w->sums);
	return on;
}

void windows_tick(struct windows *w)
{
	pthread_mutex_lock(&w->sums);
	w->ticked_ns = clock_ns(CLOCK_MONOTONIC);
	pthread_mutex_unlock(&w->sums);
	pthread_cond_signal(&w->changed);
}
