/* Node by node: each takes what suits its room best of a sample of the items left. See fill.c. */
#ifndef PLANNER_SOLVE_FILL_H
#define PLANNER_SOLVE_FILL_H

#include "base/rng.h"
#include "planner/solve/blocks.h"
#include "planner/state.h"

/* Nodes in the order in which they are worth opening: cost per useful capacity. order: [n_nodes], the caller frees. */
uint32_t *fill_order(const struct blocks *k);
/*
 * Places the items onto unused nodes in that order, what is left over wherever it fits. Returns how many found no place;
 * they stand first in items.
 */
uint32_t fill_place(const struct blocks *k, struct state *st, const uint32_t *order, uint32_t *items, uint32_t n, struct rng *rng);

#endif
