/* See window.h; the thread is in window_run.c. */
#include "probes/window.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "probes/window_run.h"

struct windows *windows_new(uint64_t interval_ns)
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
	w->length_ns = interval_ns < WINDOW_PERIOD_LEAST_NS ? WINDOW_PERIOD_LEAST_NS : interval_ns > WINDOW_PERIOD_MOST_NS ? WINDOW_PERIOD_MOST_NS : interval_ns;
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
		window_group_detach(w, &w->groups[i]);
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
		err = window_group_attach(w, g);
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
	window_group_detach(w, &w->groups[group]);
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
		bool was_sampled = window_group_sampled(g);

		if (share >= 1 && window_group_attach(w, g))
			share = 0; /* what is not attached is not watched */
		pthread_mutex_lock(&w->sums);
		g->share = share;
		pthread_mutex_unlock(&w->sums);
		if (!was_sampled || !window_group_sampled(g)) { /* else the window that is planned or open stays where it is; the next has the new length */
			g->open_ns = 0;
			w->again |= window_group_sampled(g);
			if (share < 1)
				window_group_detach(w, g);
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

uint64_t windows_missed(struct windows *w, int group)
{
	uint64_t missed;

	pthread_mutex_lock(&w->sums);
	missed = w->groups[group].missed;
	pthread_mutex_unlock(&w->sums);
	return missed;
}

uint64_t windows_period_ns(const struct windows *w)
{
	return w->length_ns;
}

void windows_tick(struct windows *w)
{
	pthread_mutex_lock(&w->sums);
	w->ticked_ns = clock_ns(CLOCK_MONOTONIC);
	pthread_mutex_unlock(&w->sums);
	pthread_cond_signal(&w->changed);
}
