/*
 * Lower bound for packing by curves, and how many nodes of each class the relaxation would use.
 *
 * Relaxed: only the paid resource counts, load is divisible, a node may be used in part. For any prices lambda[t] >= 0
 *   L = sum_t lambda_t U_t + sum_nodes min(0, cost + sum_t min_{0<=u<=1} (f(u) - lambda_t cap u))
 * is proven (Lagrange); the prices come from the relaxation's own optimum over the shares z of each class in use.
 */
#ifndef PLANNER_SOLVE_CURVE_BOUND_H
#define PLANNER_SOLVE_CURVE_BOUND_H

#include "planner/instance.h"

struct curve_bound {
	double value;        /* proven lower bound on the objective */
	uint32_t *node_class; /* [node] */
	double *share;       /* [class] share of its nodes in use; free() both */
	uint32_t n_classes;
};

void curve_bound_find(struct curve_bound *b, const struct instance *in);
void curve_bound_fini(struct curve_bound *b);

#endif
