/*
 * A few replicas on a few nodes, placed anew at least cost: depth-first branch and bound over all their placements on these nodes;
 * everything else stays. Proven when it ends within its limit of branches. Used as a neighbourhood by resolve.c.
 *
 * Bound: nodes pay convex functions of their use, and demands are not negative, so what several replicas add to a node is at least the
 * sum of what each would add alone: each remaining one counts with its cheapest node (columns in which a demand may be negative, of
 * balances, count with all that could still be taken off them).
 */
#ifndef PLANNER_SOLVE_WALK_EXACT_H
#define PLANNER_SOLVE_WALK_EXACT_H

#include "planner/solve/walk/place.h"

#define EXACT_NODES 4
#define EXACT_ITEMS 12 /* <= PLACE_MOVES */

struct exact {
	struct place *p;                    /* borrowed; feasible; left at the best placement found */
	uint32_t n_nodes, node[EXACT_NODES];
	uint32_t n_items, item[EXACT_ITEMS]; /* all of them on these nodes */
	uint64_t branches;                  /* limit in, what is left of it out; 0: not proven */
	struct exact_work *work;
};

void exact_init(struct exact *x, struct place *p);
void exact_fini(struct exact *x);
/* True when something better than the placement as it stands was found. */
bool exact_solve(struct exact *x);

#endif
