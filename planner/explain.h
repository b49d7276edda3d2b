/*
 * Why a plan looks as it does, in words with numbers: what binds, what one more node of a type or a looser rule would save,
 * why what is unplaced fits nowhere. Appends to plan->reasons.
 */
#ifndef PLANNER_EXPLAIN_H
#define PLANNER_EXPLAIN_H

#include "planner/plan.h"
#include "planner/predict.h"

void explain_plan(struct plan *p, const struct model *model);

#endif
