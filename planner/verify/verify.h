/*
 * Independent judgement of a plan: shares no code with any packer. Every violation is one line with numbers.
 * Checked: everything placed; capacity per node, resource and slot, with what moved replicas still hold of transient
 * resources; allowed nodes; cap, near and spread rules; slowdown limits against the model; move budget; the order of moves
 * (after every step, with arrivals counted before departures); the plan's own figures, cost included, term by term.
 */
#ifndef PLANNER_VERIFY_VERIFY_H
#define PLANNER_VERIFY_VERIFY_H

#include <stdbool.h>

#include "planner/plan.h"
#include "planner/predict.h"

#define VERIFY_TEXTS_MAX 1000 /* lines kept; all are counted */

enum breach { BREACH_UNPLACED, BREACH_PLACE, BREACH_CAPACITY, BREACH_CAP, BREACH_SPREAD, BREACH_NEAR, BREACH_LIMIT, BREACH_MOVES,
	      BREACH_FIGURES, N_BREACHES };

struct verify {
	const struct plan *plan;
	const struct model *model;  /* NULL = limits are not judged */
	uint64_t n_violations, n_of[N_BREACHES];
	char *first_of[N_BREACHES];  /* the first of each kind in words, NULL = none */
	uint32_t n_texts;
	char **texts;
	/* replicas whose limit could not be judged: no model, or the model does not know the service */
	uint32_t n_unjudged;
	bool cost_unjudged;          /* the plan tells none, or a term is the predicted slowdown and there is no model */
};

void verify_plan(struct verify *v, const struct plan *p, const struct model *model);
void verify_fini(struct verify *v);

#endif
