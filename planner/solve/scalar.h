/*
 * Placement under a cost objective with incremental evaluation: what a shift or a swap would do to feasibility and cost,
 * in a few dozen vector instructions. For instances whose terms are piecewise linear: hinges, balances, node costs, moves.
 *
 * A node's row holds two kinds of columns, as doubles (exact below 2^53):
 *   hard  room left = capacity - what is held; transient resources also hold what is leaving until it has left
 *   soft  weight * (use - threshold); the node pays the positive parts. A balance term
 *         w * max(0, t * room1 - room2) is linear in use, so it is just one more soft column: use2 - t * use1.
 * `struct scalar` is the compiled instance, shared and constant; `struct place` is one searcher's placement.
 */
#ifndef PLANNER_SOLVE_SCALAR_H
#define PLANNER_SOLVE_SCALAR_H

#include <stdbool.h>
#include <stdint.h>

#include "planner/instance.h"

#define LANES 4
typedef double lanes __attribute__((vector_size(LANES * sizeof(double))));

struct group_rule { uint32_t label, other, min_distinct, max_per_value; }; /* label: index in struct scalar */

struct rule_list { uint32_t *start; struct group_rule *rules; };            /* rules of g: start[g] .. start[g + 1] */
struct cap_list { uint32_t *start; struct { uint32_t other, k; } *caps; };

struct scalar {
	const struct instance *in;
	uint32_t hard, soft;       /* vectors of LANES columns per row */
	lanes *need;               /* [service * (2 * hard + soft)]: hard; hard when the node still holds it; soft */
	lanes *empty;              /* [node * (hard + soft)]: row of an empty node */
	double move, move_pair, node_cost; /* weights */
	double move_group;
	uint32_t *self_cap;        /* [group]: at most so many per node */
	struct cap_list holds, held; /* "where g runs at most k of other"; "where other runs at most k of g" */
	uint32_t n_labels;
	uint32_t *label;           /* [n_labels] -> the instance's label, or LABEL_NODE */
	struct rule_list spreads, needs, needed; /* per group: spreads; near a = g; near b = g */
	bool *ruled;               /* [group]: has any rule over labels */
	bool has_caps;             /* between different groups */
};

struct place {
	const struct scalar *sc;
	int32_t *item_node;
	lanes *row;                /* [node * (hard + soft)] */
	double *node_sum;          /* [node]: what its soft columns and its use cost now */
	uint32_t *node_items;
	uint16_t *count;           /* [node * n_groups + group] */
	uint32_t *moved, *histogram; /* [group] moved replicas; [count] groups with so many */
	uint32_t max_moved, n_moved;
	uint16_t **per_value;      /* [label][group * values + value] */
	uint32_t **distinct;       /* [label][group] */
	double cost;
};

struct scalar *scalar_new(const struct instance *in);  /* NULL when the instance needs more than this can express */
void scalar_free(struct scalar *sc);
bool scalar_applies(const struct instance *in);

/* Takes over a complete, feasible placement; false when it is not. */
struct place *place_new(const struct scalar *sc);
bool place_load(struct place *p, const int32_t *item_node);
void place_free(struct place *p);

/* Change of cost, or INFINITY when capacity, conflicts or pins forbid it. Rules over labels are checked by the _try calls. */
double place_shift_delta(const struct place *p, uint32_t item, uint32_t to);
double place_swap_delta(const struct place *p, uint32_t a, uint32_t b);
/* Carry it out unless a rule over labels forbids. */
bool place_shift_try(struct place *p, uint32_t item, uint32_t to, double delta);
bool place_swap_try(struct place *p, uint32_t a, uint32_t b, double delta);

#endif
