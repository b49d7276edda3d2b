/*
 * What the parts of the judge share, one noun per file: verify_place.c (caps, spread, nearness), verify_limit.c (slowdowns),
 * verify_move.c (budget and order of moves), verify_cost.c (the plan's own figures). Nobody but planner/verify*.c includes this.
 */
#ifndef PLANNER_VERIFY_VERIFY_PART_H
#define PLANNER_VERIFY_VERIFY_PART_H

#include "planner/verify/verify.h"

#define FIGURE_EPSILON 1e-6 /* relative: a plan's figures are printed with 15 digits */

/* Counts one violation, and keeps its text while there is room. */
void verify_break(struct verify *v, enum breach kind, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
const char *verify_id(const struct instance *in, uint32_t item);      /* its service's */
uint32_t verify_replica(const struct instance *in, uint32_t item);

/* [node * n_columns + column]: what stands on each node when item i is on at[i], or nowhere; free(). */
int64_t *verify_loads(const struct instance *in, const int32_t *at);
/* [node * model_n_pressures()]: what all that the model knows on the node exert together; free(). NULL without a model. */
double *verify_pressures(const struct verify *v);
/* The item's slowdown where the plan puts it, beside everything else there. The model must know its service. */
void verify_slowdown(const struct verify *v, uint32_t item, const double *pressures, struct prediction *out);

void verify_caps(struct verify *v);
void verify_places(struct verify *v);
void verify_limits(struct verify *v);
uint32_t verify_budget(struct verify *v); /* replicas that end elsewhere */
void verify_order(struct verify *v);
void verify_cost(struct verify *v);

#endif
