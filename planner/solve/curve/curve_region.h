/*
 * A region: some nodes with their items, annealed for a number of proposals at one temperature. Regions that share no node
 * may run on different threads at the same time; what a region does depends on nothing outside it.
 */
#ifndef PLANNER_SOLVE_CURVE_CURVE_REGION_H
#define PLANNER_SOLVE_CURVE_CURVE_REGION_H

#include <stdint.h>

#include "base/rng.h"
#include "planner/solve/curve/curve.h"
#include "planner/solve/curve/curve_sweep.h"
#include "planner/solve/gumbel.h"

/* What a proposal needs to know of an item, side by side: the region's own copy. */
struct curve_slot { uint32_t item, service, node; float size; };

struct curve_region {
	struct curve *c;
	struct rng rng;
	uint32_t index;            /* as curve_rules_allow() knows it */
	uint32_t *nodes, *items;   /* nodes: those in use first; items: by size */
	struct curve_slot *slots;  /* [n_items]; room for them, filled while it runs */
	float *rows;               /* [n_items * coarse_width], likewise */
	const double *sizes;       /* [service]: curve_order_means() */
	const uint32_t *region_of; /* [node]: index of its region */
	const uint32_t *index_of;  /* [node]: where in its region's nodes */
	const struct gumbel *gumbel;
	struct curve_sweep sweep;
	uint32_t *slot_of;         /* [item of the instance]: its slot, where it is one of this region's */
	int32_t *bundle;           /* a row, for curve_bundle.h */
	uint32_t *loose;           /* [n_items], filled while it runs: slots of items that no move holds back, since they are not at home */
	uint32_t n_nodes, n_open, n_items, n_loose;
	float temperature;
	uint32_t reopens;          /* how often to try to empty a node and to open one, see curve_reopen.h */
	int64_t moves_left;        /* replicas that may still leave their home */
	uint64_t proposals;        /* to make */
};

void curve_region_run(struct curve_region *r);

/* Parts of it. The slots and rows, of the items as they now stand. */
void curve_region_fill(struct curve_region *r);
/* Carries out the change of curve_delta(), b being NULL for nobody, in all of the region's books. */
void curve_region_change(struct curve_region *r, struct curve_slot *a, struct curve_slot *b, uint32_t to, const float *sums);

#endif
