/*
 * Objective terms: one row per kind, in the order of enum term_kind. evaluate() computes a term of a whole placement from
 * scratch; it is the definition (docs/instance.md), against which every incremental evaluation is tested.
 * Unplaced items count for nothing. TERM_EXPONENTIAL counts nodes in use only; terms over slots are means over slots.
 */
#ifndef PLANNER_TERM_H
#define PLANNER_TERM_H

#include "planner/instance/instance.h"

struct placement_view {
	const struct instance *in;
	const struct model *model;   /* may be NULL: then predicted slowdowns are 1 */
	const int32_t *item_node;
	const int64_t *load;         /* [node * n_columns + column] */
	const uint32_t *count;       /* [node]: items on it */
};

struct term_row {
	const char *name, *help;
	unsigned n_resources;        /* how many of resource, resource2 it needs */
	double (*evaluate)(const struct placement_view *v, const struct term *t); /* without the weight */
};

extern const struct term_row term_rows[];
const struct term_row *term_find(const char *name);

/* The objective of a placement: sum of weight * term, or the cost of the nodes in use when the instance names no terms. */
double objective_value(const struct instance *in, const struct model *model, const int32_t *item_node);
/* Does nothing count but the cost of the nodes in use? */
bool objective_is_node_cost(const struct instance *in);

#endif
