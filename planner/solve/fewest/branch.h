/*
 * Branch and price: is there a packing with one bin fewer, or none? For cases small enough that a tree of relaxations ends.
 *
 * A fractional relaxation has two items that share a bin only in part: either they share one (they become one item), or they never
 * do (pricing is told so). Source: Ryan & Foster, "An integer programming approach to scheduling", 1981; Vance, Barnhart,
 * Johnson & Nemhauser, COAP 1994. A node is closed by Farley's bound in integers as in columns.h, so a tree that ends is a proof,
 * whatever floating point chose.
 */
#ifndef PLANNER_SOLVE_FEWEST_BRANCH_H
#define PLANNER_SOLVE_FEWEST_BRANCH_H

#include "planner/solve/fewest/columns.h"

/* Worth trying: few enough items, and only one bin between the best packing and the bound. */
bool branch_applies(const struct race *r);
/* Begin with the columns that c has. Offers a packing, proves the best one, or gives up once `share` of the budget left is used. */
void branch_race(const struct columns *c, uint64_t seed, double share);

#endif
