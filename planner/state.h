/*
 * A placement under construction, with everything that decides whether one more replica fits a node, kept up to date by
 * state_put() and state_take(): load per column, replicas per group and node, replicas per group and label value, pressure
 * per node. Solvers build on it; planner/verify/verify.c does not.
 *
 * Cost of state_fits(): O(columns) vectorised, plus the rules of the item's group, plus one prediction per replica with a
 * limit on the node. Rules: state_rules.h.
 */
#ifndef PLANNER_STATE_H
#define PLANNER_STATE_H

#include "planner/instance/instance.h"
#include "planner/predict.h"
#include "planner/state_rules.h"

struct state_list { uint32_t *v; uint32_t n, cap; };

struct state {
	const struct instance *in;
	const struct model *model;
	int32_t *item_node;
	int64_t *load;              /* [node * n_columns + column] */
	struct state_list *items;   /* [node]: items on it */
	uint32_t *at;               /* [item]: position in its node's list */
	double *pressure;           /* [node * n_pressures + p], NULL without a model */
	int n_pressures, n_types;   /* n_types: of nodes, the unknown one included */
	struct model_limit *limits; /* [service * n_types + model_type + 1], NULL without a model */
	struct state_rules rules;
	uint64_t n_used;
	bool transient;             /* some resource is held on the old node too: its load never leaves an item's old node */
};

struct state *state_new(const struct instance *in, const struct model *model);
void state_free(struct state *st);
void state_clear(struct state *st);
void state_load(struct state *st, const int32_t *item_node);  /* whatever it is: rules may be broken */

bool state_fits(const struct state *st, uint32_t service, uint32_t node); /* could one replica be added? */
bool state_fits_item(const struct state *st, uint32_t item, uint32_t node); /* likewise; knows what a moved item still holds */
bool state_fits_columns(const struct state *st, uint32_t service, uint32_t node);
bool state_fits_rules(const struct state *st, uint32_t service, uint32_t node);
bool state_fits_limits(const struct state *st, uint32_t service, uint32_t node);
bool state_fits_limits_instead(const struct state *st, uint32_t service, uint32_t node, uint32_t item); /* in the place of an item that stands there */
void state_put(struct state *st, uint32_t item, uint32_t node);
void state_take(struct state *st, uint32_t item);
/* Do min_distinct and near rules hold? They can only be judged once everything is placed. */
bool state_whole_ok(const struct state *st);
/* Takes off what lacks those that a near rule wants beside it: it is no use where it stands. Returns how many. */
uint32_t state_drop_orphans(struct state *st);

#endif
