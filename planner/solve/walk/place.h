/*
 * One searcher's placement over a compiled instance (planner/solve/walk/scalar.h), and what a chain of relocations does to it.
 *
 * A chain: item[k] goes to node to[k]; item[k + 1] leaves that same node, the last may go where the first came from (then it is a
 * rotation: two items swap) or elsewhere. One item: a shift. Two with a third node: the second makes room for the first.
 * All nodes of to[], and the first item's, differ.
 *
 * Capacity is relaxed: overload is paid for at a price that the search sets, so that it can pass through placements that are
 * not feasible; n_over == 0 says, exactly, that this one is. All other rules hold at all times.
 */
#ifndef PLANNER_SOLVE_WALK_PLACE_H
#define PLANNER_SOLVE_WALK_PLACE_H

#include "planner/solve/walk/node_lists.h"
#include "planner/solve/walk/scalar.h"

#define CHAIN_MAX 2

#define PLACE_MOVES 16

struct chain { uint32_t n, item[CHAIN_MAX], to[CHAIN_MAX]; };
struct place_moves { uint32_t n, item[PLACE_MOVES], to[PLACE_MOVES]; }; /* all at once, in any pattern; no item twice */

struct place {
	const struct scalar *sc;
	int32_t *item_node;
	lanes *row;                /* [node * (hard + soft)] */
	lanes *price;              /* [hard]: of a unit of overload */
	double *node_sum;          /* [node]: what its soft columns cost now */
	double *node_paid;         /* [node]: that and the price of its overload */
	bool *node_over;           /* [node]: overloaded in some column */
	uint32_t *node_items;
	uint16_t *count;           /* [node * n_groups + group] */
	uint32_t *moved, *histogram; /* [group] moved replicas; [count] groups with so many */
	uint32_t max_moved, n_moved, n_over;
	uint16_t **per_value;      /* [label][group * values + value] */
	uint32_t **distinct;       /* [label][group] */
	double *pressure;          /* [node * pressures]: NULL without limits */
	struct node_lists by_node; /* only with limits */
	double cost;               /* the objective; overload is not in it */
};

struct place *place_new(const struct scalar *sc);
void place_free(struct place *p);
/* Takes over a placement. False when something stands nowhere or a rule other than capacity is broken. */
bool place_load(struct place *p, const int32_t *item_node);
/* Overload of a whole mean node in one column costs so much from now on. */
void place_price(struct place *p, double price);
/* Each column's price by at most `step` towards where the share of nodes overloaded in it would be `share`; never below `least`. */
void place_price_steer(struct place *p, double share, double step, double least);
/* From now on no feasible placement is ever left. */
void place_price_forbid(struct place *p);

/*
 * Change of cost and of paid overload; INFINITY when caps, pins or the move budget forbid it, or when it is above `allowance`.
 * Rules over labels and interference limits are dearer: place_chain_try() checks them and carries the chain out if they hold.
 */
double place_chain_delta(struct place *p, const struct chain *c, double allowance);
bool place_chain_try(struct place *p, const struct chain *c);
/* Rules over labels and limits are checked; caps, pins and the move budget are the caller's. False: nothing has changed. */
bool place_move_all(struct place *p, const struct place_moves *v);

/* Parts of it: rules over caps (place_rule.c) and labels, interference limits (place_limit.c). leaving: a group, or -1. */
bool place_caps_allow(const struct place *p, uint32_t group, uint32_t node, int64_t leaving);
void place_label_count(struct place *p, uint32_t group, uint32_t node, int change);
bool place_labels_hold(const struct place *p, uint32_t group, uint32_t from, uint32_t to);
bool place_rules_hold(const struct place *p); /* all of them, from the counters */
bool place_caps_hold(const struct place *p, uint32_t group, uint32_t node); /* of what stands there, seen from the group */
uint32_t place_label_values(const struct scalar *sc, uint32_t label);
void place_limit_enter(struct place *p, uint32_t item, uint32_t node);
void place_limit_leave(struct place *p, uint32_t item, uint32_t node);
bool place_limit_holds(const struct place *p, uint32_t node);

#endif
