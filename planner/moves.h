/* From today's placement to the plan's, in steps that break no capacity on the way: fills plan's moves and n_unordered. */
#ifndef PLANNER_MOVES_H
#define PLANNER_MOVES_H

#include "planner/plan.h"

void moves_order(struct plan *p);

#endif
