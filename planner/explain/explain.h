/*
 * Why a plan looks as it does, in words with numbers: what binds, what one more node of a type or a looser rule would save,
 * why what is unplaced fits nowhere. Appends to plan->reasons.
 */
#ifndef PLANNER_EXPLAIN_EXPLAIN_H
#define PLANNER_EXPLAIN_EXPLAIN_H

#include "planner/plan.h"
#include "planner/predict.h"

struct state;
enum obstacle { OBSTACLE_NONE, OBSTACLE_PINNED, OBSTACLE_RULE, OBSTACLE_LIMIT, OBSTACLE_ROOM, N_OBSTACLES };
/* The first test that keeps the item, which stands nowhere, off the node. */
enum obstacle explain_obstacle(const struct state *st, uint32_t item, uint32_t node);

void explain_plan(struct plan *p, const struct model *model);
/* Per placement and per node (plan->item_why, node_why): the other nodes are asked one by one, or a sample of them in a large fleet. */
void explain_each(struct plan *p, const struct model *model);

#endif
