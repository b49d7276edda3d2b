/*
 * The thread that opens and closes windows (probes/window.h) and what it shares with those who ask for them. Private to window*.c.
 *
 * All state stands below `lock`; the thread holds it except while it waits for a time. Attaching and detaching take tens of
 * milliseconds (the kernel's grace periods), so what readings ask for stands below `sums`, which nobody holds for long.
 */
#ifndef PROBES_WINDOW_RUN_H
#define PROBES_WINDOW_RUN_H

#include <pthread.h>
#include <stdbool.h>

#include "base/rng.h"
#include "probes/window.h"

struct slot_of_group {
	struct window_group group;
	int links[WINDOW_PROGRAMS];
	bool used, on;
	double share;
	uint64_t on_since_ns, on_ns; /* these and `on`, `share`: changed under both locks */
	uint64_t open_ns;            /* this period's window is still to open; 0 = none */
	uint64_t close_ns;           /* of the one that is open */
	uint64_t missed;             /* windows that did not open in their period; below `sums`, too */
};

struct windows {
	pthread_mutex_t lock, sums;
	pthread_cond_t changed;
	pthread_t thread;
	bool has_thread, stop;
	bool again;                  /* a period is to begin: a group was not yet planned in this one */
	struct rng rng;
	uint64_t length_ns;          /* of a period */
	uint64_t period_ns;          /* when this one began */
	uint64_t ticked_ns;          /* latest reading; below `sums` */
	struct slot_of_group groups[WINDOW_GROUPS];
};

void *windows_run(void *windows);

/* At once, the lock being held. 0 (also when it is attached), or -errno of the first program that could not be attached. */
int window_group_attach(struct windows *w, struct slot_of_group *g);
void window_group_detach(struct windows *w, struct slot_of_group *g);

/* Has the group windows (is it neither always attached nor never)? */
bool window_group_sampled(const struct slot_of_group *g);

#endif
