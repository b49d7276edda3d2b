/*
 * What a looser demand would buy, in plain words with numbers: "10 % more mem on every node saves 3 nodes". Each is found by solving
 * a relaxed copy of the instance, starting from the plan, under a small iteration budget, and comparing with the same search on the
 * unchanged instance; so a saving that the search alone would have found is not credited. Deterministic for a seed.
 * Appends to plan->reasons. Costs a few seconds per row on 100,000 services.
 */
#ifndef PLANNER_EXPLAIN_SHADOW_H
#define PLANNER_EXPLAIN_SHADOW_H

#include "planner/plan.h"
#include "planner/predict.h"

void shadow_prices(struct plan *p, const struct model *model, unsigned threads);

#endif
