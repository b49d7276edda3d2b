/*
 * Constructive packing for large fleets: node by node instead of item by item. Each node takes, again and again, the item that
 * has the lowest price per size (a column is dear where the node has little room left) among a random sample of those not yet placed, and is closed when nothing in the sample
 * fits. Cost per placed item is O(sample), independent of the size of the fleet; the random mix of sizes leaves small
 * items for every node, where largest-first would use them up in the last ones. What runs today stays; greedy.c keeps it.
 */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "planner/search.h"
#include "planner/state.h"
#include "planner/term.h"

#define SAMPLE 24            /* 100k services in a second; 100 gives 0.8 % fewer nodes */
#define SAMPLE_LAST 500      /* looked at before a node is closed */
#define BLOCKS 4             /* per resource; 3 .. 24 give the same packings within 0.3 % */
#define PRICE_SOFTENING 0.1f /* share of a node where a price stops rising; 0.03 .. 0.3 differ by 2 % of the nodes */
#define LARGE_TESTS 4000000.0 /* items * nodes from which this beats looking at everything */


struct fill {
	struct search *s;
	const struct instance *in;
	struct state *st;
	struct rng rng;
	uint32_t n_blocks, *block; /* [column] */
	float *share;        /* [service * n_blocks + b]: mean demand / mean capacity of the block */
	float *size;         /* [service]: mean of its shares */
	float *price;        /* [n_blocks] of the node under work: dear where little room is left */
	uint32_t *left, n_left;
};

/* Blocks of neighbouring slots stand for their mean: a sixth of the memory traffic for the same packings. */
static void make_blocks(struct fill *f)
{
	const struct instance *in = f->in;

	f->block = mem_alloc(in->n_columns, sizeof(*f->block));
	for (uint32_t r = 0; r < in->n_resources; r++) {
		uint32_t slots = in->resources[r].slots, n = slots < BLOCKS ? slots : BLOCKS;

		for (uint32_t t = 0; t < slots; t++)
			f->block[in->resources[r].column + t] = f->n_blocks + t * n / slots;
		f->n_blocks += n;
	}
}

static void measure(struct fill *f)
{
	const struct instance *in = f->in;
	uint32_t width = in->n_columns;
	double *capacity = mem_alloc(f->n_blocks, sizeof(*capacity));

	for (uint32_t n = 0; n < in->n_nodes; n++)
		for (uint32_t c = 0; c < width; c++)
			capacity[f->block[c]] += (double)in->capacity[(size_t)n * width + c];
	for (uint32_t b = 0; b < f->n_blocks; b++)
		capacity[b] = capacity[b] > 0 ? in->n_nodes / capacity[b] : 0;
	for (uint32_t s = 0; s < in->n_services; s++) {
		float *share = f->share + (size_t)s * f->n_blocks, sum = 0;

		for (uint32_t c = 0; c < width; c++)
			share[f->block[c]] += (float)((double)in->demand[(size_t)s * width + c] * capacity[f->block[c]]);
		for (uint32_t b = 0; b < f->n_blocks; b++)
			sum += share[b];
		f->size[s] = sum / (float)f->n_blocks + 1e-9f;
	}
	free(capacity);
}

__attribute__((target_clones("avx512f", "avx2", "default"), optimize("fast-math")))
static float dot(const float *restrict a, const float *restrict b, uint32_t n)
{
	float sum = 0;

	for (uint32_t c = 0; c < n; c++)
		sum += a[c] * b[c];
	return sum;
}

static void set_prices(struct fill *f, uint32_t node)
{
	const struct instance *in = f->in;
	const int64_t *load = f->st->load + (size_t)node * in->n_columns, *capacity = in->capacity + (size_t)node * in->n_columns;

	for (uint32_t b = 0; b < f->n_blocks; b++)
		f->price[b] = 1;
	for (uint32_t c = 0; c < in->n_columns; c++) {
		float room = capacity[c] ? (float)(capacity[c] - load[c]) / (float)capacity[c] : 1;

		f->price[f->block[c]] = fminf(f->price[f->block[c]], room);
	}
	for (uint32_t b = 0; b < f->n_blocks; b++)
		f->price[b] = 1 / ((f->price[b] + PRICE_SOFTENING) * (f->price[b] + PRICE_SOFTENING));
}

/* Price per size: low when the item uses what the node has left over. */
static float score(const struct fill *f, uint32_t service)
{
	return dot(f->share + (size_t)service * f->n_blocks, f->price, f->n_blocks) / f->size[service];
}

/* The best of a sample for the node: an index into left, or -1. */
static int64_t pick(struct fill *f, uint32_t node, uint32_t sample)
{
	float best = INFINITY;
	int64_t found = -1;

	if (sample > f->n_left)
		sample = f->n_left;
	for (uint32_t k = 0; k < sample; k++) {
		uint32_t at = sample == f->n_left ? k : rng_below(&f->rng, f->n_left), service = f->in->item_service[f->left[at]];
		float v = score(f, service);

		if (v < best && state_fits(f->st, service, node)) {
			best = v;
			found = at;
		}
	}
	return found;
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
		f->left[at] = f->left[--f->n_left];
	}
}

static const struct instance *order_in;
static int by_cost(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	int64_t p = order_in->nodes[x].cost, q = order_in->nodes[y].cost;

	return p != q ? (p < q ? -1 : 1) : (x > y) - (x < y);
}

static void fill_all(struct fill *f)
{
	const struct instance *in = f->in;
	uint32_t *nodes = mem_alloc(in->n_nodes, sizeof(*nodes)), kept = 0;

	for (uint32_t n = 0; n < in->n_nodes; n++)
		nodes[n] = n;
	order_in = in;
	qsort(nodes, in->n_nodes, sizeof(*nodes), by_cost);
	for (uint32_t k = 0; k < in->n_nodes && f->n_left && !search_interrupted; k++)
		fill_node(f, nodes[k]);
	for (uint32_t k = 0; k < f->n_left; k++) { /* whatever rules and limits left over: anywhere */
		uint32_t n = 0;

		while (n < in->n_nodes && !state_fits(f->st, in->item_service[f->left[k]], nodes[n]))
			n++;
		if (n < in->n_nodes)
			state_put(f->st, f->left[k], nodes[n]);
		else
			kept++;
	}
	f->n_left = kept;
	free(nodes);
}

static void run(struct search *s)
{
	const struct instance *in = s->in;
	struct fill f = { .s = s, .in = in, .st = state_new(in, s->model) };

	rng_seed_stream(&f.rng, s->seed, 77);
	make_blocks(&f);
	f.share = mem_alloc((size_t)in->n_services * f.n_blocks, sizeof(*f.share));
	f.size = mem_alloc(in->n_services, sizeof(*f.size));
	f.price = mem_alloc(f.n_blocks, sizeof(*f.price));
	f.left = mem_alloc(in->n_items, sizeof(*f.left));
	for (uint32_t i = 0; i < in->n_items; i++)
		f.left[i] = i;
	f.n_left = in->n_items;
	measure(&f);
	fill_all(&f);
	if (state_whole_ok(f.st))
		search_offer(s, f.st->item_node, objective_value(in, s->model, f.st->item_node), "fill");
	state_free(f.st);
	free(f.size);
	free(f.share);
	free(f.price);
	free(f.block);
	free(f.left);
}

static bool applies(const struct search *s)
{
	for (uint32_t i = 0; i < s->in->n_items; i++)
		if (s->in->item_node[i] >= 0)
			return false;
	return (double)s->in->n_items * s->in->n_nodes > LARGE_TESTS;
}

const struct packer packer_fill = { .name = "fill", .help = "node by node, best of a sample (large fleets)", .applies = applies, .run = run };
