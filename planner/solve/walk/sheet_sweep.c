/*
 * The sweep of a sheet; see sheet.h. First everything as if no rule and no home existed, eight candidates at a time; then what
 * differs is put right one by one: it is little.
 */
#include "planner/solve/walk/sheet_row.h"

#include <math.h>
#include <string.h>

#define LOOK 4 /* columns between two looks whether anything is still below the limit */

ALWAYS_INLINE sheet_lanes above(sheet_lanes v)
{
	sheet_lanes r = { 0 };

	for (uint32_t l = 0; l < SHEET_LANES; l++)
		r[l] = v[l] > 0 ? v[l] : 0;
	return r;
}

/* Values of going to each node of the span; `out`: of leaving where it is. */
CLONES static void sweep_nodes(struct sheet *s, float out)
{
	const float *need = s->need;
	sheet_lanes *value = (sheet_lanes *)s->value;

	for (uint32_t b = 0; b < s->nodes.n; b++) {
		size_t block = s->nodes.first + b;
		const sheet_lanes *row = (const sheet_lanes *)s->node_row + block * s->columns;
		sheet_lanes sum = ((const sheet_lanes *)s->to_cost)[block] - ((const sheet_lanes *)s->node_base)[block] + out;

		for (uint32_t k = 0; k < s->hard; k++)
			sum += s->price[k] * above(row[k] + need[k]);
		for (uint32_t k = s->hard; k < s->columns; k++)
			sum += above(row[k] + need[k]);
		value[b] = sum;
	}
}

/* Is there a lane in which either is below its limit? */
ALWAYS_INLINE bool any_below(sheet_lanes v, sheet_lanes limit, sheet_lanes w, sheet_lanes limit_w)
{
	mask m = (mask)((v < limit) | (w < limit_w));

	return (m[0] | m[1] | m[2] | m[3]) != 0;
}

/*
 * base: what a's node pays now, and a for its move. Sums only grow from column to column, so eight candidates are given up once all
 * are above the limit: mostly after the first few columns, as few replicas fit where others stand.
 */
CLONES static void sweep_items(struct sheet *s, float base, float out, float limit)
{
	const float *need = s->need, *left = s->left;
	sheet_lanes *swap = (sheet_lanes *)s->value + s->nodes.n, *room = swap + s->items.n;

	for (uint32_t b = 0; b < s->items.n; b++) {
		size_t block = s->items.first + b;
		const sheet_lanes *row = (const sheet_lanes *)s->item_row + block * s->columns;
		const sheet_lanes *comes = (const sheet_lanes *)s->item_need + block * s->columns;
		const sheet_lanes home = ((const sheet_lanes *)s->home_cost)[block], refuge = ((const sheet_lanes *)s->refuge_cost)[block];
		const sheet_mask nearer = home < refuge;
		const sheet_lanes item_base = ((const sheet_lanes *)s->item_base)[block];
		const sheet_lanes swap_base = ((const sheet_lanes *)s->move_cost)[block] - ((const sheet_lanes *)s->held)[block] - base - item_base;
		const sheet_lanes room_base = (sheet_lanes)((nearer & (sheet_mask)home) | (~nearer & (sheet_mask)refuge)) + out - item_base;
		sheet_lanes there = { 0 }, back = { 0 };
		uint32_t k = 0;

		do
			for (uint32_t end = k + LOOK < s->columns ? k + LOOK : s->columns; k < end; k++) {
				there += s->price[k] * above(row[k] + need[k]);
				back += s->price[k] * above(comes[k] + left[k]);
			}
		while (k < s->columns && any_below(there + back, limit - swap_base, there, limit - room_base));
		swap[b] = there + back + swap_base;
		room[b] = there + room_base;
	}
}

/* A swap or the making of room in which one of the two goes home, anew: it brings less there, and its move is over. */
static void put_right_at(struct sheet *s, uint32_t b, float out)
{
	const struct scalar *sc = s->p->sc;
	const float *row = sheet_lane(s->item_row, s->columns, b), *left = sheet_lane(s->item_row, s->columns, s->item);
	int32_t a_node = s->p->item_node[s->item];
	bool a_home = sc->in->item_node[s->item] == s->p->item_node[b], b_home = sc->in->item_node[b] == a_node;
	float *swap, *room, there, back;

	if (!sheet_at_item(s, b, &swap, &room))
		return;
	there = sheet_pays(s, row, a_home ? s->need_home : s->need, 1) - s->item_base[b] + (a_home ? 0 : s->move_cost[s->item]) - s->held[s->item];
	if (b_home)
		sheet_need_home(s, b, s->other);
	back = b_home ? sheet_pays(s, left, s->other, 1) :
			sheet_pays(s, left, sheet_lane(s->item_need, s->columns, b), SHEET_LANES) + s->move_cost[b];
	*swap = there + back - s->node_base[a_node] - s->held[b];
	*room = there + out + fminf(s->home_cost[b], s->refuge_cost[b]);
}

/* All who stand where a's home is. */
static void put_right_home(struct sheet *s, uint32_t home, float out)
{
	if (!s->crowded)
		for (int32_t i = s->by_node.first[home]; i >= 0; i = s->by_node.next[i])
			put_right_at(s, (uint32_t)i, out);
	for (uint32_t i = sheet_first_item(s); s->crowded && i < sheet_end_item(s); i++)
		if (s->p->item_node[i] == (int32_t)home)
			put_right_at(s, i, out);
}

/* All whose home is a's node. */
static void put_right_guests(struct sheet *s, uint32_t node, float out)
{
	for (uint32_t k = s->home_start[node]; k < s->home_start[node + 1]; k++)
		if (s->p->item_node[s->home_item[k]] != (int32_t)node)
			put_right_at(s, s->home_item[k], out);
}

static struct sheet_span draw_span(uint32_t n, uint32_t most, struct rng *rng)
{
	uint32_t blocks = sheet_blocks(n), parts = (n + most - 1) / most, part = parts > 1 ? rng_below(rng, parts) : 0;
	uint32_t first = (uint32_t)((uint64_t)blocks * part / parts), end = (uint32_t)((uint64_t)blocks * (part + 1) / parts);

	return (struct sheet_span){ first, end - first };
}

static void write_to_cost(struct sheet *s, uint32_t a)
{
	const struct scalar *sc = s->p->sc;
	uint32_t end = (s->nodes.first + s->nodes.n) * SHEET_LANES;

	for (uint32_t m = s->nodes.first * SHEET_LANES; m < end && m < sc->in->n_nodes; m++)
		s->to_cost[m] = (float)move_cost(sc, a, m) + sheet_opens(s, m);
}

/* The best node found, for others that want to come to a's. */
static void write_refuge(struct sheet *s, uint32_t a, float out)
{
	uint32_t best = 0;

	for (uint32_t k = 1; k < s->nodes.n * SHEET_LANES; k++)
		if (s->value[k] < s->value[best])
			best = k;
	s->refuge[a] = s->nodes.first * SHEET_LANES + best;
	s->refuge_cost[a] = s->value[best] - out;
}

/* What a brings and leaves behind. */
static void write_item(struct sheet *s, uint32_t a)
{
	const float *full = sheet_lane(s->item_need, s->columns, a), *row = sheet_lane(s->item_row, s->columns, a);

	s->item = a;
	for (uint32_t k = 0; k < s->columns; k++) {
		s->need[k] = full[k * SHEET_LANES];
		s->left[k] = row[k * SHEET_LANES];
	}
	sheet_need_home(s, a, s->need_home);
}

/* What a's node gains when a leaves. */
static float leaving(const struct sheet *s, uint32_t node)
{
	float closes = s->p->node_items[node] == 1 ? (float)use_cost(s->p->sc, node, 1) : 0;

	return sheet_pays(s, sheet_lane(s->item_row, s->columns, s->item), NULL, 0) - s->node_base[node] - closes;
}

static void write_home(struct sheet *s, uint32_t node, float out)
{
	int32_t home = s->p->sc->in->item_node[s->item];
	float *value = s->value + (s->nodes.n + 2 * s->items.n) * SHEET_LANES, *shift;

	for (uint32_t k = 0; k < SHEET_LANES; k++)
		value[k] = INFINITY;
	if (home == NO_NODE || home == (int32_t)node)
		return;
	put_right_home(s, (uint32_t)home, out);
	value[0] = out + s->home_cost[s->item];
	if (sheet_at_node(s, (uint32_t)home, &shift))
		*shift = INFINITY; /* it needs less there than the sweep believes */
}

uint32_t sheet_sweep(struct sheet *s, uint32_t a, float limit, struct rng *rng)
{
	uint32_t node = (uint32_t)s->p->item_node[a];
	float out, stays;

	s->nodes = draw_span(s->p->sc->in->n_nodes, SHEET_SPAN, rng);
	s->items = draw_span(s->p->sc->in->n_items, s->crowded ? SHEET_SPAN_CROWDED : SHEET_SPAN, rng);
	s->n_values = (s->nodes.n + 2 * s->items.n + 1) * SHEET_LANES;
	for (uint32_t i = sheet_first_item(s); s->crowded && i < sheet_end_item(s); i++)
		sheet_refresh(s, i);
	if (s->crowded)
		sheet_refresh(s, a);
	write_item(s, a);
	out = leaving(s, node);
	stays = s->held[a] - s->move_cost[a];
	write_to_cost(s, a);
	sweep_nodes(s, out - s->held[a]);
	sweep_items(s, s->node_base[node] + stays, out - stays, limit);
	write_home(s, node, out);
	put_right_guests(s, node, out);
	sheet_forbid(s, node);
	write_refuge(s, a, out);
	return s->nodes.n + 2 * s->items.n;
}

bool sheet_chain(const struct sheet *s, uint32_t k, struct chain *c)
{
	uint32_t a = s->item, shifts = s->nodes.n * SHEET_LANES, items = s->items.n * SHEET_LANES, b, third;
	const struct place *p = s->p;
	bool swap;

	*c = (struct chain){ 1, { a }, { 0 } };
	if (k < shifts || k >= shifts + 2 * items) {
		c->to[0] = k < shifts ? s->nodes.first * SHEET_LANES + k : (uint32_t)p->sc->in->item_node[a];
		return c->to[0] < p->sc->in->n_nodes;
	}
	b = s->items.first * SHEET_LANES + (k - shifts) % items;
	if (b >= p->sc->in->n_items)
		return false;
	swap = k < shifts + items;
	third = s->home_cost[b] < s->refuge_cost[b] ? (uint32_t)p->sc->in->item_node[b] : s->refuge[b];
	c->n = 2;
	c->item[1] = b;
	c->to[0] = (uint32_t)p->item_node[b];
	c->to[1] = swap ? (uint32_t)p->item_node[a] : third;
	return c->to[0] != c->to[1] && c->to[0] != (uint32_t)p->item_node[a] && (swap || third != (uint32_t)p->item_node[a]);
}

CLONES uint32_t sheet_least(const struct sheet *s, const float *noise, float temperature, float *least)
{
	sheet_lanes best = { 0 };
	sheet_mask at = { 0 }, now = { 0, 1, 2, 3, 4, 5, 6, 7 };
	uint32_t first = 0;

	best += INFINITY;
	for (uint32_t k = 0; k < s->n_values; k += SHEET_LANES) {
		sheet_lanes v;
		sheet_mask less;

		memcpy(&v, noise + k, sizeof(v));
		v = *(const sheet_lanes *)(s->value + k) - temperature * v;
		less = v < best;
		best = (sheet_lanes)((less & (sheet_mask)v) | (~less & (sheet_mask)best));
		at = (less & now) | (~less & at);
		now += SHEET_LANES;
	}
	for (uint32_t l = 1; l < SHEET_LANES; l++)
		if (best[l] < best[first])
			first = l;
	*least = best[first];
	return (uint32_t)at[first];
}
