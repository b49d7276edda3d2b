/* Bins that a perfect packing needs: where the volume leaves next to no room, few bins are full enough to take part. */
#ifndef PLANNER_SOLVE_FEWEST_TIGHT_H
#define PLANNER_SOLVE_FEWEST_TIGHT_H

#include "planner/solve/fewest/columns.h"

/* Add to the master the bins that waste no more than all `bins` bins together may waste. */
void tight_add(struct columns *c, uint32_t bins);

#endif
