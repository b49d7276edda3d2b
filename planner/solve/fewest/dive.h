/*
 * From the relaxation to a packing: dives that round bins of the relaxation one after the other and repair what is left.
 */
#ifndef PLANNER_SOLVE_FEWEST_DIVE_H
#define PLANNER_SOLVE_FEWEST_DIVE_H

#include "planner/solve/fewest/columns.h"
#include "planner/solve/fewest/eject.h"
#include "planner/solve/fewest/partition.h"

struct dive;

/* All borrowed. `listed` (may be NULL) completes dives exactly; nobody else may use it. */
struct dive *dive_new(struct columns *c, struct eject *repair, struct partition *listed);
void dive_free(struct dive *d);
/* So many more dives, each a little different, or until the race is over. */
void dive_run(struct dive *d, uint32_t dives);

#endif
