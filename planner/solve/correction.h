/*
 * Sequential value correction: fill one bin after the other with the most valuable items that are left, and let every packing
 * teach the values for the next.
 *
 * Source: Belov & Scheithauer, "Setup and open-stacks minimization in one-dimensional stock cutting", INFORMS JoC 2007,
 * section 2.2, after Mukhacheva; here for vectors, with each bin filled by price.h.
 */
#ifndef PLANNER_SOLVE_CORRECTION_H
#define PLANNER_SOLVE_CORRECTION_H

#include "planner/solve/race.h"

/* Until `passes` packings in a row were no better than the best, or the race is over. */
void correction_race(struct race *r, uint64_t seed, uint32_t passes);

#endif
