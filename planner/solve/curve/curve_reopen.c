/* See curve_reopen.h. Greedy, replica by replica, by exact change of cost. */
#include "planner/solve/curve/curve_reopen.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "planner/solve/curve/curve_cost.h"
#include "planner/solve/curve/curve_rules.h"

#define MOST 64   /* replicas moved in one attempt */
#define SAMPLE 48 /* looked at for each */

/* What an attempt did, to be undone. */
struct trail { uint32_t item[MOST], from[MOST], n; float delta; };

static bool shift(struct curve_region *r, struct trail *t, uint32_t item, uint32_t to, float delta)
{
	int change = curve_move_change(r->c, item, to);

	if (t->n == MOST || (change > 0 && change > r->moves_left))
		return false;
	t->item[t->n] = item;
	t->from[t->n++] = (uint32_t)r->c->item_node[item];
	t->delta += delta;
	r->moves_left -= change;
	curve_change(r->c, item, NO_ITEM, to, NULL);
	return true;
}

static void settle(struct curve_region *r, struct trail *t, bool complete)
{
	if (complete && t->delta <= r->temperature * (float)-log(1 - rng_unit(&r->rng)))
		return;
	while (t->n-- > 0) {
		r->moves_left -= curve_move_change(r->c, t->item[t->n], t->from[t->n]);
		curve_change(r->c, t->item[t->n], NO_ITEM, t->from[t->n], NULL);
	}
}

static float shift_cost(const struct curve_region *r, uint32_t item, uint32_t to)
{
	float delta;

	if ((uint32_t)r->c->item_node[item] == to || curve_move_change(r->c, item, to) > r->moves_left)
		return INFINITY;
	delta = curve_delta(r->c, item, NO_ITEM, to, NULL);
	return isfinite(delta) && curve_rules_allow(r->c, item, NO_ITEM, to, r->index) ? delta : INFINITY;
}

static bool send_away(struct curve_region *r, struct trail *t, uint32_t item)
{
	float best = INFINITY, delta;
	uint32_t to = 0;

	for (uint32_t k = 0; k < SAMPLE && k < r->n_open; k++) {
		uint32_t node = r->nodes[r->n_open > SAMPLE ? rng_below(&r->rng, r->n_open) : k];

		if (r->c->items[node].n && (delta = shift_cost(r, item, node)) < best) {
			best = delta;
			to = node;
		}
	}
	return isfinite(best) && shift(r, t, item, to, best);
}

void curve_reopen_close(struct curve_region *r)
{
	struct trail t = { .n = 0 };
	uint32_t node;
	bool ok = true;

	if (r->n_open < 2)
		return;
	node = r->nodes[rng_below(&r->rng, r->n_open)];
	if (!r->c->items[node].n || r->c->items[node].n > MOST)
		return;
	while (ok && r->c->items[node].n)
		ok = send_away(r, &t, r->c->items[node].v[0]);
	settle(r, &t, ok);
}

/* What its node would save by an item that leaves, less the toll, for each unit of its size. */
struct leaver { float worth; uint32_t item; };

static int by_worth(const void *a, const void *b)
{
	const struct leaver *x = a, *y = b;

	if (x->worth != y->worth)
		return x->worth > y->worth ? -1 : 1;
	return (x->item > y->item) - (x->item < y->item);
}

/* Everything that gains by going to the empty node, most for its size first: the node has room for so much, and a price. free() */
static struct leaver *leavers(const struct curve_region *r, uint32_t node, uint32_t *n)
{
	struct leaver *v = mem_alloc(r->n_items, sizeof(*v));

	*n = 0;
	for (uint32_t i = 0; i < r->n_items; i++) {
		float gain = r->c->node_price[node] - shift_cost(r, r->items[i], node);

		if (gain > 0)
			v[(*n)++] = (struct leaver){ gain / (float)r->sizes[r->c->in->item_service[r->items[i]]], r->items[i] };
	}
	qsort(v, *n, sizeof(*v), by_worth);
	return v;
}

void curve_reopen_open(struct curve_region *r)
{
	struct trail t = { .n = 0 };
	struct leaver *v;
	uint32_t node, n;

	if (r->n_open == r->n_nodes || !r->n_items)
		return;
	node = r->nodes[r->n_open + rng_below(&r->rng, r->n_nodes - r->n_open)];
	if (r->c->items[node].n)
		return;
	v = leavers(r, node, &n);
	for (uint32_t k = 0; k < n && t.n < MOST; k++) {
		float delta = shift_cost(r, v[k].item, node);

		if (delta < (t.n ? 0 : r->c->node_price[node])) /* the first bears the price of the node, each must pay for itself */
			shift(r, &t, v[k].item, node, delta);
	}
	free(v);
	settle(r, &t, true);
}
