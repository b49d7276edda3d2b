/*
 * What bounds by weighing share. Give every service a weight and every node the most weight that can ever stand on it; then
 * the nodes in use must carry the sum of weights, so their cost is at least that of the cheapest fractional cover. Nodes that
 * are alike in capacity and cost are one offer.
 */
#ifndef PLANNER_SOLVE_BOUND_WEIGH_H
#define PLANNER_SOLVE_BOUND_WEIGH_H

#include "planner/instance/instance.h"

struct offer { int64_t capacity, cost; uint64_t count; double carries; /* weight */ };

/* Nodes by one column's capacity: distinct (capacity, cost) with count, carries = capacity. Returns how many; *offers is the caller's. */
uint32_t weigh_offers(const struct instance *in, uint32_t column, struct offer **offers);
/* Least cost of carrying `need`; sorts v. INFINITY when all together do not. */
double weigh_cover(struct offer *v, uint32_t n, double need);
/* Cost of so many of the cheapest nodes. More than there are: of all; that there is no plan, others say. */
double weigh_nodes(const struct instance *in, uint64_t nodes);
/* Rounds a bound on the nodes' cost up to what costs can add up to. */
double weigh_round(const struct instance *in, double cost);
/* What the nodes' cost counts for in the objective; all other terms are nonnegative. */
double weigh_factor(const struct instance *in);

#endif
