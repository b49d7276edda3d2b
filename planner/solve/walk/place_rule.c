/*
 * Rules between groups in a placement under search: at most k of b where a runs, spread over labels, near.
 */
#include "planner/solve/walk/place_row.h"

bool place_caps_allow(const struct place *p, uint32_t group, uint32_t node, int64_t leaving)
{
	const struct scalar *sc = p->sc;
	const uint16_t *count = counts_of(p, node);
	uint32_t mine = count[group] - (leaving == group);

	if (mine >= sc->self_cap[group])
		return false;
	if (!sc->has_caps)
		return true;
	for (uint32_t i = sc->holds.start[group]; i < sc->holds.start[group + 1]; i++)
		if (count[sc->holds.caps[i].other] - (uint32_t)(leaving == sc->holds.caps[i].other) > sc->holds.caps[i].k)
			return false;
	for (uint32_t i = sc->held.start[group]; i < sc->held.start[group + 1]; i++)
		if (mine >= sc->held.caps[i].k && count[sc->held.caps[i].other] > (leaving == sc->held.caps[i].other))
			return false;
	return true;
}

static uint32_t value_of(const struct scalar *sc, uint32_t label, uint32_t node)
{
	return sc->label[label] == LABEL_NODE ? node : sc->in->node_label[(size_t)node * sc->in->n_labels + sc->label[label]];
}

uint32_t place_label_values(const struct scalar *sc, uint32_t label)
{
	return sc->label[label] == LABEL_NODE ? sc->in->n_nodes : sc->in->label_counts[sc->label[label]];
}

static uint16_t *per_value(const struct place *p, uint32_t label, uint32_t group)
{
	return p->per_value[label] + (size_t)group * place_label_values(p->sc, label);
}

void place_label_count(struct place *p, uint32_t group, uint32_t node, int change)
{
	if (!p->sc->ruled[group])
		return;
	for (uint32_t l = 0; l < p->sc->n_labels; l++) {
		uint16_t *c = per_value(p, l, group) + value_of(p->sc, l, node);

		if (change > 0)
			p->distinct[l][group] += !(*c)++;
		else
			p->distinct[l][group] -= !--(*c);
	}
}

/* With the counters already as they would be: do the rules of the group hold where it left and where it came? */
bool place_labels_hold(const struct place *p, uint32_t group, uint32_t from, uint32_t to)
{
	const struct scalar *sc = p->sc;

	if (!sc->ruled[group])
		return true;
	for (uint32_t i = sc->spreads.start[group]; i < sc->spreads.start[group + 1]; i++) {
		const struct group_rule *r = &sc->spreads.rules[i];

		if (p->distinct[r->label][group] < r->min_distinct ||
		    (r->max_per_value && per_value(p, r->label, group)[value_of(sc, r->label, to)] > r->max_per_value))
			return false;
	}
	for (uint32_t i = sc->needs.start[group]; i < sc->needs.start[group + 1]; i++) {
		const struct group_rule *r = &sc->needs.rules[i];

		if (!per_value(p, r->label, r->other)[value_of(sc, r->label, to)])
			return false;
	}
	for (uint32_t i = sc->needed.start[group]; i < sc->needed.start[group + 1]; i++) {
		const struct group_rule *r = &sc->needed.rules[i];
		uint32_t v = value_of(sc, r->label, from);

		if (!per_value(p, r->label, group)[v] && per_value(p, r->label, r->other)[v])
			return false;
	}
	return true;
}

/* Every rule "where a runs, at most k of b" is seen from the items of a. */
bool place_caps_hold(const struct place *p, uint32_t group, uint32_t node)
{
	const struct scalar *sc = p->sc;
	const uint16_t *count = counts_of(p, node);

	for (uint32_t i = sc->holds.start[group]; i < sc->holds.start[group + 1]; i++)
		if (count[sc->holds.caps[i].other] > sc->holds.caps[i].k)
			return false;
	return count[group] <= sc->self_cap[group];
}

bool place_rules_hold(const struct place *p)
{
	const struct instance *in = p->sc->in;

	for (uint32_t i = 0; i < in->n_items; i++) {
		uint32_t node = (uint32_t)p->item_node[i], g = group_of(p->sc, i);

		if (!instance_allows(in, in->item_service[i], node) || !place_caps_hold(p, g, node) || !place_labels_hold(p, g, node, node))
			return false;
	}
	for (uint32_t m = 0; m < in->n_nodes && p->sc->model; m++)
		if (!place_limit_holds(p, m))
			return false;
	return in->max_moves < 0 || p->n_moved <= in->max_moves;
}
