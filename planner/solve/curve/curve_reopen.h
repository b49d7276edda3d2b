/*
 * Which nodes are in use at all: single shifts hardly ever empty a node or pay for a new one, so both are tried as one
 * change, kept or undone as a whole. Within a region, like every other change.
 */
#ifndef PLANNER_SOLVE_CURVE_CURVE_REOPEN_H
#define PLANNER_SOLVE_CURVE_CURVE_REOPEN_H

#include "planner/solve/curve/curve_region.h"

void curve_reopen_close(struct curve_region *r); /* empty one node in use */
void curve_reopen_open(struct curve_region *r);  /* fill one that is not */

#endif
