/*
 * One replica against everything: what each of its shifts, swaps and evictions would cost, all in one sweep. Rows of nodes and
 * replicas lie transposed in blocks of eight, so that a sweep is plain vector work without a jump; a candidate costs some
 * nanoseconds (make bench-eval), one drawn by itself a hundred. Values are floats and leave out rules over labels, pins, limits, the
 * most moved group and what a partner's move costs by pair of nodes: they say what is worth a try, place_chain_delta() decides.
 *
 * For replica a on node A, with b on node B:
 *   shift[m]  a goes to m
 *   swap[b]   a goes to B, b to A
 *   room[b]   a goes to B, b home or to the best node found when b was last swept, its refuge
 */
#ifndef PLANNER_SOLVE_WALK_SHEET_H
#define PLANNER_SOLVE_WALK_SHEET_H

#include "base/rng.h"
#include "planner/solve/walk/place.h"

#define SHEET_LANES 8
#define SHEET_SPAN 1024 /* nodes and replicas looked at in one sweep, at most */
#define SHEET_SPAN_CROWDED 256 /* replicas, in a crowded fleet */

struct sheet_span { uint32_t first, n; }; /* in blocks */

struct sheet {
	struct place *p;          /* borrowed; every change of it is followed by one call below */
	uint32_t hard, columns;   /* columns of capacity; of all */
	bool crowded;             /* so many replicas per node that their rows are written when a sweep comes to them, not when a node changes */
	uint64_t clock, *changed_at, *written_at; /* crowded: of nodes; of replicas */
	float *closed;            /* [node], crowded: INFINITY where a may not enter */
	float *node_row;          /* [block][column][lane]: capacity: use - capacity; else weight * (use - threshold) */
	float *item_row;          /* likewise, [replica]: its node without it */
	float *item_need;         /* likewise: what it brings to any node but home */
	float *home_need;         /* [replica * hard]: what it brings home */
	float *price;             /* [column]: of a unit above zero; 1 for all but capacity */
	float *node_base, *item_base; /* what the node pays now, less what it costs to be in use; the same by replica */
	float *held, *move_cost;  /* [replica]: cost of its move, paid now; of any move */
	float *home_cost, *refuge_cost; /* [replica]: of going there; INFINITY: cannot */
	uint32_t *refuge;
	struct node_lists by_node;
	uint32_t *home_start, *home_item; /* [node]: replicas whose home it is */
	uint32_t *group_start, *group_item;
	/* the last sweep */
	uint32_t item;
	struct sheet_span nodes, items;
	float *need, *need_home, *left; /* [column]: what a brings, also home; the row of A without it */
	float *other;             /* [column]: scratch */
	float *to_cost;           /* [node]: cost of the move that a would hold there */
	float *value;             /* shift, swap, room of the spans; padded to blocks */
	uint32_t n_values;
};

struct sheet *sheet_new(struct place *p);
void sheet_free(struct sheet *s);
void sheet_load(struct sheet *s);                        /* after place_load() */
void sheet_reprice(struct sheet *s, double most);        /* after prices have changed; none above `most` per mean node */
void sheet_moved(struct sheet *s, const struct chain *c, const uint32_t *from); /* after place_chain_try() */

/*
 * Fill value[] for one replica; where there is more than SHEET_SPAN, from random places on. -> blocks judged
 * Values above `limit` may stand for any above it; INFINITY: all are wanted.
 */
uint32_t sheet_sweep(struct sheet *s, uint32_t item, float limit, struct rng *rng);
/* The chain that value[k] speaks of. False: none, it is padding. */
bool sheet_chain(const struct sheet *s, uint32_t k, struct chain *c);
/* Least of value[k] - noise[k] * temperature; *least = that value. */
uint32_t sheet_least(const struct sheet *s, const float *noise, float temperature, float *least);

#endif
