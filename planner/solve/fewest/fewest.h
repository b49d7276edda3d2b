/*
 * Fewest identical nodes: ejection search beside column generation, one result. See race.h for what they share.
 */
#ifndef PLANNER_SOLVE_FEWEST_FEWEST_H
#define PLANNER_SOLVE_FEWEST_FEWEST_H

#include "planner/solve/fewest/race.h"

void fewest_race(struct race *r, unsigned threads, uint64_t seed);

#endif
