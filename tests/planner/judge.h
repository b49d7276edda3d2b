/* Plans made under an iteration budget by one packer or all of them, and what the independent verifier says about plans. */
#ifndef TESTS_PLANNER_JUDGE_H
#define TESTS_PLANNER_JUDGE_H

#include "planner/plan.h"
#include "planner/search.h"

/* Run one packer (NULL = the portfolio) under s's budget and order the moves; the caller frees. */
struct plan *judge_solve(const struct packer *packer, struct search *s);
/* A given placement as a plan, at the cost its objective has; m may be NULL; the caller frees. */
struct plan *judge_placed(const struct instance *in, const struct model *m, const int32_t *item_node);

/* Violations, and limits that nobody could judge. m may be NULL. */
uint64_t judge_count(const struct plan *p, const struct model *m);
/* None of them? Says which otherwise. */
bool judge_holds(const struct plan *p, const struct model *m);

#endif
