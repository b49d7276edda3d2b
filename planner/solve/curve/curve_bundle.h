/*
 * A bundle: one item goes to another node, and from there some smaller ones, together about as large, go where it was. Large items, which
 * no node has room for and few others are like, get about by this.
 */
#ifndef PLANNER_SOLVE_CURVE_CURVE_BUNDLE_H
#define PLANNER_SOLVE_CURVE_CURVE_BUNDLE_H

#include "planner/solve/curve/curve_region.h"

/* Where nothing has a price beyond load, nodes and moves. */
bool curve_bundle_applies(const struct curve *c);
/* One proposal: the item in slot `rank`; accepted when it costs no more than `limit`, or by the coarse rows than `doubt` beyond. */
void curve_bundle_try(struct curve_region *r, uint32_t rank, float limit, float doubt);

#endif
