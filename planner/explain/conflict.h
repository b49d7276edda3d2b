/*
 * Why everything cannot be placed: a set of services, and the rules among them, for which no arrangement on the nodes exists, as
 * small as a deletion filter makes it (Chinneck, "Feasibility and infeasibility in optimization", 2008, ch. 6). Proofs are a sum
 * of demands above the sum of capacities, or an exhausted search; where neither succeeds within the budget nothing is claimed.
 */
#ifndef PLANNER_EXPLAIN_CONFLICT_H
#define PLANNER_EXPLAIN_CONFLICT_H

#include "planner/plan.h"
#include "planner/predict.h"

/* Starts from services without a place; appends what it proves to plan->reasons. Returns how many sets it found. */
unsigned conflict_explain(struct plan *p, const struct model *model);

#endif
