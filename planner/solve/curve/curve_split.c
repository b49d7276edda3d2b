/* See curve_split.h. */
#include "planner/solve/curve/curve_split.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "planner/solve/curve/curve_order.h"
#include "planner/solve/curve/curve_rules.h"

#define REGION_NODES 100 /* so that the coarse rows of a region stay in a core's own cache */

static void shuffle(struct rng *r, uint32_t *v, uint32_t n)
{
	for (uint32_t i = n; i > 1; i--) {
		uint32_t k = rng_below(r, i), other = v[i - 1];

		v[i - 1] = v[k];
		v[k] = other;
	}
}

/* Nodes dealt out at random; in each region those in use come first. */
static void deal_nodes(struct curve_split *x, struct rng *rng)
{
	uint32_t n = x->c->in->n_nodes, at = 0;

	shuffle(rng, x->order, n);
	for (uint32_t k = 0; k < x->n_regions; k++) {
		struct curve_region *r = &x->regions[k];
		uint32_t from = (uint32_t)((uint64_t)n * k / x->n_regions), to = (uint32_t)((uint64_t)n * (k + 1) / x->n_regions);

		r->nodes = x->nodes + at;
		for (int used = 1; used >= 0; used--) {
			for (uint32_t i = from; i < to; i++)
				if ((x->c->items[x->order[i]].n > 0) == used) {
					x->region_of[x->order[i]] = k;
					x->index_of[x->order[i]] = (uint32_t)(x->nodes + at - r->nodes);
					x->nodes[at++] = x->order[i];
				}
			if (used)
				r->n_open = (uint32_t)(x->nodes + at - r->nodes);
		}
		r->n_nodes = to - from;
	}
}

/* The region's part of what its nodes and items, from `first` on, need for sweeps. */
static void slice_sweep(const struct curve_split *x, struct curve_region *r, uint32_t first)
{
	const struct curve_sweep *all = &x->sweep;
	size_t node = (size_t)(r->nodes - x->nodes), width = x->c->coarse_width;

	r->sweep = (struct curve_sweep){
		.rows = all->rows + first * width, .without = all->without + first * width, .scale = all->scale + first * x->c->n_paid,
		.paid = all->paid + first, .stale = all->stale + node, .is_stale = all->is_stale + node,
	};
}

/* The smaller before the larger, so that neighbours in a region's list are alike in size. */
static void deal_items(struct curve_split *x)
{
	uint32_t at = 0;

	for (uint32_t k = 0; k < x->n_regions; k++) {
		struct curve_region *r = &x->regions[k];

		r->items = x->items + at;
		r->slots = x->slots + at;
		r->loose = x->loose + at;
		r->rows = x->rows + (size_t)at * x->c->coarse_width;
		slice_sweep(x, r, at);
		r->n_items = 0;
		for (uint32_t i = 0; i < r->n_open; i++)
			at += x->c->items[r->nodes[i]].n;
		at = (at + CURVE_LANES - 1) / CURVE_LANES * CURVE_LANES;
	}
	for (uint32_t i = 0; i < x->c->in->n_items; i++) {
		uint32_t item = x->by_size[i];

		if (x->c->item_node[item] != NO_NODE) {
			struct curve_region *r = &x->regions[x->region_of[x->c->item_node[item]]];

			r->items[r->n_items++] = item;
		}
	}
}

/* Each cluster of rules over labels goes to the region of one of its replicas, drawn at random. */
static void deal_clusters(struct curve_split *x, struct rng *rng)
{
	struct curve_rules *r = x->c->rules;
	uint32_t *seen;

	if (!r->n_clusters)
		return;
	seen = mem_alloc(r->n_clusters, sizeof(*seen));
	for (uint32_t i = 0; i < x->c->in->n_items; i++) {
		uint32_t k = r->cluster[r->item_group[i]];

		if (k != CURVE_ANY && x->c->item_node[i] != NO_NODE && !rng_below(rng, ++seen[k]))
			r->cluster_owner[k] = x->region_of[x->c->item_node[i]];
	}
	free(seen);
}

/* The smallest first. */
static uint32_t *items_by_size(const struct curve *c, const double *size)
{
	uint32_t n = c->in->n_items, *order = mem_alloc(n, sizeof(*order));
	struct curve_order *v = mem_alloc(n, sizeof(*v));

	for (uint32_t i = 0; i < n; i++)
		v[i] = (struct curve_order){ size[c->in->item_service[i]], 0, i };
	curve_order_sort(v, n);
	for (uint32_t i = 0; i < n; i++)
		order[n - 1 - i] = v[i].item;
	free(v);
	return order;
}

static void alloc_sweep(struct curve_split *x, uint32_t n_slots)
{
	size_t width = x->c->coarse_width, n = x->c->in->n_nodes;
	struct rng rng;

	x->sweep.rows = curve_rows_alloc(n_slots * width);
	x->sweep.without = curve_rows_alloc(n_slots * width);
	x->sweep.scale = curve_rows_alloc((size_t)n_slots * x->c->n_paid);
	x->sweep.paid = curve_rows_alloc(n_slots);
	x->sweep.stale = mem_alloc(n, sizeof(uint32_t));
	x->sweep.is_stale = mem_alloc(n, sizeof(bool));
	rng_seed(&rng, 0);
	gumbel_init(&x->gumbel, n_slots, &rng);
}

struct curve_split *curve_split_new(struct curve *c)
{
	struct curve_split *x = mem_alloc(1, sizeof(*x));
	uint32_t n = c->in->n_nodes, n_slots;

	x->c = c;
	x->n_regions = (n + REGION_NODES - 1) / REGION_NODES;
	n_slots = c->in->n_items + CURVE_LANES * x->n_regions;
	x->region_of = mem_alloc(n, sizeof(uint32_t));
	x->index_of = mem_alloc(n, sizeof(uint32_t));
	x->nodes = mem_alloc(n, sizeof(uint32_t));
	x->order = mem_alloc(n, sizeof(uint32_t));
	x->items = mem_alloc(n_slots, sizeof(uint32_t));
	x->slots = mem_alloc(n_slots, sizeof(*x->slots));
	x->rows = curve_rows_alloc((size_t)n_slots * c->coarse_width);
	x->sizes = curve_order_means(c);
	x->by_size = items_by_size(c, x->sizes);
	x->slot_of = mem_alloc(c->in->n_items, sizeof(uint32_t));
	x->loose = mem_alloc(n_slots, sizeof(uint32_t));
	alloc_sweep(x, n_slots);
	for (uint32_t m = 0; m < n; m++)
		x->order[m] = m;
	x->regions = mem_alloc(x->n_regions, sizeof(*x->regions));
	x->bundles = curve_rows_alloc((size_t)x->n_regions * c->width);
	for (uint32_t k = 0; k < x->n_regions; k++) {
		struct curve_region *r = &x->regions[k];

		r->c = c;
		r->index = k;
		r->sizes = x->sizes;
		r->slot_of = x->slot_of;
		r->region_of = x->region_of;
		r->index_of = x->index_of;
		r->gumbel = &x->gumbel;
		r->bundle = x->bundles + (size_t)k * c->width;
	}
	return x;
}

static void free_sweep(struct curve_sweep *w)
{
	void *all[] = { w->rows, w->without, w->scale, w->paid, w->stale, w->is_stale };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		free(all[i]);
}

void curve_split_free(struct curve_split *x)
{
	if (!x)
		return;
	free(x->regions);
	free(x->region_of);
	free(x->nodes);
	free(x->order);
	free(x->items);
	free(x->slots);
	free(x->rows);
	free(x->by_size);
	free(x->sizes);
	free(x->slot_of);
	free(x->loose);
	free(x->bundles);
	free(x->index_of);
	free_sweep(&x->sweep);
	gumbel_fini(&x->gumbel);
	free(x);
}

void curve_split_deal(struct curve_split *x, struct rng *rng)
{
	deal_nodes(x, rng);
	deal_items(x);
	deal_clusters(x, rng);
}
