/* Which items stand on each node, as linked lists: for (int32_t i = l->first[node]; i >= 0; i = l->next[i]). Newest first. */
#ifndef PLANNER_SOLVE_WALK_NODE_LISTS_H
#define PLANNER_SOLVE_WALK_NODE_LISTS_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct node_lists { int32_t *first, *next, *prev; }; /* [node], [item], [item]; -1: none */

static inline void node_lists_init(struct node_lists *l, uint32_t n_nodes, uint32_t n_items)
{
	l->first = mem_alloc(n_nodes, sizeof(int32_t));
	l->next = mem_alloc(n_items, sizeof(int32_t));
	l->prev = mem_alloc(n_items, sizeof(int32_t));
}

static inline void node_lists_fini(struct node_lists *l)
{
	free(l->first);
	free(l->next);
	free(l->prev);
}

static inline void node_lists_clear(struct node_lists *l, uint32_t n_nodes)
{
	memset(l->first, 0xff, n_nodes * sizeof(int32_t));
}

static inline void node_lists_enter(struct node_lists *l, uint32_t item, uint32_t node)
{
	l->prev[item] = -1;
	l->next[item] = l->first[node];
	if (l->first[node] >= 0)
		l->prev[l->first[node]] = (int32_t)item;
	l->first[node] = (int32_t)item;
}

static inline void node_lists_leave(struct node_lists *l, uint32_t item, uint32_t node)
{
	if (l->next[item] >= 0)
		l->prev[l->next[item]] = l->prev[item];
	if (l->prev[item] >= 0)
		l->next[l->prev[item]] = l->next[item];
	else
		l->first[node] = l->next[item];
}

#endif
