/*
 * One round of absorb.c in regions side by side: every node exchanges, again and again, one of its items (or none) for one of its
 * region's pool, whichever of a sample brings it nearest to ideal. Regions share nothing but struct state, of which each touches
 * its own nodes, items and groups only (groups with rules across regions are frozen).
 */
#ifndef PLANNER_SOLVE_ABSORB_H
#define PLANNER_SOLVE_ABSORB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rng.h"
#include "planner/search.h"
#include "planner/solve/blocks.h"

#define ABSORB_SAMPLE 64     /* of the pool per visit: their rows and the node's stay in the first-level cache */

struct absorb;
struct region {
	struct absorb *m;
	struct search *s;
	struct rng rng;
	uint32_t *nodes, n_nodes, *pool, n_pool;
	uint64_t tests, budget;
};

struct absorb {
	const struct instance *in;
	struct state *st;
	struct blocks *k;
	float *lack;             /* [node * stride + b]: load - ideal * capacity */
	float *spare;            /* [node * stride + b]: (1 - ideal) * capacity: how far lack may rise above 0 */
	uint8_t *ties;           /* [group]: 0 = only rules within a node, 1 = across nodes, 2 = stays put (near, min_distinct) */
	uint8_t *frozen;         /* [group] in this round */
	uint32_t *region_of;     /* [node] */
	uint32_t *order;         /* fill_order() */
	struct region *regions;
	uint32_t n_regions, next;
	struct rng rng;
	int32_t *start;          /* [item]: the best so far */
};


void absorb_measure(struct absorb *m, uint32_t node);     /* lack and spare of a node from its load */
bool absorb_frozen(const struct absorb *m, uint32_t item);
void absorb_work(struct absorb *m, unsigned threads);     /* all regions, until each has had its visits or the budget ends */

#endif
