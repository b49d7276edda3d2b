/*
 * Nodes dealt out at random to regions of about a hundred, with their items and the rules over labels that each may change.
 * Every deal depends on the placement and the random numbers only.
 */
#ifndef PLANNER_SOLVE_CURVE_CURVE_SPLIT_H
#define PLANNER_SOLVE_CURVE_CURVE_SPLIT_H

#include "base/rng.h"
#include "planner/solve/curve/curve_region.h"

struct curve_split {
	struct curve *c;
	uint32_t n_regions;
	struct curve_region *regions; /* their nodes and items are slices of the arrays below */
	uint32_t *nodes, *items, *region_of, *order, *by_size, *slot_of, *loose, *index_of;
	struct curve_slot *slots;
	float *rows;
	double *sizes;
	int32_t *bundles;
	struct gumbel gumbel;
	struct curve_sweep sweep;      /* all regions' one after the other */
};

struct curve_split *curve_split_new(struct curve *c);
void curve_split_free(struct curve_split *x);
void curve_split_deal(struct curve_split *x, struct rng *rng);

#endif
