/*
 * Programs that run so often that running them all the time is too much: attached for a share of the time only.
 *
 * Reaching any program costs some 100 ns where the kernel uses retpolines, even one that returns at once; only a tracepoint without
 * programs is free. So sampling here means attaching and detaching: one window in every period, its length a share of
 * the period, at a place in it that changes (no beat with periodic work). An edge costs as much as some thousand events, so periods are as
 * long as readings allow: each reading needs one window. Windows of different length lie one inside the other:
 * who is watched longer is watched all the while (requests need the waits that held them up). Figures from windows are
 * scaled by the time that was really attached (windows_on_ns).
 *
 *   windows_new(); w = windows_add(...): attached from here on; windows_share_set(w, 0.1); windows_on_ns(w); windows_free()
 *
 * windows_tick() at every reading keeps the periods in step with readings that are about as far apart, so that each has one whole window.
 *
 * A thread of its own opens and closes the windows. Nothing is allocated after windows_new().
 */
#ifndef PROBES_WINDOW_H
#define PROBES_WINDOW_H

#include <stddef.h>
#include <stdint.h>

#define WINDOW_PERIOD_LEAST_NS 1000000000ull
#define WINDOW_PERIOD_MOST_NS 10000000000ull
#define WINDOW_SHARE_LEAST (1.0 / 256) /* shorter windows cost more to open than they measure */
#define WINDOW_SHARE_MOST 0.5         /* longer ones are better left open */
#define WINDOW_PROGRAMS 12
#define WINDOW_GROUPS 8

struct window_program {
	int prog_fd;
	int cgroup_fd;           /* where it is attached; -1 = the tracepoint it was loaded for */
	uint32_t attach_type;    /* enum bpf_attach_type, with a cgroup */
};

/* What happens to a group, in this order. All programs run between OPEN and CLOSE, some may on the way there and back. When
 * one cannot be attached, DETACHED follows on ATTACH. */
enum window_edge { WINDOW_ATTACH, WINDOW_OPEN, WINDOW_CLOSE, WINDOW_DETACHED };

/* Programs that come and go together, attached in this order and detached in the reverse. */
struct window_group {
	struct window_program programs[WINDOW_PROGRAMS];
	size_t n;
	void (*edge)(void *context, enum window_edge edge); /* called at each; NULL = not needed */
	void *context;
};

struct windows;

struct windows *windows_new(uint64_t interval_ns); /* between two readings: so long are periods, within the bounds above */
void windows_free(struct windows *w);            /* accepts NULL; detaches everything */

/* Attached when this returns. The group's number, or -errno of the first program that could not be attached. */
int windows_add(struct windows *w, const struct window_group *group);
void windows_remove(struct windows *w, int group);

/* 1 = all the time (0 is what becomes of it when the programs cannot be attached), 0 = never, else cut to WINDOW_SHARE_LEAST .. _MOST. */
void windows_share_set(struct windows *w, int group, double share);
double windows_share(struct windows *w, int group);
uint64_t windows_on_ns(struct windows *w, int group); /* since windows_add() */
uint64_t windows_missed(struct windows *w, int group); /* periods of that time in which there should have been a window, and was none */
uint64_t windows_period_ns(const struct windows *w);
void windows_tick(struct windows *w);

#endif
