/*
 * An instance compiled for search under a cost objective whose terms are piecewise linear: hinges, balances, node costs,
 * moves. Shared by all searchers and constant; what one searcher does with it is planner/solve/walk/place.h.
 *
 * A service's need and a node's row hold two kinds of columns, as doubles (exact below 2^53):
 *   hard  capacity; in a row the room left. A replica away from its current node holds its transient resources there too:
 *         so there is a second hard part, `stay`, for what changes hands when it leaves or re-enters that node
 *   soft  weight * (use - threshold); a node pays the positive parts. A balance term
 *         w * max(0, t * room1 - room2) is linear in use, so it is just one more soft column: use2 - t * use1.
 * Need number n_services is all zero: nobody.
 */
#ifndef PLANNER_SOLVE_WALK_SCALAR_H
#define PLANNER_SOLVE_WALK_SCALAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "planner/instance/instance.h"
#include "planner/predict.h"

#define LANES 4
typedef double lanes __attribute__((vector_size(LANES * sizeof(double))));
lanes *lanes_new(size_t n); /* all zero; free() */

struct group_rule { uint32_t label, other, min_distinct, max_per_value; }; /* label: index in struct scalar */

struct rule_list { uint32_t *start; struct group_rule *rules; };            /* rules of g: start[g] .. start[g + 1] */
struct cap_list { uint32_t *start; struct { uint32_t other, k; } *caps; };

struct scalar {
	const struct instance *in;
	const struct model *model; /* NULL = no interference limits */
	uint32_t hard, soft;       /* vectors of LANES columns per row */
	uint32_t n_soft;           /* soft columns; hard ones are the instance's */
	uint32_t *group;           /* [item] */
	double *move_cost;         /* [item]: weighted, of any move */
	lanes *need;               /* [(n_services + 1) * (2 * hard + soft)]: hard; stay; soft */
	double *size;              /* [service]: mean over columns of demand / mean capacity of the nodes */
	lanes *unit;               /* [hard]: 1 / mean capacity, so that overloads of all columns compare */
	double widest;             /* largest mean capacity of a column */
	lanes *empty;              /* [node * (hard + soft)]: row of an empty node */
	double move_pair, node_cost, move_group; /* weights */
	uint32_t *self_cap;        /* [group]: at most so many per node */
	struct cap_list holds, held; /* "where g runs at most k of other"; "where other runs at most k of g" */
	uint32_t n_labels;
	uint32_t *label;           /* [n_labels] -> the instance's label, or LABEL_NODE */
	struct rule_list spreads, needs, needed; /* per group: spreads; near a = g; near b = g */
	bool *ruled;               /* [group]: has any rule over labels */
	bool has_caps;             /* between different groups */
};

/* NULL when the instance needs more than this can express. The model is borrowed; it may be NULL. */
struct scalar *scalar_new(const struct instance *in, const struct model *model);
void scalar_free(struct scalar *sc);
bool scalar_applies(const struct instance *in);

/* The part of it that is about rules between groups (scalar_rule.c). */
void scalar_rules_init(struct scalar *sc);
void scalar_rules_fini(struct scalar *sc);

#endif
