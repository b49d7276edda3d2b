/*
 * Identical nodes, no rules: vector bin packing in the form its solvers want.
 *
 * Replicas with equal demands are one type with a count. A demand vector is laid into 64-bit words, each column a bit field
 * with one guard bit on top, so "does it fit" is one subtraction and one mask per word, exact, and room changes by plain
 * addition (Lamport, "Multiple byte processing with full-word instructions", CACM 1975). Columns that can never bind
 * (total demand within one node) are left out.
 *
 *   count[t]        replicas of type t still to be packed; sum = n_items
 *   demand[t*n_words ..], room[n_words], guard[n_words]
 *   value[t*n_columns + c], capacity[c]   the same as plain numbers, for bounds
 *   size[t]         sum over columns of demand / capacity, each column weighted by its total demand / capacity
 * Types stand in order of falling size.
 */
#ifndef PLANNER_SOLVE_FEWEST_PACK_H
#define PLANNER_SOLVE_FEWEST_PACK_H

#include <stdbool.h>
#include <stdint.h>

#include "planner/instance/instance.h"

struct pack {
	uint32_t n_types, n_items, n_columns, n_words, n_nodes;
	uint32_t *count, *first;      /* [type]; items of type t: item[first[t] .. + count[t]) */
	uint32_t *item;               /* [n_items] instance's items, by type */
	uint64_t *demand, *room, *guard;
	int64_t *value, *capacity;
	double *size;
	int64_t node_cost;
};

/* True when all nodes are alike and nothing but capacity and the number of nodes counts. */
bool pack_applies(const struct instance *in);
struct pack *pack_new(const struct instance *in);  /* NULL when some replica fits no node */
/* Nodes all like this one, and only what fits it; rules are not looked at. For bounds. */
struct pack *pack_new_for(const struct instance *in, uint32_t node);
void pack_free(struct pack *p);
uint32_t pack_width(const struct pack *p);  /* no bin holds more items */

/* Types given per bin (type_bin[k] = bin of the k-th item of `item` order) -> item_node. */
void pack_place(const struct pack *p, const int32_t *bin_of, int32_t *item_node);

static inline bool pack_fits(const struct pack *p, const uint64_t *room, const uint64_t *demand)
{
	for (uint32_t w = 0; w < p->n_words; w++)
		if ((((room[w] | p->guard[w]) - demand[w]) & p->guard[w]) != p->guard[w])
			return false;
	return true;
}

static inline void pack_take(const struct pack *p, uint64_t *room, const uint64_t *demand)
{
	for (uint32_t w = 0; w < p->n_words; w++)
		room[w] -= demand[w];
}

static inline void pack_give(const struct pack *p, uint64_t *room, const uint64_t *demand)
{
	for (uint32_t w = 0; w < p->n_words; w++)
		room[w] += demand[w];
}

#endif
