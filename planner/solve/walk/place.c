/*
 * A placement's books: making, loading, entering and leaving a node; see place.h.
 */
#include "planner/solve/walk/place_row.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* What is lost by an overload of one unit when none is allowed, in multiples of the whole cost. */
#define FORBIDDEN 1e3

CLONES void place_resum(struct place *p, uint32_t node)
{
	const struct scalar *sc = p->sc;
	const lanes *row = row_of(p, node);
	lanes sum = { 0 }, paid = { 0 };
	mask over = { 0 };
	double cost;

	for (uint32_t k = 0; k < sc->hard; k++) {
		paid += p->price[k] * positive(-row[k]);
		over |= row[k] < (lanes){ 0 };
	}
	row += sc->hard;
	for (uint32_t k = 0; k < sc->soft; k++)
		sum += positive(row[k]);
	cost = total(sum) + use_cost(sc, node, p->node_items[node]);
	p->cost += cost - p->node_sum[node];
	p->n_over -= p->node_over[node];
	p->node_over[node] = (over[0] | over[1] | over[2] | over[3]) != 0;
	p->n_over += p->node_over[node];
	p->node_sum[node] = cost;
	p->node_paid[node] = cost + total(paid);
}

CLONES void place_book(struct place *p, uint32_t item, uint32_t node, int sign)
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

static void resum_all(struct place *p)
{
	for (uint32_t m = 0; m < p->sc->in->n_nodes; m++)
		place_resum(p, m);
}

void place_price(struct place *p, double price)
{
	for (uint32_t k = 0; k < p->sc->hard; k++)
		p->price[k] = price * p->sc->unit[k];
	resum_all(p);
}

/* Nodes that are overloaded in one column. */
static uint32_t count_over(const struct place *p, uint32_t column)
{
	const struct scalar *sc = p->sc;
	uint32_t n = 0;

	for (uint32_t m = 0; m < sc->in->n_nodes; m++)
		n += ((const double *)row_of(p, m))[column] < 0;
	return n;
}

void place_price_steer(struct place *p, double share, double step, double least)
{
	const struct scalar *sc = p->sc;
	double *price = (double *)p->price;
	double wanted = share * sc->in->n_nodes;

	for (uint32_t c = 0; c < sc->in->n_columns; c++) {
		double far = (count_over(p, c) - wanted) / fmax(1, wanted), floor = least * ((const double *)sc->unit)[c];

		price[c] = fmax(floor, price[c] * (1 + step * fmin(far, 1)));
	}
	resum_all(p);
}

void place_price_forbid(struct place *p)
{
	place_price(p, FORBIDDEN * fmax(1, p->sc->widest) * fmax(1, fabs(p->cost)));
}

static void limits_alloc(struct place *p)
{
	const struct instance *in = p->sc->in;

	if (!p->sc->model)
		return;
	p->pressure = mem_alloc((size_t)in->n_nodes * (size_t)model_n_pressures(p->sc->model), sizeof(double));
	node_lists_init(&p->by_node, in->n_nodes, in->n_items);
}

struct place *place_new(const struct scalar *sc)
{
	const struct instance *in = sc->in;
	struct place *p = mem_alloc(1, sizeof(*p));

	p->sc = sc;
	p->item_node = mem_alloc(in->n_items, sizeof(int32_t));
	p->row = lanes_new((size_t)in->n_nodes * (sc->hard + sc->soft));
	p->price = lanes_new(sc->hard);
	p->node_sum = mem_alloc(in->n_nodes, sizeof(double));
	p->node_paid = mem_alloc(in->n_nodes, sizeof(double));
	p->node_over = mem_alloc(in->n_nodes, sizeof(bool));
	p->node_items = mem_alloc(in->n_nodes, sizeof(uint32_t));
	p->count = mem_alloc((size_t)in->n_nodes * in->n_groups, sizeof(uint16_t));
	p->moved = mem_alloc(in->n_groups, sizeof(uint32_t));
	p->histogram = mem_alloc((size_t)in->n_items + 1, sizeof(uint32_t));
	p->per_value = mem_alloc(sc->n_labels, sizeof(*p->per_value));
	p->distinct = mem_alloc(sc->n_labels, sizeof(*p->distinct));
	for (uint32_t l = 0; l < sc->n_labels; l++) {
		p->per_value[l] = mem_alloc((size_t)in->n_groups * place_label_values(sc, l), sizeof(uint16_t));
		p->distinct[l] = mem_alloc(in->n_groups, sizeof(uint32_t));
	}
	limits_alloc(p);
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
	free(p->price);
	free(p->node_sum);
	free(p->node_paid);
	free(p->node_over);
	free(p->node_items);
	free(p->count);
	free(p->moved);
	free(p->histogram);
	free(p->pressure);
	node_lists_fini(&p->by_node);
	free(p);
}

static void clear(struct place *p)
{
	const struct scalar *sc = p->sc;
	const struct instance *in = sc->in;

	memcpy(p->row, sc->empty, (size_t)in->n_nodes * (sc->hard + sc->soft) * sizeof(lanes));
	memset(p->node_sum, 0, in->n_nodes * sizeof(double));
	memset(p->node_over, 0, in->n_nodes * sizeof(bool));
	memset(p->node_items, 0, in->n_nodes * sizeof(uint32_t));
	memset(p->count, 0, (size_t)in->n_nodes * in->n_groups * sizeof(uint16_t));
	memset(p->moved, 0, in->n_groups * sizeof(uint32_t));
	memset(p->histogram, 0, ((size_t)in->n_items + 1) * sizeof(uint32_t));
	p->histogram[0] = in->n_groups;
	p->max_moved = p->n_moved = p->n_over = 0;
	p->cost = 0;
	for (uint32_t l = 0; l < sc->n_labels; l++) {
		memset(p->per_value[l], 0, (size_t)in->n_groups * place_label_values(sc, l) * sizeof(uint16_t));
		memset(p->distinct[l], 0, in->n_groups * sizeof(uint32_t));
	}
	if (sc->model) {
		memset(p->pressure, 0, (size_t)in->n_nodes * (size_t)model_n_pressures(sc->model) * sizeof(double));
		node_lists_clear(&p->by_node, in->n_nodes);
	}
}

/* What leaves its node goes on holding the transient resources there. */
static void hold_transients(struct place *p)
{
	const struct scalar *sc = p->sc;

	for (uint32_t i = 0; i < sc->in->n_items; i++)
		if (sc->in->item_node[i] != NO_NODE) {
			lanes *row = row_of(p, (uint32_t)sc->in->item_node[i]);
			const lanes *full = need_of(sc, i), *stay = full + sc->hard;

			for (uint32_t k = 0; k < sc->hard; k++)
				row[k] -= full[k] - stay[k];
		}
}

bool place_load(struct place *p, const int32_t *item_node)
{
	const struct scalar *sc = p->sc;

	clear(p);
	hold_transients(p);
	memcpy(p->item_node, item_node, sc->in->n_items * sizeof(int32_t));
	for (uint32_t i = 0; i < sc->in->n_items; i++) {
		uint32_t node = (uint32_t)item_node[i], g = group_of(sc, i);

		if (item_node[i] == NO_NODE)
			return false;
		place_book(p, i, node, 1);
		place_label_count(p, g, node, 1);
		count_moved(p, g, is_moved(sc, i, node));
		p->cost += move_cost(sc, i, node);
		if (sc->model)
			place_limit_enter(p, i, node);
	}
	resum_all(p);
	p->cost += sc->move_group * p->max_moved;
	return place_rules_hold(p);
}
