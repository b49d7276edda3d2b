/* The services and rules that are on as an instance of their own, small enough to try everything. Used by conflict_sub.c alone. */
#ifndef PLANNER_EXPLAIN_CONFLICT_SMALL_H
#define PLANNER_EXPLAIN_CONFLICT_SMALL_H

#include "planner/explain/conflict_sub.h"

/* Strings, resources and labels are borrowed from the large instance. */
struct conflict_small {
	struct instance in;
	uint32_t *kind;      /* [node]: number of its kind: those of a kind are alike */
};

bool conflict_small_init(struct conflict_small *t, const struct conflict_sub *sub); /* false = not small; nothing to close */
void conflict_small_fini(struct conflict_small *t);

#endif
