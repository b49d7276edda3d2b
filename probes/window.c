/* See window.h. All state below `lock`; the thread holds it except while it waits. */
#include "probes/window.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"

struct slot_of_group {
	struct window_group group;
	int links[WINDOW_PROGRAMS];
	bool used, on;
	double share;
	uint64_t on_since_ns, on_ns;
	uint64_t open_ns, close_ns;  /* of this period's window; 0 = none */
};

struct windows {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	pthread_t thread;
	bool has_thread, stop;
	struct rng rng;
	struct slot_of_group groups[WINDOW_GROUPS];
};

static void group_detach(struct slot_of_group *g)
{
	if (!g->on)
		return;
	for (size_t i = g->group.n; i-- > 0;)
		close(g->links[i]);
	g->on = false;
	g->on_ns += clock_ns(CLOCK_MONOTONIC) - g->on_since_ns;
	if (g->group.edge)
		g->group.edge(g->group.context, 0);
}

static int group_attach(struct slot_of_group *g)
{
	const struct window_program *p = g->group.programs;
	size_t i;
	int err;

	if (g->on)
		return 0;
	if (g->group.edge)
		g->group.edge(g->group.context, clock_ns(CLOCK_MONOTONIC));
	for (i = 0; i < g->group.n; i++) {
		g->links[i] = p[i].cgroup_fd < 0 ? bpf_raw_tracepoint_open(NULL, p[i].prog_fd)
						 : bpf_link_create(p[i].prog_fd, p[i].cgroup_fd, p[i].attach_type, NULL);
		if (g->links[i] < 0)
			break;
	}
	if (i == g->group.n) {
		g->on = true;
		g->on_since_ns = clock_ns(CLOCK_MONOTONIC);
		return 0;
	}
	err = -errno;
	while (i-- > 0)
		close(g->links[i]);
	if (g->group.edge)
		g->group.edge(g->group.context, 0);
	return err;
}

static bool sampled(const struct slot_of_group *g)
{
	return g->used && g->share > 0 && g->share < 1;
}

/* Where in this period each sampled group has its window. */
static bool period_plan(struct windows *w, uint64_t start)
{
	bool any = false;

	for (size_t i = 0; i < WINDOW_GROUPS; i++) {
		struct slot_of_group *g = &w->groups[i];
		uint64_t length = (uint64_t)(g->share * WINDOW_PERIOD_NS);

		g->open_ns = g->close_ns = 0;
		if (!sampled(g))
			continue;
		g->open_ns = start + (uint64_t)(rng_unit(&w->rng) * (double)(WINDOW_PERIOD_NS - length));
		g->close_ns = g->open_ns + length;
		any = true;
	}
	return any;
}

/* Do what is due; the time of what comes next, `end` if nothing does. */
static uint64_t period_step(struct windows *w, uint64_t end)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC), next = end;

	for (size_t i = 0; i < WINDOW_GROUPS; i++) {
		struct slot_of_group *g = &w->groups[i];

		if (!sampled(g))
			continue;
		if (g->close_ns && now >= g->close_ns) {
			group_detach(g);
			g->open_ns = g->close_ns = 0;
		} else if (g->open_ns && now >= g->open_ns) {
			/* Attaching can wait for the kernel's grace period: the window is as long as planned, from its true beginning. */
			if (!group_attach(g))
				g->close_ns = g->on_since_ns + (uint64_t)(g->share * WINDOW_PERIOD_NS);
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
	struct timespec t = { .tv_sec = (time_t)(at / 1000000000ull), .tv_nsec = (long)(at % 1000000000ull) };

	pthread_cond_timedwait(&w->changed, &w->lock, &t);
}

static void *windows_run(void *context)
{
	struct windows *w = context;
	uint64_t end;

	pthread_mutex_lock(&w->lock);
	while (!w->stop) {
		end = clock_ns(CLOCK_MONOTONIC) + WINDOW_PERIOD_NS;
		if (!period_plan(w, clock_ns(CLOCK_MONOTONIC))) {
			pthread_cond_wait(&w->changed, &w->lock);
			continue;
		}
		while (!w->stop && clock_ns(CLOCK_MONOTONIC) < end)
			sleep_until(w, period_step(w, end));
		period_step(w, end);
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
		group_detach(&w->groups[i]);
	pthread_cond_destroy(&w->changed);
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
		err = group_attach(g);
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
	group_detach(&w->groups[group]);
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
		g->open_ns = g->close_ns = 0;
		g->share = share;
		if (share >= 1)
			group_attach(g);
		else
			group_detach(g);
		pthread_cond_signal(&w->changed);
	}
	pthread_mutex_unlock(&w->lock);
}

double windows_share(struct windows *w, int group)
{
	double share;

	pthread_mutex_lock(&w->lock);
	share = w->groups[group].share;
	pthread_mutex_unlock(&w->lock);
	return share;
}

uint64_t windows_on_ns(struct windows *w, int group)
{
	struct slot_of_group *g = &w->groups[group];
	uint64_t on;

	pthread_mutex_lock(&w->lock);
	on = g->on_ns + (g->on ? clock_ns(CLOCK_MONOTONIC) - g->on_since_ns : 0);
	pthread_mutex_unlock(&w->lock);
	return on;
}
