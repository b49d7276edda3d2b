/*
 * Who can never share a node, whatever else stands on it: two services that exceed every node's capacity together, that a rule keeps
 * apart, or of which one would exceed its slowdown limit beside the other on every type of node (one more neighbour never makes a
 * service faster: planner/model/model.h). Likewise how many replicas of one service a node can hold at the most. For bounds: what
 * stands here is true of every plan.
 */
#ifndef PLANNER_SOLVE_BOUND_TOGETHER_H
#define PLANNER_SOLVE_BOUND_TOGETHER_H

#include "planner/search.h"

struct together;

struct together *together_new(const struct instance *in, const struct model *model); /* NULL = no limits; both are borrowed */
void together_free(struct together *t);

bool together_never(struct together *t, uint32_t a, uint32_t b); /* services; a == b: two of its replicas */
uint32_t together_most(struct together *t, uint32_t service);    /* 1 .. replicas */
double together_size(const struct together *t, uint32_t service); /* largest share of any column of the nodes' */

#endif
