/* Jobs that do not depend on each other, shared out among threads: whoever is idle takes the next. */
#ifndef PLANNER_TEAM_H
#define PLANNER_TEAM_H

#include <stdint.h>

/* job(context, i) for i = 0 .. n - 1; returns when all are done. The caller works too, so one thread, or none to be had, is enough. */
void team_run(unsigned threads, uint32_t n, void (*job)(void *context, uint32_t i), void *context);

#endif
