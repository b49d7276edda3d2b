/* The books of a sheet: rows of nodes and replicas, transposed; see sheet.h. Written anew from the placement's exact rows, so nothing drifts. */
#include "planner/solve/walk/sheet_row.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define CROWDED 64 /* replicas per node, from which on writing all of two nodes costs more than a sweep */

static void write_node(struct sheet *s, uint32_t node)
{
	const double *row = (const double *)row_of(s->p, node), *soft = row + s->p->sc->hard * LANES;
	float *to = sheet_lane(s->node_row, s->columns, node);

	for (uint32_t k = 0; k < s->hard; k++)
		to[k * SHEET_LANES] = (float)-row[k];
	for (uint32_t k = s->hard; k < s->columns; k++)
		to[k * SHEET_LANES] = (float)soft[k - s->hard];
	s->node_base[node] = sheet_pays(s, to, NULL, 0);
}

static void write_item(struct sheet *s, uint32_t item)
{
	const struct scalar *sc = s->p->sc;
	uint32_t node = (uint32_t)s->p->item_node[item];
	const double *row = (const double *)row_of(s->p, node), *soft = row + sc->hard * LANES;
	const double *frees = (const double *)hard_of(sc, item, node), *less = (const double *)soft_of(sc, item);
	float *to = sheet_lane(s->item_row, s->columns, item);

	for (uint32_t k = 0; k < s->hard; k++)
		to[k * SHEET_LANES] = (float)-(row[k] + frees[k]);
	for (uint32_t k = s->hard; k < s->columns; k++)
		to[k * SHEET_LANES] = (float)(soft[k - s->hard] - less[k - s->hard]);
	s->item_base[item] = s->node_base[node];
	s->held[item] = (float)move_cost(sc, item, node);
	if (sc->in->item_node[item] == (int32_t)node)
		s->home_cost[item] = INFINITY;
}

static void write_home(struct sheet *s, uint32_t item, uint32_t home)
{
	sheet_need_home(s, item, s->other);
	s->home_cost[item] = sheet_pays(s, sheet_lane(s->node_row, s->columns, home), s->other, 1) - s->node_base[home] - s->held[item] +
			     sheet_opens(s, home);
}

static void touch_node(struct sheet *s, uint32_t node)
{
	write_node(s, node);
	s->changed_at[node] = ++s->clock;
}

static void touch(struct sheet *s, uint32_t node)
{
	touch_node(s, node);
	if (s->crowded)
		return;
	for (int32_t i = s->by_node.first[node]; i >= 0; i = s->by_node.next[i])
		write_item(s, (uint32_t)i);
	for (uint32_t k = s->home_start[node]; k < s->home_start[node + 1]; k++)
		if (s->p->item_node[s->home_item[k]] != (int32_t)node)
			write_home(s, s->home_item[k], node);
}

void sheet_refresh(struct sheet *s, uint32_t item)
{
	uint32_t node = (uint32_t)s->p->item_node[item];
	int32_t home = s->p->sc->in->item_node[item];
	bool away = home != NO_NODE && home != (int32_t)node;

	if (s->written_at[item] >= s->changed_at[node] && (!away || s->written_at[item] >= s->changed_at[home]))
		return;
	write_item(s, item);
	if (away)
		write_home(s, item, (uint32_t)home);
	s->written_at[item] = s->clock;
}

void sheet_moved(struct sheet *s, const struct chain *c, const uint32_t *from)
{
	for (uint32_t k = 0; k < c->n; k++) {
		node_lists_leave(&s->by_node, c->item[k], from[k]);
		node_lists_enter(&s->by_node, c->item[k], c->to[k]);
	}
	for (uint32_t k = 0; k < c->n; k++) {
		s->held[c->item[k]] = (float)move_cost(s->p->sc, c->item[k], c->to[k]);
		s->refuge_cost[c->item[k]] = INFINITY; /* it may stand there now */
	}
	touch(s, from[0]);
	for (uint32_t k = 0; k < c->n; k++)
		if (c->to[k] != from[0])
			touch(s, c->to[k]);
}

void sheet_reprice(struct sheet *s, double most)
{
	const double *price = (const double *)s->p->price, *unit = (const double *)s->p->sc->unit;

	for (uint32_t k = 0; k < s->hard; k++)
		s->price[k] = (float)fmin(price[k], most * unit[k]);
	for (uint32_t m = 0; m < s->p->sc->in->n_nodes; m++)
		touch_node(s, m);
	for (uint32_t i = 0; i < s->p->sc->in->n_items && !s->crowded; i++) {
		int32_t home = s->p->sc->in->item_node[i];

		s->item_base[i] = s->node_base[s->p->item_node[i]];
		if (home != NO_NODE && home != s->p->item_node[i])
			write_home(s, i, (uint32_t)home);
	}
}

void sheet_load(struct sheet *s)
{
	const struct instance *in = s->p->sc->in;

	node_lists_clear(&s->by_node, in->n_nodes);
	for (uint32_t i = 0; i < in->n_items; i++) {
		node_lists_enter(&s->by_node, i, (uint32_t)s->p->item_node[i]);
		s->home_cost[i] = s->refuge_cost[i] = INFINITY;
		s->held[i] = (float)move_cost(s->p->sc, i, (uint32_t)s->p->item_node[i]);
	}
	for (uint32_t m = 0; m < in->n_nodes; m++)
		touch(s, m);
}

/* Members of each of n sets, as start[] and member[]. of(): the set, or -1. */
static void index_sets(const struct instance *in, uint32_t n, int32_t (*of)(const struct instance *, uint32_t), uint32_t **start, uint32_t **member)
{
	uint32_t *at = mem_alloc(n + 1, sizeof(*at));

	*start = mem_alloc(n + 1, sizeof(**start));
	*member = mem_alloc(in->n_items, sizeof(**member));
	for (uint32_t i = 0; i < in->n_items; i++)
		if (of(in, i) >= 0)
			(*start)[of(in, i) + 1]++;
	for (uint32_t k = 0; k < n; k++)
		(*start)[k + 1] += (*start)[k];
	memcpy(at, *start, (n + 1) * sizeof(*at));
	for (uint32_t i = 0; i < in->n_items; i++)
		if (of(in, i) >= 0)
			(*member)[at[of(in, i)]++] = i;
	free(at);
}

static int32_t home_of(const struct instance *in, uint32_t item)
{
	return in->item_node[item];
}

static int32_t group_index(const struct instance *in, uint32_t item)
{
	return (int32_t)in->services[in->item_service[item]].group;
}

static float *floats(size_t n, float value)
{
	size_t padded = (n + SHEET_LANES) / SHEET_LANES * SHEET_LANES;
	float *v = mem_aligned(padded, sizeof(float), sizeof(sheet_lanes));

	for (size_t k = 0; k < padded; k++)
		v[k] = value;
	return v;
}

static void write_needs(struct sheet *s)
{
	const struct scalar *sc = s->p->sc;

	for (uint32_t i = 0; i < sc->in->n_items; i++) {
		const double *full = (const double *)need_of(sc, i), *stay = full + sc->hard * LANES, *soft = stay + sc->hard * LANES;
		float *to = sheet_lane(s->item_need, s->columns, i);

		for (uint32_t k = 0; k < s->hard; k++) {
			to[k * SHEET_LANES] = (float)full[k];
			s->home_need[(size_t)i * s->hard + k] = (float)stay[k];
		}
		for (uint32_t k = s->hard; k < s->columns; k++)
			to[k * SHEET_LANES] = (float)soft[k - s->hard];
		s->move_cost[i] = sc->in->item_node[i] == NO_NODE ? 0 : (float)sc->move_cost[i];
	}
}

struct sheet *sheet_new(struct place *p)
{
	const struct instance *in = p->sc->in;
	struct sheet *s = mem_alloc(1, sizeof(*s));
	size_t node_blocks = sheet_blocks(in->n_nodes), item_blocks = sheet_blocks(in->n_items);

	s->p = p;
	s->hard = in->n_columns;
	s->columns = s->hard + p->sc->n_soft;
	s->node_row = floats(node_blocks * s->columns * SHEET_LANES, INFINITY);
	s->item_row = floats(item_blocks * s->columns * SHEET_LANES, INFINITY);
	s->item_need = floats(item_blocks * s->columns * SHEET_LANES, 0);
	s->home_need = floats((size_t)in->n_items * s->hard, 0);
	s->price = floats(s->columns, 1);
	s->node_base = floats(in->n_nodes, 0);
	s->item_base = floats(in->n_items, 0);
	s->held = floats(in->n_items, 0);
	s->move_cost = floats(in->n_items, 0);
	s->home_cost = floats(in->n_items, INFINITY);
	s->refuge_cost = floats(in->n_items, INFINITY);
	s->refuge = mem_alloc(in->n_items, sizeof(*s->refuge));
	s->need = floats(s->columns, 0);
	s->need_home = floats(s->columns, 0);
	s->left = floats(s->columns, 0);
	s->other = floats(s->columns, 0);
	s->to_cost = floats(in->n_nodes, 0);
	s->value = floats(3 * SHEET_SPAN + 4 * SHEET_LANES, INFINITY);
	s->crowded = in->n_items / in->n_nodes >= CROWDED;
	s->changed_at = mem_alloc(in->n_nodes, sizeof(*s->changed_at));
	s->written_at = mem_alloc(in->n_items, sizeof(*s->written_at));
	s->closed = floats(in->n_nodes, 0);
	node_lists_init(&s->by_node, in->n_nodes, in->n_items);
	index_sets(in, in->n_nodes, home_of, &s->home_start, &s->home_item);
	index_sets(in, in->n_groups, group_index, &s->group_start, &s->group_item);
	write_needs(s);
	return s;
}

void sheet_free(struct sheet *s)
{
	if (!s)
		return;
	free(s->node_row);
	free(s->item_row);
	free(s->item_need);
	free(s->home_need);
	free(s->price);
	free(s->node_base);
	free(s->item_base);
	free(s->held);
	free(s->move_cost);
	free(s->home_cost);
	free(s->refuge_cost);
	free(s->refuge);
	free(s->need);
	free(s->need_home);
	free(s->left);
	free(s->other);
	free(s->to_cost);
	free(s->value);
	free(s->changed_at);
	free(s->written_at);
	free(s->closed);
	node_lists_fini(&s->by_node);
	free(s->home_start);
	free(s->home_item);
	free(s->group_start);
	free(s->group_item);
	free(s);
}
