/*
 * A region: some nodes with their items, annealed for a number of proposals at one temperature. Regions that share no node
 * may run on different threads at the same time; what a region does depends on nothing outside it.
 */
#ifndef PLANNER_SOLVE_CURVE_REGION_H
#define PLANNER_SOLVE_CURVE_REGION_H

#include <stdint.h>

#include "base/rng.h"
#include "planner/solve/curve.h"

struct curve_region {
	struct curve *c;
	struct rng rng;
	uint32_t index;            /* as curve_rules_allow() knows it */
	uint32_t *nodes, *items;   /* those in use first */
	uint32_t n_nodes, n_open, n_items;
	float temperature;
	bool reopens;              /* whole nodes may be emptied or opened, see curve_reopen.h */
	int64_t moves_left;        /* replicas that may still leave their home */
	uint64_t proposals;        /* to make */
	uint64_t n_exact, n_made;  /* of them judged by every slot; accepted */
};

void curve_region_run(struct curve_region *r);

#endif
