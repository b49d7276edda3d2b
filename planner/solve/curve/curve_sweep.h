/*
 * One replica of a region against all that are alike in size: what each of its swaps would cost by the coarse rows, in one sweep of
 * plain vector work; one of them, or staying, is taken by its Boltzmann weight (Gumbel noise, planner/solve/gumbel.h). Of a large
 * replica's swaps one in thousands is taken, so finding it is the search, and a candidate costs a tenth of a proposal here. What
 * looks worth it is judged by every slot and rule.
 */
#ifndef PLANNER_SOLVE_CURVE_CURVE_SWEEP_H
#define PLANNER_SOLVE_CURVE_CURVE_SWEEP_H

#include <stdbool.h>
#include <stdint.h>

#include "planner/solve/curve/curve.h"

struct curve_region;

/* A region's own; slices of what curve_split.h holds. Rows are padded to whole vectors of items. */
struct curve_sweep {
	float *rows, *without;     /* [item / lanes][coarse_width][lane]: coarse rows of the region's items; of their nodes without them */
	float *scale;              /* [item / lanes][n_paid][lane]: of their nodes */
	float *paid;               /* [slot]: what its node's coarse row costs */
	uint32_t *stale, n_stale;  /* nodes (indices) that have changed since rows were written */
	bool *is_stale;
};

/* When the region's slots are filled. False: no sweeps, since there is a price for something beyond load and nodes, or nothing to exchange. */
bool curve_sweep_begin(struct curve_region *r);
/* Something has come or gone there. */
void curve_sweep_touch(struct curve_region *r, uint32_t node);
/* The item in that slot takes one of its swaps, or stays. */
void curve_sweep_try(struct curve_region *r, uint32_t slot);

#endif
