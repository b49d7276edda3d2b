/*
 * From the relaxation to a packing: dives that round bins of the relaxation one after the other and repair what is left.
 */
#ifndef PLANNER_SOLVE_DIVE_H
#define PLANNER_SOLVE_DIVE_H

#include "planner/solve/columns.h"
#include "planner/solve/eject.h"
#include "planner/solve/partition.h"

/* Dive again and again, each time a little different, until the race is over or `dives` are done. `listed` (may be NULL) completes dives exactly. */
void dive_race(struct columns *c, struct eject *repair, struct partition *listed, uint32_t dives);

#endif
