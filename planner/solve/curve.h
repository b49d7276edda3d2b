/*
 * Placement by curves over the day: capacity at every slot and a convex cost of utilisation (TERM_EXPONENTIAL), evaluated for a
 * candidate in some hundred vector instructions.
 *
 * All columns are 32-bit integers, so feasibility is exact and books never drift; only the cost is float. A row begins
 * with the columns of the curve that is paid for, padded to whole vectors, then all the others.
 * `struct curve` is one search's placement over the compiled instance. Nodes and their items may be worked on by several threads
 * as long as no two touch the same node.
 */
#ifndef PLANNER_SOLVE_CURVE_H
#define PLANNER_SOLVE_CURVE_H

#include <stdbool.h>
#include <stdint.h>

#include "planner/instance.h"

struct curve {
	const struct instance *in;
	uint32_t paid, width;      /* columns paid for (padded), columns in a row (padded) */
	uint32_t paid_slots;
	float threshold, price;    /* price: weight * scale / slots */
	float move;                /* weight of move costs */
	float *node_price;         /* [node]: cost of using it */
	float *inverse;            /* [node]: 1 / capacity of the paid resource */
	int32_t *need;             /* [service * width] */
	int32_t *room;             /* [node * width] */
	uint32_t *item_group;
	int32_t *item_node;        /* [item], NO_NODE = unplaced */
	uint32_t *node_items;
	float *node_sum;           /* [node]: what it costs now */
	uint16_t *count;           /* [node * n_groups + group] */
	uint64_t *present;         /* [node * present_words + group / 64]: count > 0, small enough to stay in cache */
	uint32_t present_words;
	uint32_t *version;         /* [node]: changes with the node */
	float *without;            /* [item]: its node's cost without it, while without_version is the node's */
	uint32_t *without_version;
	uint32_t *self_cap;
	struct { uint32_t *start, *other, *k; } holds, held; /* "where g at most k of other", "where other at most k of g" */
};

bool curve_applies(const struct instance *in);
struct curve *curve_new(const struct instance *in); /* all nodes empty, nothing placed */
void curve_free(struct curve *c);

void curve_put(struct curve *c, uint32_t item, uint32_t node); /* item must be unplaced; no checks */
void curve_take(struct curve *c, uint32_t item);

/* Change of cost, INFINITY when capacity forbids it. For shift, an unplaced item is only put. */
float curve_shift_delta(struct curve *c, uint32_t item, uint32_t to);
float curve_swap_delta(struct curve *c, uint32_t a, uint32_t b);
/* Rules between groups and pins; dearer to check than the cost, so ask when the cost is wanted. */
bool curve_shift_allowed(const struct curve *c, uint32_t item, uint32_t to);
bool curve_swap_allowed(const struct curve *c, uint32_t a, uint32_t b);
/* +1 when the item would count as moved on this node and is at home now, and so on. */
int curve_move_change(const struct curve *c, uint32_t item, uint32_t to);
double curve_total(const struct curve *c);

#endif
