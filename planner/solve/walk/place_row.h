/*
 * Rows, needs and counters of a placement, for the files that make it up (place*.c). Vectors pass between inlined functions
 * only, so the ABI for passing them is no matter.
 */
#ifndef PLANNER_SOLVE_WALK_PLACE_ROW_H
#define PLANNER_SOLVE_WALK_PLACE_ROW_H

#include "planner/solve/walk/place.h"

#pragma GCC diagnostic ignored "-Wpsabi"

#define ALWAYS_INLINE static inline __attribute__((always_inline))
#define CLONES __attribute__((target_clones("avx2", "default")))
#define NOBODY UINT32_MAX /* as an item: no demand at all */

typedef int64_t mask __attribute__((vector_size(LANES * sizeof(int64_t))));

ALWAYS_INLINE const lanes *need_of(const struct scalar *sc, uint32_t item)
{
	uint32_t service = item == NOBODY ? sc->in->n_services : sc->in->item_service[item];

	return sc->need + (size_t)service * (2 * sc->hard + sc->soft);
}

/* The hard part of the demand that changes hands when `item` enters or leaves `node`. */
ALWAYS_INLINE const lanes *hard_of(const struct scalar *sc, uint32_t item, uint32_t node)
{
	return need_of(sc, item) + (item != NOBODY && sc->in->item_node[item] == (int32_t)node ? sc->hard : 0);
}

ALWAYS_INLINE const lanes *soft_of(const struct scalar *sc, uint32_t item)
{
	return need_of(sc, item) + 2 * sc->hard;
}

ALWAYS_INLINE lanes *row_of(const struct place *p, uint32_t node)
{
	return p->row + (size_t)node * (p->sc->hard + p->sc->soft);
}

ALWAYS_INLINE uint32_t group_of(const struct scalar *sc, uint32_t item)
{
	return sc->group[item];
}

ALWAYS_INLINE const uint16_t *counts_of(const struct place *p, uint32_t node)
{
	return p->count + (size_t)node * p->sc->in->n_groups;
}

ALWAYS_INLINE lanes positive(lanes v)
{
	return (lanes)((mask)v & (v > (lanes){ 0 }));
}

ALWAYS_INLINE double total(lanes v)
{
	return (v[0] + v[1]) + (v[2] + v[3]);
}

ALWAYS_INLINE bool is_moved(const struct scalar *sc, uint32_t item, uint32_t node)
{
	return sc->in->item_node[item] != NO_NODE && sc->in->item_node[item] != (int32_t)node;
}

ALWAYS_INLINE double move_cost(const struct scalar *sc, uint32_t item, uint32_t node)
{
	double cost;

	if (!is_moved(sc, item, node))
		return 0;
	cost = sc->move_cost[item];
	if (sc->move_pair > 0)
		cost += sc->move_pair * sc->in->move_pair[(size_t)sc->in->item_node[item] * sc->in->n_nodes + node];
	return cost;
}

/* What it costs that the node is in use, with so many items on it. */
ALWAYS_INLINE double use_cost(const struct scalar *sc, uint32_t node, uint32_t items)
{
	return sc->node_cost > 0 && items ? sc->node_cost * (double)sc->in->nodes[node].cost : 0;
}

ALWAYS_INLINE void count_moved(struct place *p, uint32_t g, int change)
{
	if (!change)
		return;
	p->histogram[p->moved[g]]--;
	p->moved[g] += (uint32_t)change;
	p->histogram[p->moved[g]]++;
	p->n_moved += (uint32_t)change;
	while (p->max_moved > 0 && !p->histogram[p->max_moved])
		p->max_moved--;
	if (p->moved[g] > p->max_moved)
		p->max_moved = p->moved[g];
}

/* Enter (sign 1) or leave (-1) a node: its row and counters. Sums, labels, moves and limits are booked elsewhere. */
void place_book(struct place *p, uint32_t item, uint32_t node, int sign);
/* Compute the node's sums anew from its row; cost and n_over follow. */
void place_resum(struct place *p, uint32_t node);

#endif
