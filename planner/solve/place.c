/*
 * One searcher's placement and what a shift or a swap does to it; see scalar.h.
 *
 * Room for transient resources: a replica away from its current node holds both. So leaving the current node frees only
 * the `stay` part of the demand, and coming home needs only that part.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "planner/solve/scalar.h"

/* Vectors pass between inlined functions only, so the ABI for passing them is no matter. */
#pragma GCC diagnostic ignored "-Wpsabi"

#define ALWAYS_INLINE static inline __attribute__((always_inline))
#define CLONES __attribute__((target_clones("avx2", "default")))
/* Room is compared exactly for integers; the tolerance only forgives weights that are not. */
#define NO_ROOM(x) ((x) < 0)

typedef int64_t mask __attribute__((vector_size(LANES * sizeof(int64_t))));

ALWAYS_INLINE const lanes *need_of(const struct scalar *sc, uint32_t item)
{
	return sc->need + (size_t)sc->in->item_service[item] * (2 * sc->hard + sc->soft);
}

/* The hard part of the demand that changes hands when `item` enters or leaves `node`. */
ALWAYS_INLINE const lanes *hard_of(const struct scalar *sc, uint32_t item, uint32_t node)
{
	return need_of(sc, item) + (sc->in->item_node[item] == (int32_t)node ? sc->hard : 0);
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
	return sc->in->services[sc->in->item_service[item]].group;
}

ALWAYS_INLINE lanes positive(lanes v)
{
	return (lanes)((mask)v & (v > (lanes){ 0 }));
}

ALWAYS_INLINE double total(lanes v)
{
	return (v[0] + v[1]) + (v[2] + v[3]);
}

#define ANY_LANE(m) (((m)[0] | (m)[1] | (m)[2] | (m)[3]) != 0)

static double pair_cost(const struct scalar *sc, uint32_t item, uint32_t node)
{
	int32_t home = sc->in->item_node[item];
	double cost;

	if (home == NO_NODE || home == (int32_t)node)
		return 0;
	cost = sc->move * (double)sc->in->services[sc->in->item_service[item]].move_cost;
	if (sc->move_pair > 0)
		cost += sc->move_pair * sc->in->move_pair[(size_t)home * sc->in->n_nodes + node];
	return cost;
}

static bool is_moved(const struct scalar *sc, uint32_t item, uint32_t node)
{
	return sc->in->item_node[item] != NO_NODE && sc->in->item_node[item] != (int32_t)node;
}

/* The largest count of moved replicas of one group, were group g's count to change by `change`. */
static uint32_t max_after(const struct place *p, uint32_t g, int change)
{
	uint32_t now = p->moved[g], then = now + (uint32_t)change;

	if (then > p->max_moved)
		return then;
	if (change < 0 && now == p->max_moved && p->histogram[now] == 1)
		return then; /* another group would stand at now - 1 at most, and g itself does */
	return p->max_moved;
}

static void count_moved(struct place *p, uint32_t g, int change)
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

/* May g stand on node beside what is there, not counting one of group `leaving` (or -1)? */
static bool caps_allow(const struct place *p, uint32_t g, uint32_t node, int64_t leaving)
{
	const struct scalar *sc = p->sc;
	const uint16_t *count = p->count + (size_t)node * sc->in->n_groups;
	uint32_t mine = count[g] - (leaving == g);

	if (mine >= sc->self_cap[g])
		return false;
	if (!sc->has_caps)
		return true;
	for (uint32_t i = sc->holds.start[g]; i < sc->holds.start[g + 1]; i++)
		if (count[sc->holds.caps[i].other] - (uint32_t)(leaving == sc->holds.caps[i].other) > sc->holds.caps[i].k)
			return false;
	for (uint32_t i = sc->held.start[g]; i < sc->held.start[g + 1]; i++)
		if (mine >= sc->held.caps[i].k && count[sc->held.caps[i].other] > (leaving == sc->held.caps[i].other))
			return false;
	return true;
}

static bool node_allowed(const struct scalar *sc, uint32_t item, uint32_t node)
{
	const uint64_t *bits = sc->in->allow ? sc->in->allow[sc->in->item_service[item]] : NULL;

	return !bits || bits[node / 64] >> (node % 64) & 1;
}

static bool budget_allows(const struct place *p, int change)
{
	return p->sc->in->max_moves < 0 || change <= 0 || (int64_t)p->n_moved + change <= p->sc->in->max_moves;
}

CLONES double place_shift_delta(const struct place *p, uint32_t item, uint32_t to)
{
	const struct scalar *sc = p->sc;
	uint32_t from = (uint32_t)p->item_node[item], g = group_of(sc, item);
	const lanes *need = hard_of(sc, item, to), *room = row_of(p, to), *soft, *away = row_of(p, from) + sc->hard;
	lanes sum = { 0 };
	mask bad = { 0 };
	double delta;
	int change;

	for (uint32_t k = 0; k < sc->hard; k++)
		bad |= room[k] < need[k];
	if (ANY_LANE(bad) || !caps_allow(p, g, to, -1) || !node_allowed(sc, item, to))
		return INFINITY;
	room += sc->hard;
	soft = soft_of(sc, item);
	for (uint32_t k = 0; k < sc->soft; k++)
		sum += positive(room[k] + soft[k]) + positive(away[k] - soft[k]);
	delta = total(sum) - p->node_sum[from] - p->node_sum[to] + pair_cost(sc, item, to) - pair_cost(sc, item, from);
	if (sc->node_cost > 0)
		delta += sc->node_cost * ((double)sc->in->nodes[to].cost * !p->node_items[to] - (double)sc->in->nodes[from].cost * (p->node_items[from] == 1));
	change = is_moved(sc, item, to) - is_moved(sc, item, from);
	if (!budget_allows(p, change))
		return INFINITY;
	if (change)
		delta += sc->move_group * ((double)max_after(p, g, change) - p->max_moved);
	return delta;
}

/* Two groups' moved counts change; done by trial on the counters, as both may touch the maximum. */
static double swap_group_cost(struct place *p, uint32_t g, int change_g, uint32_t h, int change_h)
{
	double before = p->max_moved, after;

	if (!change_g && !change_h)
		return 0;
	count_moved(p, g, change_g);
	count_moved(p, h, change_h);
	after = p->max_moved;
	count_moved(p, h, -change_h);
	count_moved(p, g, -change_g);
	return p->sc->move_group * (after - before);
}

CLONES double place_swap_delta(const struct place *p, uint32_t a, uint32_t b)
{
	const struct scalar *sc = p->sc;
	uint32_t na = (uint32_t)p->item_node[a], nb = (uint32_t)p->item_node[b], ga = group_of(sc, a), gb = group_of(sc, b);
	const lanes *ra = row_of(p, na), *rb = row_of(p, nb), *sa = soft_of(sc, a), *sb = soft_of(sc, b);
	const lanes *a_out = hard_of(sc, a, na), *a_in = hard_of(sc, a, nb), *b_out = hard_of(sc, b, nb), *b_in = hard_of(sc, b, na);
	lanes sum = { 0 };
	mask bad = { 0 };
	int change_a, change_b;

	for (uint32_t k = 0; k < sc->hard; k++)
		bad |= (ra[k] + a_out[k] < b_in[k]) | (rb[k] + b_out[k] < a_in[k]);
	if (ANY_LANE(bad))
		return INFINITY;
	if (ga != gb && (!caps_allow(p, ga, nb, gb) || !caps_allow(p, gb, na, ga)))
		return INFINITY;
	if (!node_allowed(sc, a, nb) || !node_allowed(sc, b, na))
		return INFINITY;
	for (uint32_t k = 0; k < sc->soft; k++) {
		lanes d = sa[k] - sb[k];

		sum += positive(ra[sc->hard + k] - d) + positive(rb[sc->hard + k] + d);
	}
	change_a = is_moved(sc, a, nb) - is_moved(sc, a, na);
	change_b = is_moved(sc, b, na) - is_moved(sc, b, nb);
	if (!budget_allows(p, change_a + change_b))
		return INFINITY;
	return total(sum) - p->node_sum[na] - p->node_sum[nb] + pair_cost(sc, a, nb) - pair_cost(sc, a, na) + pair_cost(sc, b, na) -
	       pair_cost(sc, b, nb) + swap_group_cost((struct place *)p, ga, change_a, gb, change_b);
}

static uint32_t value_of(const struct scalar *sc, uint32_t label, uint32_t node)
{
	return sc->label[label] == LABEL_NODE ? node : sc->in->node_label[(size_t)node * sc->in->n_labels + sc->label[label]];
}

static uint32_t value_count(const struct scalar *sc, uint32_t label)
{
	return sc->label[label] == LABEL_NODE ? sc->in->n_nodes : sc->in->label_counts[sc->label[label]];
}

static uint16_t *per_value(const struct place *p, uint32_t label, uint32_t g)
{
	return p->per_value[label] + (size_t)g * value_count(p->sc, label);
}

static void count_label(struct place *p, uint32_t g, uint32_t node, int change)
{
	if (!p->sc->ruled[g])
		return;
	for (uint32_t l = 0; l < p->sc->n_labels; l++) {
		uint16_t *c = per_value(p, l, g) + value_of(p->sc, l, node);

		if (change > 0)
			p->distinct[l][g] += !(*c)++;
		else
			p->distinct[l][g] -= !--(*c);
	}
}

/* With the counters already as they would be: do the rules of g hold where it left and where it came? */
static bool labels_hold(const struct place *p, uint32_t g, uint32_t from, uint32_t to)
{
	const struct scalar *sc = p->sc;

	if (!sc->ruled[g])
		return true;
	for (uint32_t i = sc->spreads.start[g]; i < sc->spreads.start[g + 1]; i++) {
		const struct group_rule *r = &sc->spreads.rules[i];

		if (p->distinct[r->label][g] < r->min_distinct ||
		    (r->max_per_value && per_value(p, r->label, g)[value_of(sc, r->label, to)] > r->max_per_value))
			return false;
	}
	for (uint32_t i = sc->needs.start[g]; i < sc->needs.start[g + 1]; i++) {
		const struct group_rule *r = &sc->needs.rules[i];

		if (!per_value(p, r->label, r->other)[value_of(sc, r->label, to)])
			return false;
	}
	for (uint32_t i = sc->needed.start[g]; i < sc->needed.start[g + 1]; i++) {
		const struct group_rule *r = &sc->needed.rules[i];
		uint32_t v = value_of(sc, r->label, from);

		if (!per_value(p, r->label, g)[v] && per_value(p, r->label, r->other)[v])
			return false;
	}
	return true;
}

CLONES static void node_resum(struct place *p, uint32_t node)
{
	const lanes *row = row_of(p, node) + p->sc->hard;
	lanes sum = { 0 };

	for (uint32_t k = 0; k < p->sc->soft; k++)
		sum += positive(row[k]);
	p->node_sum[node] = total(sum);
}

/* Books for one replica entering (sign 1) or leaving (-1) a node; labels and moves are booked elsewhere. */
CLONES static void book(struct place *p, uint32_t item, uint32_t node, int sign)
{
	const struct scalar *sc = p->sc;
	const lanes *hard = hard_of(sc, item, node), *soft = soft_of(sc, item);
	lanes *row = row_of(p, node);
	double f = sign;

	for (uint32_t k = 0; k < sc->hard; k++)
		row[k] -= f * hard[k];
	for (uint32_t k = 0; k < sc->soft; k++)
		row[sc->hard + k] += f * soft[k];
	p->count[(size_t)node * sc->in->n_groups + group_of(sc, item)] += (uint16_t)sign;
	p->node_items[node] += (uint32_t)sign;
}

static void relocate(struct place *p, uint32_t item, uint32_t to)
{
	uint32_t from = (uint32_t)p->item_node[item];

	book(p, item, from, -1);
	book(p, item, to, 1);
	count_moved(p, group_of(p->sc, item), is_moved(p->sc, item, to) - is_moved(p->sc, item, from));
	p->item_node[item] = (int32_t)to;
	node_resum(p, from);
	node_resum(p, to);
}

bool place_shift_try(struct place *p, uint32_t item, uint32_t to, double delta)
{
	uint32_t from = (uint32_t)p->item_node[item], g = group_of(p->sc, item);

	count_label(p, g, from, -1);
	count_label(p, g, to, 1);
	if (!labels_hold(p, g, from, to)) {
		count_label(p, g, to, -1);
		count_label(p, g, from, 1);
		return false;
	}
	relocate(p, item, to);
	p->cost += delta;
	return true;
}

static void count_swap(struct place *p, uint32_t ga, uint32_t na, uint32_t gb, uint32_t nb)
{
	count_label(p, ga, na, -1);
	count_label(p, gb, nb, -1);
	count_label(p, ga, nb, 1);
	count_label(p, gb, na, 1);
}

bool place_swap_try(struct place *p, uint32_t a, uint32_t b, double delta)
{
	uint32_t na = (uint32_t)p->item_node[a], nb = (uint32_t)p->item_node[b], ga = group_of(p->sc, a), gb = group_of(p->sc, b);

	if (ga != gb) {
		count_swap(p, ga, na, gb, nb);
		if (!labels_hold(p, ga, na, nb) || !labels_hold(p, gb, nb, na)) {
			count_swap(p, ga, nb, gb, na);
			return false;
		}
	}
	relocate(p, a, nb);
	relocate(p, b, na);
	p->cost += delta;
	return true;
}

struct place *place_new(const struct scalar *sc)
{
	const struct instance *in = sc->in;
	struct place *p = mem_alloc(1, sizeof(*p));

	p->sc = sc;
	p->item_node = mem_alloc(in->n_items, sizeof(int32_t));
	p->row = aligned_alloc(sizeof(lanes), (size_t)in->n_nodes * (sc->hard + sc->soft) * sizeof(lanes));
	if (!p->row)
		abort();
	p->node_sum = mem_alloc(in->n_nodes, sizeof(double));
	p->node_items = mem_alloc(in->n_nodes, sizeof(uint32_t));
	p->count = mem_alloc((size_t)in->n_nodes * in->n_groups, sizeof(uint16_t));
	p->moved = mem_alloc(in->n_groups, sizeof(uint32_t));
	p->histogram = mem_alloc((size_t)in->n_items + 1, sizeof(uint32_t));
	p->per_value = mem_alloc(sc->n_labels, sizeof(*p->per_value));
	p->distinct = mem_alloc(sc->n_labels, sizeof(*p->distinct));
	for (uint32_t l = 0; l < sc->n_labels; l++) {
		p->per_value[l] = mem_alloc((size_t)in->n_groups * value_count(sc, l), sizeof(uint16_t));
		p->distinct[l] = mem_alloc(in->n_groups, sizeof(uint32_t));
	}
	return p;
}

void place_free(struct place *p)
{
	if (!p)
		return;
	for (uint32_t l = 0; l < p->sc->n_labels; l++) {
		free(p->per_value[l]);
		free(p->distinct[l]);
	}
	free(p->per_value);
	free(p->distinct);
	free(p->item_node);
	free(p->row);
	free(p->node_sum);
	free(p->node_items);
	free(p->count);
	free(p->moved);
	free(p->histogram);
	free(p);
}

static void place_reset(struct place *p)
{
	const struct scalar *sc = p->sc;
	const struct instance *in = sc->in;

	memcpy(p->row, sc->empty, (size_t)in->n_nodes * (sc->hard + sc->soft) * sizeof(lanes));
	memset(p->node_items, 0, in->n_nodes * sizeof(uint32_t));
	memset(p->count, 0, (size_t)in->n_nodes * in->n_groups * sizeof(uint16_t));
	memset(p->moved, 0, in->n_groups * sizeof(uint32_t));
	memset(p->histogram, 0, ((size_t)in->n_items + 1) * sizeof(uint32_t));
	p->histogram[0] = in->n_groups;
	p->max_moved = p->n_moved = 0;
	for (uint32_t l = 0; l < sc->n_labels; l++) {
		memset(p->per_value[l], 0, (size_t)in->n_groups * value_count(sc, l) * sizeof(uint16_t));
		memset(p->distinct[l], 0, in->n_groups * sizeof(uint32_t));
	}
	/* What leaves its node goes on holding the transient resources there. */
	for (uint32_t i = 0; i < in->n_items; i++)
		if (in->item_node[i] != NO_NODE) {
			lanes *row = row_of(p, (uint32_t)in->item_node[i]);
			const lanes *full = need_of(sc, i), *stay = full + sc->hard;

			for (uint32_t k = 0; k < sc->hard; k++)
				row[k] -= full[k] - stay[k];
		}
}

static bool place_feasible(const struct place *p)
{
	const struct scalar *sc = p->sc;

	for (uint32_t m = 0; m < sc->in->n_nodes; m++)
		for (uint32_t k = 0; k < sc->hard * LANES; k++)
			if (NO_ROOM(((const double *)row_of(p, m))[k]))
				return false;
	return sc->in->max_moves < 0 || p->n_moved <= sc->in->max_moves;
}

bool place_load(struct place *p, const int32_t *item_node)
{
	const struct scalar *sc = p->sc;

	place_reset(p);
	p->cost = 0;
	memcpy(p->item_node, item_node, sc->in->n_items * sizeof(int32_t));
	for (uint32_t i = 0; i < sc->in->n_items; i++) {
		uint32_t node = (uint32_t)item_node[i], g = group_of(sc, i);

		if (item_node[i] == NO_NODE)
			return false;
		book(p, i, node, 1);
		count_label(p, g, node, 1);
		count_moved(p, g, is_moved(sc, i, node));
		p->cost += pair_cost(sc, i, node);
	}
	for (uint32_t m = 0; m < sc->in->n_nodes; m++) {
		node_resum(p, m);
		p->cost += p->node_sum[m] + sc->node_cost * (double)sc->in->nodes[m].cost * (p->node_items[m] > 0);
	}
	p->cost += sc->move_group * p->max_moved;
	return place_feasible(p);
}
