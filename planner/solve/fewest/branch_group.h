/*
 * Items that must share a bin as one group, and which groups must not: what the decisions on the way to a node of the tree of
 * branch and price leave of a pack.
 */
#ifndef PLANNER_SOLVE_FEWEST_BRANCH_GROUP_H
#define PLANNER_SOLVE_FEWEST_BRANCH_GROUP_H

#include "planner/solve/fewest/pack.h"

struct decision { uint32_t a, b; bool together; }; /* of two items, in the pack's order */

struct branch_groups {
	struct pack p;            /* groups as types, each with a count of one; room, guard and capacity are borrowed */
	uint32_t n_items, *group; /* [item] */
	uint64_t *apart;          /* [group * apart_words] bit b of row a: a and b share no bin */
	uint32_t apart_words;
};

/* false: the decisions contradict each other, or a group fits no bin. Close it in both cases. */
bool branch_groups_init(struct branch_groups *x, const struct pack *p, const struct decision *made, uint32_t n_made);
void branch_groups_fini(struct branch_groups *x);
bool branch_groups_apart(const struct branch_groups *x, uint32_t a, uint32_t b);

#endif
