/* A first placement for the annealing: which nodes to use, and every item on one of them. */
#ifndef PLANNER_SOLVE_CURVE_CURVE_BUILD_H
#define PLANNER_SOLVE_CURVE_CURVE_BUILD_H

#include "base/rng.h"
#include "planner/search.h"
#include "planner/solve/curve/curve.h"

/* Moves that the instance's budget still allows; a very large number without a budget. */
int64_t curve_moves_left(const struct curve *c);
/* Nodes that the relaxation would use: [node]. */
void curve_choose(const struct instance *in, bool *chosen);
/* Puts every unplaced item where it costs least among some random open or chosen nodes, else anywhere. Returns how many had no place. */
uint32_t curve_place(struct curve *c, struct rng *rng, const bool *chosen);
/* Likewise for what had no place: makes room by sending others elsewhere. */
uint32_t curve_force(struct curve *c, struct rng *rng, const bool *chosen);
/* Empties c, then puts items where item_node says, leaving out what breaks something there. */
void curve_adopt(struct curve *c, const int32_t *item_node);

#endif
