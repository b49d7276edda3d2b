/*
 * Fills one node from a pool so that as little as possible of it stays unused: minimum bin slack (Gupta and Ho, Production Planning &
 * Control 1999), searched by annealing (Kirkpatrick et al. 1983) as there are too many sets to enumerate. See slack.c.
 */
#ifndef PLANNER_SOLVE_FLEET_SLACK_H
#define PLANNER_SOLVE_FLEET_SLACK_H

#include "base/rng.h"
#include "planner/search.h"
#include "planner/solve/fleet/fine.h"
#include "planner/solve/fleet/pool.h"

struct slack {
	const struct fine *f;
	struct state *st;
	struct pool *pool;
	struct rng rng;
	uint64_t steps, tests;    /* steps: exchanges tried before more slack is granted; tests: looked at so far */
	float granted;            /* share of a node: what the next one may leave unused; learned from the last ones */
	double *waits;            /* [block]: what waits in the pool */
	float *room, *goal, *edge; /* fine rows of the node under work: what is left; what is wanted to be left; what at least */
	float *least, *least_goal, *least_edge, *want; /* the same block by block */
	float *useful;            /* [column]: how much its room counts as unused */
	float hurt;               /* how far the node is from the goal */
	float scarce, size;       /* sum over blocks of how scarce they are; of what the node has of them, so weighted */
};

void slack_init(struct slack *x, const struct fine *f, struct state *st, struct pool *pool, uint64_t steps);
void slack_fini(struct slack *x);
void slack_fill(struct slack *x, uint32_t node); /* an unused node; rules and limits hold, nothing is over afterwards */

#endif
