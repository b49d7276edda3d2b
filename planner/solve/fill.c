/*
 * Constructive packing for large fleets: node by node instead of item by item. Each node takes, again and again, the item that
 * leaves the least squared room (by resource) among a random sample of those not yet placed, and is closed when nothing in the sample
 * fits. Cost per placed item is O(sample), independent of the size of the fleet; the random mix of sizes leaves small
 * items for every node, where largest-first would use them up in the last ones. What runs today stays; greedy.c keeps it.
 */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "planner/search.h"
#include "planner/state.h"
#include "planner/term.h"

#define SAMPLE 48          /* 100k services: 0.5 s; 2x gives 0.3 % fewer nodes */
#define SAMPLE_LAST 256    /* looked at before a node is closed */
#define LARGE_TESTS 4000000.0 /* items * nodes from which this beats looking at everything */

struct fill {
	struct search *s;
	const struct instance *in;
	struct state *st;
	struct rng rng;
	float *size;         /* [service * n_resources + r]: peak over slots, share of a mean node */
	float *room;         /* [n_resources] of the node under work */
	uint32_t *left, n_left;
};

static void measure(struct fill *f)
{
	const struct instance *in = f->in;

	for (uint32_t r = 0; r < in->n_resources; r++) {
		const struct resource *res = &in->resources[r];
		double capacity = 0;

		for (uint32_t n = 0; n < in->n_nodes; n++)
			capacity += (double)in->capacity[(size_t)n * in->n_columns + res->column];
		for (uint32_t s = 0; s < in->n_services; s++) {
			double sum = 0;

			for (uint32_t t = 0; t < res->slots; t++)
				sum += (double)in->demand[(size_t)s * in->n_columns + res->column + t];
			f->size[(size_t)s * in->n_resources + r] = (float)(capacity > 0 ? sum / res->slots / capacity * in->n_nodes : 0);
		}
	}
}

static float score(const struct fill *f, uint32_t service)
{
	const float *d = f->size + (size_t)service * f->in->n_resources;
	float sum = 0;

	for (uint32_t r = 0; r < f->in->n_resources; r++) {
		float room = f->room[r] - d[r];

		sum += room * room;
	}
	return sum;
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
	for (uint32_t r = 0; r < f->in->n_resources; r++)
		f->room[r] = 1;
	while (f->n_left) {
		int64_t at = pick(f, node, SAMPLE);
		uint32_t service;

		if (at < 0 && (at = pick(f, node, SAMPLE_LAST)) < 0)
			return;
		service = f->in->item_service[f->left[at]];
		state_put(f->st, f->left[at], node);
		f->left[at] = f->left[--f->n_left];
		for (uint32_t r = 0; r < f->in->n_resources; r++)
			f->room[r] -= f->size[(size_t)service * f->in->n_resources + r];
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
	f.size = mem_alloc((size_t)in->n_services * in->n_resources, sizeof(*f.size));
	f.room = mem_alloc(in->n_resources, sizeof(*f.room));
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
	free(f.room);
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
