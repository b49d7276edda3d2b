/*
 * Ejection search for one bin fewer: a pool of items without a bin, which enter bins by throwing out others.
 *
 * Source: Nagata & Bräysy, "A powerful route minimization heuristic for the vehicle routing problem with time windows", OR
 * Letters 2009 (ejection pool, penalty counters); Buljubašić & Vasquez, "Consistent neighborhood search for one-dimensional
 * bin packing and two-dimensional vector packing", C&OR 2016 (swaps between a bin and the unassigned).
 */
#ifndef PLANNER_SOLVE_FEWEST_EJECT_H
#define PLANNER_SOLVE_FEWEST_EJECT_H

#include "base/rng.h"
#include "planner/solve/fewest/race.h"

struct eject;

struct eject *eject_new(const struct pack *p, uint64_t seed);
void eject_free(struct eject *e);

/* Start from a packing: keep `bins` bins (the fullest), the rest goes to the pool. bin_of[k] < 0 = in the pool. */
void eject_load(struct eject *e, const int32_t *bin_of, uint32_t bins);
/* Steps until the pool is empty (true), or steps are used up or the race is over (false). */
bool eject_run(struct eject *e, struct race *r, uint64_t steps);
void eject_save(const struct eject *e, int32_t *bin_of);

/* The packer on its own: one bin fewer again and again until the race is over or the steps are used up. */
void eject_race(struct race *r, uint64_t seed, uint64_t steps);

#endif
