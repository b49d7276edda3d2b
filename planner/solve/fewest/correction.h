/*
 * Sequential value correction: fill one bin after the other with the most valuable items that are left, and let every packing
 * teach the values for the next.
 *
 * Source: Belov & Scheithauer, "Setup and open-stacks minimization in one-dimensional stock cutting", INFORMS JoC 2007,
 * section 2.2, after Mukhacheva; here for vectors, with each bin filled by price.h.
 */
#ifndef PLANNER_SOLVE_FEWEST_CORRECTION_H
#define PLANNER_SOLVE_FEWEST_CORRECTION_H

#include "planner/solve/fewest/race.h"

/* The last packings, for their bins: packing i is bin_of[i * n_items] .., bins[i] of them. */
#define PACKINGS_KEPT 16
struct packings { uint32_t n, bins[PACKINGS_KEPT]; int32_t *bin_of; };

/* Until `passes` packings in a row were no better than the best, `share` of the budget left is used, or the race is over. */
void correction_race(struct race *r, uint64_t seed, uint32_t passes, double share, struct packings *kept);
void packings_fini(struct packings *kept);

#endif
