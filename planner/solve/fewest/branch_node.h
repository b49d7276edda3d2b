/*
 * One node of the tree of branch and price: items that must share a bin are one group, groups that may not are known to
 * pricing, and the relaxation over what is left says whether `target` bins can be enough.
 */
#ifndef PLANNER_SOLVE_FEWEST_BRANCH_NODE_H
#define PLANNER_SOLVE_FEWEST_BRANCH_NODE_H

#include "planner/solve/fewest/branch_group.h"
#include "planner/solve/fewest/cover.h"
#include "planner/solve/fewest/price.h"
#include "planner/solve/fewest/race.h"

/* Sets of items that fit one bin, as bits: set i is bits[i * words] .. */
struct bin_pool { uint32_t n, words; uint64_t *bits; size_t cap; };
uint64_t *bin_pool_add(struct bin_pool *pool); /* one more, empty */

struct branch_node {
	struct race *race;
	struct branch_groups g;
	struct price *price;
	struct cover *lp;
	struct rng rng;
	uint32_t *rest;         /* [group] */
	int64_t *value;
};

enum node_state { NODE_CLOSED, NODE_OPEN, NODE_STOPPED };

/* All decisions hold in the node; false: they contradict each other or a group fits no bin. Close it in both cases. */
bool branch_node_init(struct branch_node *n, struct race *r, const struct decision *made, uint32_t n_made,
		      const struct bin_pool *pool, uint64_t seed);
void branch_node_fini(struct branch_node *n);
/* CLOSED: proven, more than target bins are needed. OPEN: the relaxation needs no more. New bins go to the pool. */
enum node_state branch_node_solve(struct branch_node *n, uint32_t target, struct bin_pool *pool);
/* Does the relaxation consist of whole bins? Then bin_of[item] is set. */
bool branch_node_whole(const struct branch_node *n, int32_t *bin_of);
/* Two items, of groups that share a bin only in part. false = none. */
bool branch_node_pair(const struct branch_node *n, struct decision *pair);

#endif
