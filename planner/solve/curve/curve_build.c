/* See curve_build.h. Largest first, dependencies before those who need them; least change of cost among a sample of nodes. */
#include "planner/solve/curve/curve_build.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "planner/solve/curve/curve_bound.h"
#include "planner/solve/curve/curve_order.h"
#include "planner/solve/curve/curve_rules.h"

#define SAMPLE 60    /* nodes looked at, before all are */
#define PACKING_LOSS 1.004 /* whole replicas fill no node to the slot (Tianchi slice, 100M proposals: 1.004 1537.19, 1.002 1537.75, 1 1537.38; 30M: 1.008 +0.3) */
#define EVICTIONS 4  /* most of them to make room for one item */
#define FORCES 40    /* tries per item and call */

int64_t curve_moves_left(const struct curve *c)
{
	int64_t moved = 0;

	if (c->in->max_moves < 0)
		return INT64_MAX / 2;
	for (uint32_t i = 0; i < c->in->n_items; i++)
		moved += c->in->item_node[i] != NO_NODE && c->item_node[i] != NO_NODE && c->item_node[i] != c->in->item_node[i];
	return c->in->max_moves - moved;
}

/* Each class is used in the relaxation's share, evenly through its nodes. */
void curve_choose(const struct instance *in, bool *chosen)
{
	struct curve_bound b;
	double *due;

	curve_bound_find(&b, in, PACKING_LOSS);
	due = mem_alloc(b.n_classes, sizeof(double));
	for (uint32_t m = 0; m < in->n_nodes; m++) {
		due[b.node_class[m]] += b.share[b.node_class[m]];
		chosen[m] = due[b.node_class[m]] >= 0.5;
		due[b.node_class[m]] -= chosen[m];
	}
	free(due);
	curve_bound_fini(&b);
}

static struct curve_order *unplaced_in_order(const struct curve *c, uint32_t *n)
{
	const struct instance *in = c->in;
	double *size = curve_order_peaks(in);
	struct curve_order *v = mem_alloc(in->n_items, sizeof(*v));

	*n = 0;
	for (uint32_t i = 0; i < in->n_items; i++)
		if (c->item_node[i] == NO_NODE)
			v[(*n)++] = (struct curve_order){ size[in->item_service[i]], c->rules->rank[c->rules->item_group[i]], i };
	curve_order_sort(v, *n);
	free(size);
	return v;
}

/* Cost of putting the item there; nodes the relaxation uses anyway cost nothing to open. */
static float put_cost(const struct curve *c, const bool *chosen, uint32_t item, uint32_t node)
{
	float delta = curve_delta(c, item, NO_ITEM, node, NULL);

	if (!isfinite(delta) || !curve_rules_allow(c, item, NO_ITEM, node, CURVE_ANY))
		return INFINITY;
	return !c->items[node].n && chosen[node] ? delta - c->node_price[node] : delta;
}

struct builder {
	struct curve *c;
	const bool *chosen;
	uint32_t *open, n_open;
	struct rng *rng;
	int64_t left;
};

static bool put_somewhere(struct builder *b, uint32_t item)
{
	float best = INFINITY, cost;
	int32_t to = NO_NODE, home = b->c->in->item_node[item];

	if (home != NO_NODE && b->left <= 0) {
		to = isfinite(put_cost(b->c, b->chosen, item, (uint32_t)home)) ? home : NO_NODE;
	} else {
		for (uint32_t k = 0; k < SAMPLE && b->n_open; k++) {
			uint32_t node = b->open[rng_below(b->rng, b->n_open)];

			if ((cost = put_cost(b->c, b->chosen, item, node)) < best) {
				best = cost;
				to = (int32_t)node;
			}
		}
		for (uint32_t node = 0; to == NO_NODE && node < b->c->in->n_nodes; node++)
			if (isfinite(put_cost(b->c, b->chosen, item, node)))
				to = (int32_t)node;
	}
	if (to == NO_NODE)
		return false;
	curve_put(b->c, item, (uint32_t)to);
	b->left -= home != NO_NODE && home != to;
	return true;
}

static void builder_open(struct builder *b)
{
	b->open = mem_alloc(b->c->in->n_nodes, sizeof(uint32_t));
	b->left = curve_moves_left(b->c);
	for (uint32_t m = 0; m < b->c->in->n_nodes; m++)
		if (b->chosen[m] || b->c->items[m].n)
			b->open[b->n_open++] = m;
}

uint32_t curve_place(struct curve *c, struct rng *rng, const bool *chosen)
{
	struct builder b = { .c = c, .chosen = chosen, .rng = rng };
	uint32_t n, failed = 0;
	struct curve_order *v = unplaced_in_order(c, &n);

	builder_open(&b);
	for (uint32_t k = 0; k < n; k++)
		failed += !put_somewhere(&b, v[k].item);
	free(b.open);
	free(v);
	return failed;
}

static bool put_if_allowed(struct builder *b, uint32_t item, uint32_t node)
{
	int32_t home = b->c->in->item_node[item];
	bool leaves = home != NO_NODE && home != (int32_t)node;

	if ((leaves && b->left <= 0) || !isfinite(put_cost(b->c, b->chosen, item, node)))
		return false;
	curve_put(b->c, item, node);
	b->left -= leaves;
	return true;
}

static void take(struct builder *b, uint32_t item)
{
	b->left += b->c->in->item_node[item] != NO_NODE && b->c->in->item_node[item] != b->c->item_node[item];
	curve_take(b->c, item);
}

/*
 * Evict from the node, at random, until the item fits, and find other places for the evicted. One of them may stay without in the
 * item's stead: as an ejection pool, what has no place wanders until it finds one. Returns whether all have.
 */
static bool force(struct builder *b, uint32_t item, uint32_t node)
{
	uint32_t out[EVICTIONS], n = 0, homeless = 0;
	bool in = put_if_allowed(b, item, node);

	while (!in && n < EVICTIONS && b->c->items[node].n) {
		out[n] = b->c->items[node].v[rng_below(b->rng, b->c->items[node].n)];
		take(b, out[n++]);
		in = put_if_allowed(b, item, node);
	}
	for (uint32_t k = 0; in && k < n; k++)
		homeless += !put_somewhere(b, out[k]);
	if (in && homeless <= 1)
		return !homeless;
	for (uint32_t k = 0; k < n; k++)
		if (b->c->item_node[out[k]] != NO_NODE)
			take(b, out[k]);
	if (in)
		take(b, item);
	for (uint32_t k = n; k-- > 0;)
		curve_put(b->c, out[k], node);
	b->left = curve_moves_left(b->c);
	return false;
}

uint32_t curve_force(struct curve *c, struct rng *rng, const bool *chosen)
{
	struct builder b = { .c = c, .chosen = chosen, .rng = rng };
	uint32_t n, failed = 0;
	struct curve_order *v = unplaced_in_order(c, &n);

	builder_open(&b);
	for (uint32_t k = 0; k < n; k++) {
		bool ok = put_somewhere(&b, v[k].item);

		for (int i = 0; !ok && i < FORCES && c->item_node[v[k].item] == NO_NODE; i++)
			ok = force(&b, v[k].item, rng_below(rng, c->in->n_nodes));
		failed += !ok;
	}
	free(b.open);
	free(v);
	return failed;
}

/* Two passes: what waits for its dependency in the first finds it in the second. */
void curve_adopt(struct curve *c, const int32_t *item_node)
{
	for (uint32_t i = 0; i < c->in->n_items; i++)
		if (c->item_node[i] != NO_NODE)
			curve_take(c, i);
	for (int pass = 0; pass < 2; pass++)
		for (uint32_t i = 0; i < c->in->n_items; i++) {
			uint32_t to = (uint32_t)item_node[i];

			if (c->item_node[i] == NO_NODE && item_node[i] != NO_NODE && isfinite(curve_delta(c, i, NO_ITEM, to, NULL)) &&
			    curve_rules_allow(c, i, NO_ITEM, to, CURVE_ANY))
				curve_put(c, i, to);
		}
}
