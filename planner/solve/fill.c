/*
 * Constructive packing for large fleets: node by node instead of item by item. Each node takes, again and again, the item that
 * has the lowest price per size (a block is dear where the node has little room left) among a random sample of those not yet
 * placed, and is closed when nothing in the sample fits. Cost per placed item is O(sample), independent of the size of the
 * fleet; the random mix of sizes leaves small items for every node, where largest-first would use them up in the last ones.
 * What runs today stays; greedy.c keeps it.
 */
#include "planner/solve/fill.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "planner/search.h"
#include "planner/solve/order.h"
#include "planner/term.h"

#define SAMPLE 24            /* per item placed: a quick answer; squeeze.c improves it */
#define SAMPLE_LAST 500      /* looked at before a node is closed */
#define PRICE_SOFTENING 0.1f /* share of a node where a price stops rising; on one planted fleet 0.03 .. 0.3 differed by 2 % of the nodes */
#define LARGE_TESTS 4000000.0 /* items * nodes from which this beats looking at everything */

struct fill {
	const struct blocks *k;
	const struct instance *in;
	struct state *st;
	struct rng *rng;
	float *room, *price;       /* of the node under work */
	float value[SAMPLE_LAST];  /* of the sample under work */
	uint32_t *left, n_left;    /* in random order, so that neighbours are a random sample */
	float *rows;               /* [left * stride + b]: their shares side by side, which the processor fetches ahead */
};

/* Price of the blocks' shares, or infinity when the blocks already say that it cannot fit. */
__attribute__((target_clones("avx2,fma", "default"), optimize("fast-math")))
static float price_of(const float *restrict share, const float *restrict price, const float *restrict room, uint32_t n)
{
	const block_lanes *s = __builtin_assume_aligned(share, sizeof(block_lanes)), *p = __builtin_assume_aligned(price, sizeof(block_lanes));
	const block_lanes *r = __builtin_assume_aligned(room, sizeof(block_lanes));
	block_lanes sum = { 0 };
	block_masks over = { 0 };
	float total = 0;
	int32_t any = 0;

	for (uint32_t b = 0; b < n / BLOCK_LANES; b++) {
		sum += s[b] * p[b];
		over |= s[b] > r[b];
	}
	for (uint32_t b = 0; b < BLOCK_LANES; b++) {
		total += sum[b];
		any |= over[b];
	}
	return any ? BLOCKS_NEVER : total;
}

static float price(float room)
{
	return 1 / ((room + PRICE_SOFTENING) * (room + PRICE_SOFTENING));
}

static void set_prices(struct fill *f, uint32_t node)
{
	const struct instance *in = f->in;
	const struct blocks *k = f->k;
	const int64_t *load = f->st->load + (size_t)node * in->n_columns, *capacity = in->capacity + (size_t)node * in->n_columns;

	blocks_room(k, f->st, node, f->room);
	for (uint32_t b = 0; b < k->n; b++) {
		float least = 1;

		for (uint32_t c = k->first[b]; c < k->first[b + 1]; c++)
			least = fminf(least, capacity[c] ? (float)(capacity[c] - load[c]) / (float)capacity[c] : 1);
		f->price[b] = price(least);
		f->room[b] = f->room[b] * (1 + 1e-5f) + 1e-7f; /* float rounding must not keep out what fits */
	}
	for (uint32_t b = k->n; b < k->n + k->n_pressures; b++) {
		f->price[b] = price(fmaxf(f->room[b], 0));
		f->room[b] = BLOCKS_NEVER;
	}
}

/* The best of a sample for the node: an index into left, or -1. All are priced before the dear test of whether the best fits. */
static int64_t pick(struct fill *f, uint32_t node, uint32_t sample)
{
	const struct blocks *k = f->k;
	uint32_t start = f->n_left > sample ? rng_below(f->rng, f->n_left) : 0, at = start;

	if (sample > f->n_left)
		sample = f->n_left;
	for (uint32_t t = 0; t < sample; t++, at = at + 1 < f->n_left ? at + 1 : 0) {
		float v = price_of(f->rows + (size_t)at * k->stride, f->price, f->room, k->stride);

		f->value[t] = v < BLOCKS_NEVER ? v / k->size[f->in->item_service[f->left[at]]] : BLOCKS_NEVER;
	}
	for (;;) {
		uint32_t best = 0;

		for (uint32_t t = 1; t < sample; t++)
			best = f->value[t] < f->value[best] ? t : best;
		if (!sample || f->value[best] >= BLOCKS_NEVER)
			return -1;
		at = start + best < f->n_left ? start + best : start + best - f->n_left;
		if (state_fits(f->st, f->in->item_service[f->left[at]], node))
			return at;
		f->value[best] = BLOCKS_NEVER;
	}
}

static void remove_at(struct fill *f, uint32_t at)
{
	size_t stride = f->k->stride;

	f->left[at] = f->left[--f->n_left];
	memcpy(f->rows + at * stride, f->rows + f->n_left * stride, stride * sizeof(float));
}

static void lay_rows(struct fill *f)
{
	size_t stride = f->k->stride;

	for (uint32_t i = f->n_left; i > 1; i--) {
		uint32_t other = rng_below(f->rng, i), item = f->left[other];

		f->left[other] = f->left[i - 1];
		f->left[i - 1] = item;
	}
	f->rows = blocks_rows(f->k, f->n_left);
	for (uint32_t i = 0; i < f->n_left; i++)
		memcpy(f->rows + i * stride, f->k->share + f->in->item_service[f->left[i]] * stride, stride * sizeof(float));
}

static void fill_node(struct fill *f, uint32_t node)
{
	while (f->n_left) {
		int64_t at;

		set_prices(f, node);
		at = pick(f, node, SAMPLE);
		if (at < 0 && (at = pick(f, node, SAMPLE_LAST)) < 0)
			return;
		state_put(f->st, f->left[at], node);
		remove_at(f, (uint32_t)at);
	}
}

uint32_t *fill_order(const struct blocks *k)
{
	const struct instance *in = k->in;
	uint32_t *order = mem_alloc(in->n_nodes, sizeof(*order));
	double *cheap = mem_alloc(in->n_nodes, sizeof(*cheap));
	float *room = blocks_rows(k, 1);

	for (uint32_t n = 0; n < in->n_nodes; n++) {
		double worth = 1e-9;

		blocks_capacity(k, n, room);
		for (uint32_t b = 0; b < k->n; b++)
			worth += (double)(room[b] * k->ideal[b]);
		cheap[n] = -(double)in->nodes[n].cost / worth;
		order[n] = n;
	}
	order_by_key(order, in->n_nodes, cheap);
	free(cheap);
	free(room);
	return order;
}

uint32_t fill_place(const struct blocks *k, struct state *st, const uint32_t *order, uint32_t *items, uint32_t n, struct rng *rng)
{
	const struct instance *in = k->in;
	struct fill f = { .k = k, .in = in, .st = st, .rng = rng, .left = items, .n_left = n };
	uint32_t kept = 0;

	f.room = blocks_rows(k, 1);
	f.price = blocks_rows(k, 1);
	lay_rows(&f);
	for (uint32_t i = 0; i < in->n_nodes && f.n_left && !search_interrupted; i++)
		if (!st->items[order[i]].n)
			fill_node(&f, order[i]);
	for (uint32_t i = 0; i < f.n_left; i++) { /* whatever rules and limits left over: anywhere */
		uint32_t at = 0;

		while (at < in->n_nodes && !state_fits(st, in->item_service[items[i]], order[at]))
			at++;
		if (at < in->n_nodes)
			state_put(st, items[i], order[at]);
		else
			items[kept++] = items[i];
	}
	free(f.room);
	free(f.price);
	free(f.rows);
	return kept;
}

static void run(struct search *s)
{
	const struct instance *in = s->in;
	struct state *st = state_new(in, s->model);
	struct blocks *k = blocks_new(in, s->model);
	uint32_t *order = fill_order(k), *items = mem_alloc(in->n_items, sizeof(*items));
	struct rng rng;

	rng_seed_stream(&rng, s->seed, 77);
	for (uint32_t i = 0; i < in->n_items; i++)
		items[i] = i;
	fill_place(k, st, order, items, in->n_items, &rng);
	if (state_whole_ok(st))
		search_offer(s, st->item_node, objective_value(in, s->model, st->item_node), "fill");
	free(items);
	free(order);
	blocks_free(k);
	state_free(st);
}

static bool applies(const struct search *s)
{
	for (uint32_t i = 0; i < s->in->n_items; i++)
		if (s->in->item_node[i] >= 0)
			return false;
	return (double)s->in->n_items * s->in->n_nodes > LARGE_TESTS;
}

const struct packer packer_fill = { .name = "fill", .help = "node by node, best of a sample (large fleets)", .applies = applies, .run = run };
