/* See window_run.h: attaching and detaching a group, and when, period after period. */
#include "probes/window_run.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <sched.h>
#include <unistd.h>

#include "base/clock.h"

#define PERIOD_LEAST 0.85   /* of a period: windows lie in this part; a reading after it begins the next period */
#define PERIOD_MOST 1.1     /* without a reading it begins here */
#define AGAIN_NS 10000000   /* until attaching is tried again where it was refused */

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

void window_group_detach(struct windows *w, struct slot_of_group *g)
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

int window_group_attach(struct windows *w, struct slot_of_group *g)
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

bool window_group_sampled(const struct slot_of_group *g)
{
	return g->used && g->share > 0 && g->share < 1;
}

static uint64_t length_of(const struct windows *w, const struct slot_of_group *g)
{
	return (uint64_t)(g->share * (double)w->length_ns);
}

/* The period under way, up to this part of its length. */
static uint64_t period_part(const struct windows *w, double part)
{
	return (uint64_t)(part * (double)w->length_ns);
}

/* Where in this period the sampled groups have their windows: around one point, and over before the next reading is due. */
static bool period_plan(struct windows *w)
{
	uint64_t longest = 0, middle;

	for (size_t i = 0; i < WINDOW_GROUPS; i++)
		if (window_group_sampled(&w->groups[i]) && length_of(w, &w->groups[i]) > longest)
			longest = length_of(w, &w->groups[i]);
	middle = w->period_ns + (uint64_t)(rng_unit(&w->rng) * (double)(period_part(w, PERIOD_LEAST) - longest)) + longest / 2;
	for (size_t i = 0; i < WINDOW_GROUPS; i++) {
		struct slot_of_group *g = &w->groups[i];

		g->open_ns = window_group_sampled(g) ? middle - length_of(w, g) / 2 : 0;
	}
	return longest > 0;
}

/* Close what is due: a window only after those inside it, which were opened later (groups that are watched longer were added before,
 * probes/probe.c). On a tracepoint that several groups share, taking off the program that came last is cheap; any other makes the
 * kernel wait for a grace period, tens of milliseconds in which all of them would run. Returns when the innermost is due; `none` when no
 * window is open. */
static uint64_t windows_close(struct windows *w, uint64_t now, uint64_t none)
{
	for (size_t i = WINDOW_GROUPS; i-- > 0;) {
		struct slot_of_group *g = &w->groups[i];

		if (!window_group_sampled(g) || !g->on)
			continue;
		if (now < g->close_ns)
			return g->close_ns;
		window_group_detach(w, g);
	}
	return none;
}

static void missed_add(struct windows *w, struct slot_of_group *g, uint64_t windows)
{
	pthread_mutex_lock(&w->sums);
	g->missed += windows;
	pthread_mutex_unlock(&w->sums);
}

/* Open what is due; when the next is. Attaching can take a grace period, too, where services keep the kernel's threads from running even
 * seconds: the window is as long as planned from its true beginning. It may be refused for a moment: before 6.10 while a child between
 * fork and exec still holds the link that was closed. */
static uint64_t windows_open(struct windows *w, uint64_t now)
{
	uint64_t next = UINT64_MAX;

	for (size_t i = 0; i < WINDOW_GROUPS; i++) {
		struct slot_of_group *g = &w->groups[i];
		uint64_t due;

		if (!window_group_sampled(g) || !g->open_ns)
			continue;
		if (now >= g->open_ns && !window_group_attach(w, g)) {
			missed_add(w, g, (g->on_since_ns - g->open_ns) / w->length_ns);
			g->close_ns = g->on_since_ns + length_of(w, g);
			g->open_ns = 0;
			continue;
		}
		due = now >= g->open_ns ? now + AGAIN_NS : g->open_ns;
		next = due < next ? due : next;
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
	return w->again || clock_ns(CLOCK_MONOTONIC) - w->period_ns >= period_part(w, PERIOD_MOST) ||
	       (int64_t)(ticked - w->period_ns) >= (int64_t)period_part(w, PERIOD_LEAST);
}

/* Open and close windows, until the period is over and the last one is closed: one that came late is not cut. */
static void period_run(struct windows *w)
{
	uint64_t end = w->period_ns + period_part(w, PERIOD_MOST);

	while (!w->stop) {
		bool over = period_is_over(w);
		uint64_t opens = over ? UINT64_MAX : windows_open(w, clock_ns(CLOCK_MONOTONIC));
		uint64_t closes = windows_close(w, clock_ns(CLOCK_MONOTONIC), over ? 0 : end);

		if (!closes)
			return;
		sleep_until(w, opens < closes ? opens : closes);
	}
}

/* Windows for which there was no time, or which were refused all the while. */
static void period_end(struct windows *w)
{
	for (size_t i = 0; i < WINDOW_GROUPS && !w->again; i++)
		if (window_group_sampled(&w->groups[i]) && w->groups[i].open_ns)
			missed_add(w, &w->groups[i], 1);
}

/* On a node whose CPUs are all taken an edge still comes when it is due: this thread runs for microseconds, ahead of others. Where
 * that is not allowed, windows come late and are as long as they are. */
static void hasten(void)
{
	pthread_setschedparam(pthread_self(), SCHED_FIFO, &(struct sched_param){ .sched_priority = 1 });
}

void *windows_run(void *context)
{
	struct windows *w = context;

	hasten();
	pthread_mutex_lock(&w->lock);
	while (!w->stop) {
		w->period_ns = clock_ns(CLOCK_MONOTONIC);
		w->again = false;
		if (!period_plan(w)) {
			pthread_cond_wait(&w->changed, &w->lock);
			continue;
		}
		period_run(w);
		period_end(w);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}
