/*
 * Terms of the objective that need more of a node than its load over the day: balance of two resources, predicted slowdown,
 * evenness. Each is a sum over nodes, so a change costs what it does to two of them; they are judged exactly, without a coarse estimate.
 *
 * Evenness asks for the mean over all nodes in use; it is taken as it was at the last curve_settle(). By that the sum of squares is
 * never below the true one, and equal to it where nothing has changed since.
 */
#ifndef PLANNER_SOLVE_CURVE_CURVE_EXTRA_H
#define PLANNER_SOLVE_CURVE_CURVE_EXTRA_H

#include "planner/solve/curve/curve.h"

bool curve_extra_kind(enum term_kind kind);
void curve_extra_settle(struct curve *c); /* means of utilisation, from the books */
/* What these terms cost on the node with `enters` in and `leaves` out (or NO_ITEM). */
float curve_extra_cost(const struct curve *c, uint32_t node, uint32_t enters, uint32_t leaves);

#endif
