/*
 * What a chain of relocations costs, and carrying it out; see place.h.
 *
 * Room for transient resources: a replica away from its current node holds both. So leaving the current node frees only
 * the `stay` part of the demand, and coming home needs only that part (hard_of()).
 */
#include <math.h>

#include "planner/solve/walk/place_row.h"

ALWAYS_INLINE uint32_t node_of(const struct place *p, uint32_t item)
{
	return (uint32_t)p->item_node[item];
}

ALWAYS_INLINE bool is_rotation(const struct place *p, const struct chain *c)
{
	return c->to[c->n - 1] == node_of(p, c->item[0]);
}

/* Who leaves the node that item k comes to. */
ALWAYS_INLINE uint32_t leaver(const struct chain *c, uint32_t k, bool rotation)
{
	return k + 1 < c->n ? c->item[k + 1] : rotation ? c->item[0] : NOBODY;
}

ALWAYS_INLINE double paid_after(const struct place *p, uint32_t node, uint32_t in, uint32_t out)
{
	const struct scalar *sc = p->sc;
	const lanes *row = row_of(p, node), *enters = hard_of(sc, in, node), *leaves = hard_of(sc, out, node);
	uint32_t items = p->node_items[node] + (in != NOBODY) - (out != NOBODY);
	lanes sum = { 0 };

	for (uint32_t k = 0; k < sc->hard; k++)
		sum += p->price[k] * positive(enters[k] - leaves[k] - row[k]);
	row += sc->hard;
	enters = soft_of(sc, in);
	leaves = soft_of(sc, out);
	for (uint32_t k = 0; k < sc->soft; k++)
		sum += positive(row[k] + enters[k] - leaves[k]);
	return total(sum) + use_cost(sc, node, items);
}

ALWAYS_INLINE bool may_enter(const struct place *p, uint32_t item, uint32_t node, uint32_t out)
{
	const struct scalar *sc = p->sc;
	uint32_t g = group_of(sc, item);
	int64_t leaving = out == NOBODY ? -1 : (int64_t)group_of(sc, out);

	if (counts_of(p, node)[g] - (uint32_t)(leaving == g) >= sc->self_cap[g] || !instance_allows(sc->in, sc->in->item_service[item], node))
		return false;
	return !sc->has_caps || place_caps_allow(p, g, node, leaving);
}

ALWAYS_INLINE int moves_change(const struct place *p, const struct chain *c, uint32_t k)
{
	return is_moved(p->sc, c->item[k], c->to[k]) - is_moved(p->sc, c->item[k], node_of(p, c->item[k]));
}

/* Moved counts change: by trial on the counters, as several groups may touch the maximum. INFINITY: over the budget. */
static double moves_delta(struct place *p, const struct chain *c)
{
	const struct scalar *sc = p->sc;
	uint32_t before = p->max_moved, after;
	bool within;

	for (uint32_t k = 0; k < c->n; k++)
		count_moved(p, group_of(sc, c->item[k]), moves_change(p, c, k));
	after = p->max_moved;
	within = sc->in->max_moves < 0 || p->n_moved <= sc->in->max_moves;
	for (uint32_t k = c->n; k-- > 0;)
		count_moved(p, group_of(sc, c->item[k]), -moves_change(p, c, k));
	return within ? sc->move_group * ((double)after - before) : INFINITY;
}

CLONES double place_chain_delta(struct place *p, const struct chain *c, double allowance)
{
	uint32_t origin = node_of(p, c->item[0]);
	bool rotation = is_rotation(p, c);
	const struct scalar *sc = p->sc;
	double delta = rotation ? 0 : -p->node_paid[origin], limit;
	int changes = 0;

	for (uint32_t k = 0; k < c->n; k++) {
		if (!may_enter(p, c->item[k], c->to[k], leaver(c, k, rotation)))
			return INFINITY;
		delta += move_cost(sc, c->item[k], c->to[k]) - move_cost(sc, c->item[k], node_of(p, c->item[k])) -
			 p->node_paid[c->to[k]];
		changes |= moves_change(p, c, k);
	}
	/*
	 * What nodes pay is never negative, so the rest of the sum cannot bring it down again; the most moved group can, by one
	 * for each item. That is dear to find out, so it comes last.
	 */
	limit = allowance + (changes ? sc->move_group * c->n : 0);
	for (uint32_t k = 0; k < c->n && delta <= limit; k++)
		delta += paid_after(p, c->to[k], c->item[k], leaver(c, k, rotation));
	if (!rotation && delta <= limit)
		delta += paid_after(p, origin, NOBODY, c->item[0]);
	if (changes && delta <= limit)
		delta += moves_delta(p, c);
	return delta <= allowance ? delta : INFINITY;
}

static void count_labels(struct place *p, const struct place_moves *v, const uint32_t *node, int change)
{
	for (uint32_t k = 0; k < v->n; k++)
		place_label_count(p, group_of(p->sc, v->item[k]), node[k], change);
}

static void relocate(struct place *p, const struct place_moves *v, const uint32_t *from, const uint32_t *to)
{
	const struct scalar *sc = p->sc;
	uint32_t before = p->max_moved;

	for (uint32_t k = 0; k < v->n; k++) {
		uint32_t item = v->item[k];

		place_book(p, item, from[k], -1);
		place_book(p, item, to[k], 1);
		p->cost += move_cost(sc, item, to[k]) - move_cost(sc, item, from[k]);
		count_moved(p, group_of(sc, item), is_moved(sc, item, to[k]) - is_moved(sc, item, from[k]));
		if (sc->model) {
			place_limit_leave(p, item, from[k]);
			place_limit_enter(p, item, to[k]);
		}
		p->item_node[item] = (int32_t)to[k];
	}
	p->cost += sc->move_group * ((double)p->max_moved - before);
	for (uint32_t k = 0; k < v->n; k++) {
		place_resum(p, from[k]);
		place_resum(p, to[k]);
	}
}

static bool labels_hold(const struct place *p, const struct place_moves *v, const uint32_t *from)
{
	for (uint32_t k = 0; k < v->n; k++)
		if (!place_labels_hold(p, group_of(p->sc, v->item[k]), from[k], v->to[k]))
			return false;
	return true;
}

static bool limits_hold(const struct place *p, const struct place_moves *v, const uint32_t *from)
{
	for (uint32_t k = 0; p->sc->model && k < v->n; k++)
		if (!place_limit_holds(p, from[k]) || !place_limit_holds(p, v->to[k]))
			return false;
	return true;
}

bool place_move_all(struct place *p, const struct place_moves *v)
{
	uint32_t from[PLACE_MOVES];
	bool hold;

	for (uint32_t k = 0; k < v->n; k++)
		from[k] = node_of(p, v->item[k]);
	count_labels(p, v, v->to, 1);
	count_labels(p, v, from, -1);
	hold = labels_hold(p, v, from);
	if (hold) {
		relocate(p, v, from, v->to);
		if (limits_hold(p, v, from))
			return true;
		relocate(p, v, v->to, from);
	}
	count_labels(p, v, from, 1);
	count_labels(p, v, v->to, -1);
	return false;
}

bool place_chain_try(struct place *p, const struct chain *c)
{
	struct place_moves v = { .n = c->n };

	for (uint32_t k = 0; k < c->n; k++) {
		v.item[k] = c->item[k];
		v.to[k] = c->to[k];
	}
	return place_move_all(p, &v);
}
