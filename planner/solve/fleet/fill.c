/*
 * Packing for large fleets: node by node instead of item by item, each filled from a pool of what waits (slack.c). What it costs
 * does not depend on the size of the fleet, and a large pool is why it packs well: among many there is somebody who suits.
 *
 * Items and unused nodes are dealt at random to pools that are packed side by side; groups whose rules reach over several nodes are dealt as
 * a whole. What is left when a pool runs low is packed from one last pool of all. The number of pools depends on the items alone, so
 * the result does not depend on threads.
 */
#include "planner/solve/fleet/fill.h"

#include <stdlib.h>

#include "base/mem.h"
#include "planner/solve/order.h"
#include "planner/solve/fleet/slack.h"
#include "planner/solve/ties.h"
#include "planner/team.h"
#include "planner/term.h"

#define POOL_ITEMS 16384 /* at least so many in a pool: of 10,000 items, four pools took 1 % more nodes than one */
#define POOLS_MOST 8
#define POOL_LOW 0.05    /* share of a pool that is left for the last one */

static uint32_t *order_new(const struct blocks *k)
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

void fill_init(struct fill *x, const struct fine *f, unsigned threads, uint64_t steps)
{
	*x = (struct fill){ .f = f, .order = order_new(f->k), .ties = ties_new(f->k->in), .threads = threads, .deadline_ns = UINT64_MAX, .steps = steps };
}

void fill_fini(struct fill *x)
{
	free(x->order);
	free(x->ties);
}

/* A part of the items and of the nodes. */
struct share { uint32_t *items, n_items, *nodes, n_nodes, low; struct rng rng; uint64_t tests; };

struct work { struct fill *x; struct state *st; struct share *shares; unsigned n; };

static struct share share_new(const struct instance *in)
{
	return (struct share){ .items = mem_alloc(in->n_items, sizeof(uint32_t)), .nodes = mem_alloc(in->n_nodes, sizeof(uint32_t)) };
}

static void share_free(struct share *h)
{
	free(h->items);
	free(h->nodes);
}

static bool is_late(const struct fill *x)
{
	return search_interrupted || (x->deadline_ns != UINT64_MAX && search_now_ns() >= x->deadline_ns);
}

static void share_pack(void *work, uint32_t index)
{
	struct work *w = work;
	struct share *h = &w->shares[index];
	struct pool *pool = pool_new(w->x->f->k, h->items, h->n_items);
	struct slack slack;

	slack_init(&slack, w->x->f, w->st, pool, w->x->steps);
	slack.rng = h->rng;
	for (uint32_t i = 0; i < h->n_nodes && pool->n > h->low && !is_late(w->x); i++)
		if (!w->st->items[h->nodes[i]].n)
			slack_fill(&slack, h->nodes[i]);
	h->tests = slack.tests;
	slack_fini(&slack);
	pool_free(pool);
}

static void deal(struct work *w, const uint32_t *items, uint32_t n, struct rng *rng)
{
	const struct instance *in = w->x->f->k->in;
	uint64_t salt = rng_u64(rng);

	for (unsigned i = 0; i < w->n; i++)
		w->shares[i] = share_new(in);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t group = in->services[in->item_service[items[i]]].group;
		struct rng of_group;
		struct share *h;

		rng_seed_stream(&of_group, salt, group);
		h = &w->shares[rng_below(w->x->ties[group] ? &of_group : rng, w->n)];
		h->items[h->n_items++] = items[i];
	}
	for (uint32_t i = 0; i < in->n_nodes; i++) {
		struct share *h = &w->shares[rng_below(rng, w->n)];

		h->nodes[h->n_nodes++] = w->x->order[i];
	}
	for (unsigned i = 0; i < w->n; i++) {
		rng_seed_stream(&w->shares[i].rng, salt, i);
		w->shares[i].low = (uint32_t)(POOL_LOW * w->shares[i].n_items);
	}
}

static void pack_shares(struct work *w)
{
	team_run(w->x->threads, w->n, share_pack, w);
	for (unsigned i = 0; i < w->n; i++) {
		w->x->tests += w->shares[i].tests;
		share_free(&w->shares[i]);
	}
}

static uint32_t unplaced(const struct state *st, uint32_t *items, uint32_t n)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < n; i++)
		if (st->item_node[items[i]] < 0) {
			uint32_t item = items[i];

			items[i] = items[kept];
			items[kept++] = item;
		}
	return kept;
}

static void place_anywhere(const struct fill *x, struct state *st, uint32_t item)
{
	const struct instance *in = st->in;
	uint32_t at = 0;

	while (at < in->n_nodes && !state_fits(st, in->item_service[item], x->order[at]))
		at++;
	if (at < in->n_nodes)
		state_put(st, item, x->order[at]);
}

uint32_t fill_place(struct fill *x, struct state *st, uint32_t *items, uint32_t n, struct rng *rng)
{
	struct share shares[POOLS_MOST];
	struct work w = { .x = x, .st = st, .shares = shares, .n = n / POOL_ITEMS < POOLS_MOST ? n / POOL_ITEMS : POOLS_MOST };

	if (w.n > 1) {
		deal(&w, items, n, rng);
		pack_shares(&w);
		n = unplaced(st, items, n);
	}
	w = (struct work){ .x = x, .st = st, .shares = shares, .n = 1 };
	deal(&w, items, n, rng);
	shares[0].low = 0;
	pack_shares(&w);
	n = unplaced(st, items, n);
	for (uint32_t i = 0; i < n && !is_late(x); i++)
		place_anywhere(x, st, items[i]);
	return unplaced(st, items, n);
}

bool fill_may_repack(const struct instance *in)
{
	for (uint32_t r = 0; r < in->n_resources; r++)
		if (in->resources[r].transient)
			return false;
	return in->max_moves < 0 && objective_is_node_cost(in);
}
