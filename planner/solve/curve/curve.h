/*
 * One search's placement over the compiled instance, for fleets whose cost lies in curves over the day: capacity at every slot,
 * and convex costs of load (TERM_EXPONENTIAL, TERM_HINGE) beside the cost of nodes in use, of moves, and the terms of curve_extra.h.
 * The one term it does not see is move_group; whoever offers a placement prices it in full (planner/term.h).
 *
 * A row of the instance's columns is 32-bit integers, so feasibility is exact and books never drift; only costs are float.
 * It begins with the curves that are paid for, each padded to whole vectors, then all other columns. Beside it lies
 * a coarse row: means over blocks of neighbouring slots. By convexity (Jensen) the cost of the means is never above the cost of the curve,
 * and what it lacks hardly changes with one replica more or less, so most proposals are judged by a cache line per row.
 *
 * Nodes and their items may be worked on by several threads as long as no two touch the same node (and see curve_rules.h).
 */
#ifndef PLANNER_SOLVE_CURVE_CURVE_H
#define PLANNER_SOLVE_CURVE_CURVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "planner/instance/instance.h"

#define CURVE_LANES 8
#define CURVE_MAX_PAID 4
#define CURVE_BLOCKS 16       /* per paid curve: one cache line of floats */
#define CURVE_MAX_COLUMNS 60000
#define NO_ITEM UINT32_MAX

/* One term over one resource: sum over slots of price * f(max(0, load * scale - threshold)), f = expm1 or identity. */
struct curve_paid {
	const struct term *term;
	uint32_t first, slots, width;  /* in a row: first lane, slots, lanes with padding */
	uint32_t coarse, coarse_width; /* in a coarse row */
	float price;                   /* weight * scale / slots */
	bool exponential;
};

struct curve_list { uint32_t *v, *group; uint32_t n, cap; }; /* items, and the group of each */

struct model;
struct curve_rules;

struct curve {
	const struct instance *in;
	struct curve_rules *rules;
	struct curve_paid paid[CURVE_MAX_PAID];
	uint32_t n_paid, paid_width, width, coarse_width; /* lanes paid for; in a row; in a coarse row */
	bool extra;                /* some terms need more than the load: see curve_extra.h */
	uint32_t *lane;            /* [resource]: its first lane in a row */
	double *mean;              /* [resource]: utilisation of the nodes in use, for evenness */
	float move, pair, toll;    /* weights of move costs and of move_pair; what the search itself asks for a move, to stay in its budget */
	float *node_price;         /* [node]: cost of using it */
	float *scale;              /* [node * n_paid + p] */
	int32_t *need, *room;      /* [service * width], [node * width] */
	float *over;               /* [node * paid_width]: load * scale - threshold; padding far below zero */
	float *coarse_need, *coarse_over, *coarse_price; /* [service * coarse_width], [node * …], [coarse_width] */
	float *node_sum, *coarse_sum; /* [node]: what its load costs now, without node_price; the same of the coarse row */
	int32_t *item_node;        /* [item], NO_NODE = unplaced */
	struct curve_list *items;  /* [node] */
	uint32_t *at;              /* [item]: position in its node's list */
};

bool curve_applies(const struct instance *in);
struct curve *curve_new(const struct instance *in, const struct model *model); /* nothing placed; model may be NULL */
void curve_free(struct curve *c);
void *curve_rows_alloc(size_t n); /* n 32-bit lanes, zeroed, on a cache line; free() */

void curve_put(struct curve *c, uint32_t item, uint32_t node); /* item must be unplaced; no checks */
void curve_take(struct curve *c, uint32_t item);

/*
 * A change: item a goes to node `to`; b, when not NO_ITEM, comes from there to where a was (both placed then). An unplaced
 * a is only put. Change of cost with tolls, INFINITY when capacity forbids it. sums, unless NULL: [2], what the load of `to` and of
 * a's node will cost, for curve_change() to spare it the evaluation.
 */
void curve_change(struct curve *c, uint32_t a, uint32_t b, uint32_t to, const float *sums); /* a must be placed */
void curve_settle(struct curve *c); /* costs anew from the integer books: ends the drift of many changes */
float curve_delta(const struct curve *c, uint32_t a, uint32_t b, uint32_t to, float *sums);
/* Item a goes to `to`; what goes where it was needs `back` of a row, and stands on `to` now. Without move costs and curve_extra.h. */
float curve_trade_delta(const struct curve *c, uint32_t a, const int32_t *back, uint32_t to);
double curve_total(const struct curve *c); /* without tolls */

#endif
