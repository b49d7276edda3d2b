/*
 * A part of a probe that may be watched for a share of the time only (probes/window.h), and for how much it was. Private to probes/.
 *
 *   part_open(p, windows, group)   attached from here on; a group without programs is no part: it counts as always watched
 *   part_step(p, windows, length)  at each reading: the share of the interval that ended now, 1 when nothing was left out
 *   part_note(p, windows, help, …) adds "help 20.0 % of the time (37.1 % since the start)" to a text, when that is less than all
 */
#ifndef PROBES_PART_H
#define PROBES_PART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probes/window.h"

struct part {
	struct window_group group;
	int window;                 /* -1 = it has none */
	uint64_t open_ns;           /* CLOCK_MONOTONIC */
	uint64_t seen_ns, on_ns;    /* attached: since open, at the last reading; in the interval which that ended */
};

#define PART_NONE (struct part){ .window = -1 }

/* 0, or -errno of the first program that could not be attached. */
int part_open(struct part *p, struct windows *w, const struct window_group *group);
void part_close(struct part *p, struct windows *w);        /* accepts one that is not open */

double part_step(struct part *p, struct windows *w, uint64_t length_ns);
double part_share(const struct part *p, struct windows *w); /* of the time that it is to be watched from now on */

/* True when something was added. */
bool part_note(const struct part *p, struct windows *w, const char *help, char *text, size_t size);

#endif
