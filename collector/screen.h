/*
 * What `cotenant top` shows, as text lines of at most `columns` cells: a table of services, or the culprits of one of them.
 * Pure: from a reading to text, so that tests can look at it without a terminal.
 */
#ifndef COLLECTOR_SCREEN_H
#define COLLECTOR_SCREEN_H

#include "collector/sampler.h"

enum screen_sort { SORT_DELAY, SORT_SLOW, SORT_LATENCY, SORT_CPU, SORT_WAIT, SORT_DISK, SORT_MEMORY, SORT_NAME, SORTS };
extern const char *const screen_sort_names[SORTS];

struct screen {
	enum screen_sort sort;
	size_t selected;         /* row of the table, 0 = first */
	size_t victim;           /* participant whose culprits are shown; SIZE_MAX = the table */
	bool paused;
	size_t columns, rows;    /* of the terminal; rows 0 = all */
};

/* Participants in the order of the table; services only. Returns their number. */
size_t screen_order(const struct sampler *s, enum screen_sort sort, size_t order[PARTICIPANTS_MAX]);

/* Lines ending with newline into text, never more than size; returns the length. */
size_t screen_draw(const struct screen *v, const struct sampler *s, char *text, size_t size);

#endif
