/*
 * Lower bound for packing by curves, and how many nodes of each class the relaxation would use.
 *
 * Relaxed: only the resources that are paid for count, load is divisible and its slots independent, a node may be used in part.
 * For any prices lambda >= 0 per paid curve and slot,
 *   L = sum_k lambda_k U_k + sum_nodes min(0, cost + sum_k min_{0 <= x <= cap_k} (f_k(x) - lambda_k x))
 * is proven (Lagrange); the prices come from the relaxation's own optimum over the shares of each class in use.
 */
#ifndef PLANNER_SOLVE_CURVE_CURVE_BOUND_H
#define PLANNER_SOLVE_CURVE_CURVE_BOUND_H

#include "planner/instance/instance.h"

struct curve_bound {
	double value;         /* proven lower bound on the objective */
	uint32_t *node_class; /* [node] */
	double *share;        /* [class] share of its nodes in use; free() both */
	uint32_t n_classes;
};

/* Where curve_applies(). load_ratio 1 for a bound; above 1 to ask for nodes as if there were so much more load. */
void curve_bound_find(struct curve_bound *b, const struct instance *in, double load_ratio);
void curve_bound_fini(struct curve_bound *b);

#endif
