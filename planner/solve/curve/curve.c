/* Books of a placement by curves, and its exact evaluation; see curve.h. */
#include "planner/solve/curve/curve.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "planner/solve/curve/curve_cost.h"
#include "planner/solve/curve/curve_extra.h"
#include "planner/solve/curve/curve_rules.h"

static const int32_t nothing[CURVE_MAX_COLUMNS + CURVE_MAX_PAID * CURVE_LANES * 2] __attribute__((aligned(64)));
static const float no_floats[CURVE_BLOCKS * CURVE_MAX_PAID] __attribute__((aligned(64)));

static const int32_t *need_of(const struct curve *c, uint32_t item)
{
	return item == NO_ITEM ? nothing : c->need + (size_t)c->in->item_service[item] * c->width;
}

static const float *coarse_need_of(const struct curve *c, uint32_t item)
{
	return item == NO_ITEM ? no_floats : c->coarse_need + (size_t)c->in->item_service[item] * c->coarse_width;
}

/* Cost of the node's load with `enters` in and `leaves` out, or INFINITY when some column overflows. */
CURVE_CLONES static float node_eval(const struct curve *c, uint32_t node, const int32_t *enters, const int32_t *leaves)
{
	const curve_ints *room = (const curve_ints *)(c->room + (size_t)node * c->width);
	const curve_ints *in = (const curve_ints *)enters, *out = (const curve_ints *)leaves;
	const curve_floats *over = (const curve_floats *)(c->over + (size_t)node * c->paid_width);
	curve_ints bad = { 0 };
	float total = 0;

	for (uint32_t k = 0; enters != nothing && k < c->width / CURVE_LANES; k++)
		bad |= room[k] + out[k] - in[k];
	if ((bad[0] | bad[1] | bad[2] | bad[3] | bad[4] | bad[5] | bad[6] | bad[7]) < 0)
		return INFINITY;
	for (uint32_t i = 0, k = 0; i < c->n_paid; i++) {
		float scale = c->scale[(size_t)node * c->n_paid + i];
		curve_floats sum = { 0 };

		for (uint32_t end = k + c->paid[i].width / CURVE_LANES; k < end; k++) {
			curve_floats x = over[k] + __builtin_convertvector(in[k] - out[k], curve_floats) * scale;

			curve_spend(&x, c->paid[i].exponential);
			sum += x;
		}
		total += c->paid[i].price * curve_lanes_sum(&sum);
	}
	return total;
}

/* With everything else the node costs by what it holds. */
static float node_cost(const struct curve *c, uint32_t node, uint32_t enters, uint32_t leaves)
{
	float sum = node_eval(c, node, need_of(c, enters), need_of(c, leaves));

	return c->extra && isfinite(sum) ? sum + curve_extra_cost(c, node, enters, leaves) : sum;
}

CURVE_CLONES static float coarse_eval(const struct curve *c, uint32_t node)
{
	const float *none[2] = { no_floats, no_floats };
	curve_floats sum = { 0 };

	curve_coarse(c, node, none, &sum);
	return curve_lanes_sum(&sum);
}

/* Where cost begins, in slot k of a paid curve, as the load there (hinge) or the share of the node (exponential). */
static float threshold_of(const struct curve *c, const struct curve_paid *p, uint32_t node, uint32_t k)
{
	const struct instance *in = c->in;
	size_t at = (size_t)node * in->n_columns + in->resources[p->term->resource].column + k;

	return p->exponential ? (float)p->term->threshold : (float)(in->soft ? in->soft[at] : in->capacity[at]);
}

/* Everything derived from the node's books, anew from the integers. */
static void node_refresh(struct curve *c, uint32_t node)
{
	const int64_t *capacity = c->in->capacity + (size_t)node * c->in->n_columns;

	for (uint32_t i = 0; i < c->n_paid; i++) {
		const struct curve_paid *p = &c->paid[i];
		const int32_t *room = c->room + (size_t)node * c->width + p->first;
		const int64_t *whole = capacity + c->in->resources[p->term->resource].column;
		float *over = c->over + (size_t)node * c->paid_width + p->first, scale = c->scale[(size_t)node * c->n_paid + i];
		float *coarse = c->coarse_over + (size_t)node * c->coarse_width + p->coarse;
		uint32_t length = curve_block_length(p->slots);

		for (uint32_t k = 0; k < p->slots; k++)
			over[k] = (float)(whole[k] - room[k]) * scale - threshold_of(c, p, node, k);
		for (uint32_t b = 0; b * length < p->slots; b++) {
			uint32_t n = p->slots - b * length < length ? p->slots - b * length : length;
			float sum = 0;

			for (uint32_t k = 0; k < n; k++)
				sum += over[b * length + k];
			coarse[b] = sum / (float)n;
		}
	}
	c->node_sum[node] = node_cost(c, node, NO_ITEM, NO_ITEM);
	c->coarse_sum[node] = coarse_eval(c, node);
}

float curve_delta(const struct curve *c, uint32_t a, uint32_t b, uint32_t to, float *sums)
{
	int32_t from = c->item_node[a];
	float own[2] = { 0 }, delta;

	sums = sums ? sums : own;
	sums[0] = node_cost(c, to, a, b);
	if (!isfinite(sums[0]))
		return INFINITY;
	delta = sums[0] - c->node_sum[to] + curve_move_price(c, a, to) + (c->items[to].n ? 0 : c->node_price[to]);
	if (from == NO_NODE)
		return delta;
	sums[1] = node_cost(c, (uint32_t)from, b, a);
	delta += sums[1] - c->node_sum[from];
	if (b != NO_ITEM)
		return delta + curve_move_price(c, b, (uint32_t)from);
	return c->items[from].n == 1 ? delta - c->node_price[from] : delta;
}

float curve_trade_delta(const struct curve *c, uint32_t a, const int32_t *back, uint32_t to)
{
	uint32_t from = (uint32_t)c->item_node[a];
	float delta = node_eval(c, to, need_of(c, a), back) - c->node_sum[to];

	return isfinite(delta) ? delta + node_eval(c, from, back, need_of(c, a)) - c->node_sum[from] : INFINITY;
}

/* The node's books with `enters` in and `leaves` out; floats drift by rounding until curve_settle(). */
CURVE_CLONES static void node_book(struct curve *c, uint32_t node, uint32_t enters, uint32_t leaves)
{
	curve_ints *room = (curve_ints *)(c->room + (size_t)node * c->width);
	const curve_ints *in = (const curve_ints *)need_of(c, enters), *out = (const curve_ints *)need_of(c, leaves);
	curve_floats *over = (curve_floats *)(c->over + (size_t)node * c->paid_width);
	curve_floats *coarse = (curve_floats *)(c->coarse_over + (size_t)node * c->coarse_width);
	const curve_floats *add = (const curve_floats *)coarse_need_of(c, enters), *less = (const curve_floats *)coarse_need_of(c, leaves);

	for (uint32_t k = 0; k < c->width / CURVE_LANES; k++)
		room[k] += out[k] - in[k];
	for (uint32_t i = 0, k = 0, at = 0; i < c->n_paid; i++) {
		float scale = c->scale[(size_t)node * c->n_paid + i];

		for (uint32_t end = k + c->paid[i].width / CURVE_LANES; k < end; k++)
			over[k] += __builtin_convertvector(in[k] - out[k], curve_floats) * scale;
		for (uint32_t end = at + c->paid[i].coarse_width / CURVE_LANES; at < end; at++)
			coarse[at] += (add[at] - less[at]) * scale;
	}
	c->coarse_sum[node] = coarse_eval(c, node);
}

static void node_sum(struct curve *c, uint32_t node, const float *known)
{
	c->node_sum[node] = known ? *known : node_cost(c, node, NO_ITEM, NO_ITEM);
}

static void list_add(struct curve *c, uint32_t item, uint32_t node)
{
	struct curve_list *l = &c->items[node];
	size_t cap = l->cap;

	l->v = array_grow(l->v, &cap, l->n + 1, sizeof(*l->v));
	cap = l->cap;
	l->group = array_grow(l->group, &cap, l->n + 1, sizeof(*l->group));
	l->cap = (uint32_t)cap;
	c->at[item] = l->n;
	l->group[l->n] = c->rules->item_group[item];
	l->v[l->n++] = item;
}

static void list_remove(struct curve *c, uint32_t item, uint32_t node)
{
	struct curve_list *l = &c->items[node];
	uint32_t last = l->v[--l->n];

	l->v[c->at[item]] = last;
	l->group[c->at[item]] = l->group[l->n];
	c->at[last] = c->at[item];
}

void curve_put(struct curve *c, uint32_t item, uint32_t node)
{
	node_book(c, node, item, NO_ITEM);
	list_add(c, item, node);
	node_sum(c, node, NULL);
	c->item_node[item] = (int32_t)node;
	curve_rules_moved(c, item, NO_NODE, (int32_t)node);
}

void curve_take(struct curve *c, uint32_t item)
{
	int32_t from = c->item_node[item];

	node_book(c, (uint32_t)from, NO_ITEM, item);
	list_remove(c, item, (uint32_t)from);
	node_sum(c, (uint32_t)from, NULL);
	c->item_node[item] = NO_NODE;
	curve_rules_moved(c, item, from, NO_NODE);
}

static void relist(struct curve *c, uint32_t item, uint32_t from, uint32_t to)
{
	list_remove(c, item, from);
	list_add(c, item, to);
	c->item_node[item] = (int32_t)to;
}

void curve_change(struct curve *c, uint32_t a, uint32_t b, uint32_t to, const float *sums)
{
	uint32_t from = (uint32_t)c->item_node[a];

	node_book(c, from, b, a);
	node_book(c, to, a, b);
	relist(c, a, from, to);
	if (b != NO_ITEM)
		relist(c, b, to, from);
	node_sum(c, to, sums);
	node_sum(c, from, sums ? sums + 1 : NULL);
	curve_rules_moved(c, a, (int32_t)from, (int32_t)to);
	if (b != NO_ITEM)
		curve_rules_moved(c, b, (int32_t)to, (int32_t)from);
}

void curve_settle(struct curve *c)
{
	if (c->extra)
		curve_extra_settle(c);
	for (uint32_t m = 0; m < c->in->n_nodes; m++)
		node_refresh(c, m);
}

double curve_total(const struct curve *c)
{
	double sum = 0;

	for (uint32_t m = 0; m < c->in->n_nodes; m++)
		sum += (double)c->node_sum[m] + (c->items[m].n ? (double)c->node_price[m] : 0);
	for (uint32_t i = 0; i < c->in->n_items; i++)
		if (c->item_node[i] != NO_NODE && c->in->item_node[i] != NO_NODE && c->item_node[i] != c->in->item_node[i])
			sum += (double)c->move * (double)c->in->services[c->in->item_service[i]].move_cost +
			       (double)curve_pair_price(c, i, c->item_node[i]);
	return sum;
}
