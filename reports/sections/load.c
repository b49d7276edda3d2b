/*
 * Load of every node under a placement: see load.h. Computed here from the placement alone, not taken from the planner.
 */
#include "reports/sections/load.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

struct load *load_new(const struct instance *in, const int32_t *item_node)
{
	struct load *l = mem_alloc(1, sizeof(*l));

	l->in = in;
	l->item_node = item_node;
	l->v = mem_alloc((size_t)in->n_nodes * in->n_columns + 1, sizeof(*l->v));
	l->items = mem_alloc(in->n_nodes + 1, sizeof(*l->items));
	for (uint32_t i = 0; i < in->n_items; i++) {
		const int64_t *d = in->demand + (size_t)in->item_service[i] * in->n_columns;

		if (item_node[i] == NO_NODE)
			continue;
		l->placed++;
		l->used += !l->items[item_node[i]]++;
		for (uint32_t c = 0; c < in->n_columns; c++)
			l->v[(size_t)item_node[i] * in->n_columns + c] += d[c];
	}
	return l;
}

void load_free(struct load *l)
{
	if (!l)
		return;
	free(l->v);
	free(l->items);
	free(l);
}

double load_peak(const struct load *l, uint32_t node, uint32_t resource, uint32_t *slot)
{
	const struct resource *r = &l->in->resources[resource];
	double most = NAN;

	for (uint32_t t = 0; t < r->slots; t++) {
		size_t k = (size_t)node * l->in->n_columns + r->column + t;
		double v = l->in->capacity[k] ? (double)l->v[k] / (double)l->in->capacity[k] : l->v[k] ? (double)INFINITY : (double)NAN;

		if (isnan(v) || v <= most)
			continue;
		most = v;
		if (slot)
			*slot = t;
	}
	return most;
}

double load_fill(const struct load *l, uint32_t resource)
{
	const struct resource *r = &l->in->resources[resource];
	double most = NAN;

	for (uint32_t t = 0; t < r->slots; t++) {
		double load = 0, room = 0;

		for (uint32_t n = 0; n < l->in->n_nodes; n++) {
			size_t k = (size_t)n * l->in->n_columns + r->column + t;

			load += l->items[n] ? (double)l->v[k] : 0;
			room += l->items[n] ? (double)l->in->capacity[k] : 0;
		}
		most = room > 0 && !(load / room <= most) ? load / room : most;
	}
	return most;
}
