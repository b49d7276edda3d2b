/*
 * What a sweep leaves out: a's own node, and one replica of a group per node, the commonest rule by far. What other rules forbid
 * shows when a candidate is tried.
 */
#include "planner/solve/walk/sheet_row.h"

#include <math.h>

static void forbid_item(struct sheet *s, uint32_t item, bool and_room)
{
	float *swap, *room;

	if (!sheet_at_item(s, item, &swap, &room))
		return;
	*swap = INFINITY;
	if (and_room)
		*room = INFINITY;
}

/* Nothing comes to the node, except in place of `but`. */
static void forbid_node(struct sheet *s, uint32_t node, uint32_t but)
{
	float *shift;

	if (sheet_at_node(s, node, &shift))
		*shift = INFINITY;
	for (int32_t i = s->by_node.first[node]; i >= 0; i = s->by_node.next[i])
		if ((uint32_t)i != but)
			forbid_item(s, (uint32_t)i, true);
}

static bool alone(const struct sheet *s, uint32_t group)
{
	return s->p->sc->self_cap[group] == 1;
}

static void forbid_mates(struct sheet *s, uint32_t a, uint32_t node)
{
	uint32_t g = group_of(s->p->sc, a);

	for (uint32_t k = s->group_start[g]; alone(s, g) && k < s->group_start[g + 1]; k++)
		if (s->group_item[k] != a)
			forbid_node(s, (uint32_t)s->p->item_node[s->group_item[k]], s->group_item[k]);
	for (int32_t i = s->by_node.first[node]; i >= 0; i = s->by_node.next[i]) {
		g = group_of(s->p->sc, (uint32_t)i);
		if ((uint32_t)i == a || !alone(s, g))
			continue;
		for (uint32_t k = s->group_start[g]; k < s->group_start[g + 1]; k++)
			forbid_item(s, s->group_item[k], false);
	}
}

/* The same rule in a crowded fleet: whoever is in the span is looked at, as there are fewer of them than on the nodes concerned. */
static void forbid_crowd(struct sheet *s, uint32_t a, uint32_t node)
{
	const struct scalar *sc = s->p->sc;
	const uint16_t *here = counts_of(s->p, node);
	uint32_t g = group_of(sc, a);
	float *swap, *room, *shift;

	s->closed[node] = INFINITY;
	for (uint32_t k = s->group_start[g]; alone(s, g) && k < s->group_start[g + 1]; k++)
		s->closed[s->p->item_node[s->group_item[k]]] = INFINITY;
	for (uint32_t i = sheet_first_item(s); i < sheet_end_item(s); i++) {
		uint32_t other = group_of(sc, i);

		sheet_at_item(s, i, &swap, &room);
		*room += s->closed[s->p->item_node[i]];
		*swap += s->closed[s->p->item_node[i]] + (other != g && alone(s, other) && here[other] ? INFINITY : 0);
	}
	for (uint32_t k = s->group_start[g]; alone(s, g) && k < s->group_start[g + 1]; k++) {
		uint32_t at = (uint32_t)s->p->item_node[s->group_item[k]];

		if (sheet_at_node(s, at, &shift))
			*shift = INFINITY;
		s->closed[at] = 0;
	}
	if (sheet_at_node(s, node, &shift))
		*shift = INFINITY;
	s->closed[node] = 0;
}

void sheet_forbid(struct sheet *s, uint32_t node)
{
	if (s->crowded) {
		forbid_crowd(s, s->item, node);
	} else {
		forbid_node(s, node, UINT32_MAX);
		forbid_mates(s, s->item, node);
	}
}
