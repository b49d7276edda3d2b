/*
 * Curves over the day, evaluated with vectors; see curve.h.
 *
 * exp(x) - 1 on [0, 1] is q * (q + 2) with q = expm1(x / 2) by a fifth-degree series: relative error below 1e-5, far less than
 * what annealing can tell apart; offered placements are valued exactly.
 */
#include "planner/solve/curve.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#pragma GCC diagnostic ignored "-Wpsabi" /* vectors pass between inlined functions only */

#define LANES 8
#define MAX_VALUE (1 << 30)
#define MAX_COUNTERS ((size_t)1 << 30)
#define CLONES __attribute__((target_clones("avx2,fma", "default")))

typedef int32_t ints __attribute__((vector_size(LANES * 4)));
typedef float floats __attribute__((vector_size(LANES * 4)));

static const struct term *paid_term(const struct instance *in)
{
	const struct term *t = NULL;

	for (uint32_t i = 0; i < in->n_terms; i++)
		if (in->terms[i].kind == TERM_EXPONENTIAL) {
			if (t)
				return NULL;
			t = &in->terms[i];
		} else if (in->terms[i].kind != TERM_NODE_COST && in->terms[i].kind != TERM_MOVE)
			return NULL;
	return t;
}

static bool values_fit(const int64_t *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (v[i] < 0 || v[i] >= MAX_VALUE)
			return false;
	return true;
}

bool curve_applies(const struct instance *in)
{
	const struct term *t = paid_term(in);
	const struct resource *r;

	if (!t || in->n_columns > 60000 || in->n_nears || in->n_spreads || !in->n_items || (size_t)in->n_nodes * in->n_groups > MAX_COUNTERS)
		return false;
	for (uint32_t i = 0; i < in->n_resources; i++)
		if (in->resources[i].transient)
			return false;
	if (!values_fit(in->capacity, (size_t)in->n_nodes * in->n_columns) || !values_fit(in->demand, (size_t)in->n_services * in->n_columns))
		return false;
	r = &in->resources[t->resource];
	for (uint32_t m = 0; m < in->n_nodes; m++) {
		const int64_t *cap = in->capacity + (size_t)m * in->n_columns + r->column;

		for (uint32_t k = 0; k < r->slots; k++)
			if (cap[k] != cap[0] || !cap[0])
				return false;
	}
	return true;
}

static uint32_t padded(uint32_t n)
{
	return (n + LANES - 1) / LANES * LANES;
}

/* The row's own order of columns: the paid curve first. */
static void fill_row(const struct curve *c, int32_t *row, const int64_t *columns)
{
	const struct resource *r = &c->in->resources[paid_term(c->in)->resource];
	uint32_t at = c->paid;

	for (uint32_t k = 0; k < c->in->n_columns; k++)
		if (k >= r->column && k < r->column + r->slots)
			row[k - r->column] = (int32_t)columns[k];
		else
			row[at++] = (int32_t)columns[k];
}

static int32_t *rows_alloc(size_t n)
{
	int32_t *v = aligned_alloc(LANES * 4, n * 4 + LANES * 4);

	if (!v)
		abort();
	memset(v, 0, n * 4 + LANES * 4);
	return v;
}

static void fill_caps(struct curve *c)
{
	const struct instance *in = c->in;
	uint32_t *at = mem_alloc(2 * ((size_t)in->n_groups + 1), sizeof(uint32_t)), *at2 = at + in->n_groups + 1;

	c->self_cap = mem_alloc(in->n_groups, sizeof(uint32_t));
	memset(c->self_cap, 0xff, in->n_groups * sizeof(uint32_t));
	c->holds.start = mem_alloc(in->n_groups + 1, sizeof(uint32_t));
	c->held.start = mem_alloc(in->n_groups + 1, sizeof(uint32_t));
	c->holds.other = mem_alloc(in->n_caps, sizeof(uint32_t));
	c->holds.k = mem_alloc(in->n_caps, sizeof(uint32_t));
	c->held.other = mem_alloc(in->n_caps, sizeof(uint32_t));
	c->held.k = mem_alloc(in->n_caps, sizeof(uint32_t));
	for (uint32_t i = 0; i < in->n_caps; i++) {
		const struct rule_cap *r = &in->caps[i];

		if (r->a == r->b && r->k < c->self_cap[r->a])
			c->self_cap[r->a] = r->k;
		c->holds.start[r->a + 1] += r->a != r->b;
		c->held.start[r->b + 1] += r->a != r->b;
	}
	for (uint32_t g = 0; g < in->n_groups; g++) {
		at[g + 1] = c->holds.start[g + 1] += c->holds.start[g];
		at2[g + 1] = c->held.start[g + 1] += c->held.start[g];
	}
	for (uint32_t i = 0; i < in->n_caps; i++) {
		const struct rule_cap *r = &in->caps[i];

		if (r->a == r->b)
			continue;
		c->holds.other[at[r->a]] = r->b;
		c->holds.k[at[r->a]++] = r->k;
		c->held.other[at2[r->b]] = r->a;
		c->held.k[at2[r->b]++] = r->k;
	}
	free(at);
}

struct curve *curve_new(const struct instance *in)
{
	const struct term *t = paid_term(in);
	struct curve *c = mem_alloc(1, sizeof(*c));
	double node_weight = 0;

	c->in = in;
	c->paid_slots = in->resources[t->resource].slots;
	c->paid = padded(c->paid_slots);
	c->width = c->paid + padded(in->n_columns - c->paid_slots);
	c->threshold = (float)t->threshold;
	c->price = (float)(t->weight * t->scale / c->paid_slots);
	for (uint32_t i = 0; i < in->n_terms; i++) {
		node_weight += in->terms[i].kind == TERM_NODE_COST ? in->terms[i].weight : 0;
		c->move += in->terms[i].kind == TERM_MOVE ? (float)in->terms[i].weight : 0;
	}
	c->node_price = mem_alloc(in->n_nodes, sizeof(float));
	c->inverse = mem_alloc(in->n_nodes, sizeof(float));
	c->need = rows_alloc((size_t)in->n_services * c->width);
	c->room = rows_alloc((size_t)in->n_nodes * c->width);
	for (uint32_t m = 0; m < in->n_nodes; m++) {
		fill_row(c, c->room + (size_t)m * c->width, in->capacity + (size_t)m * in->n_columns);
		c->inverse[m] = 1.0f / (float)c->room[(size_t)m * c->width];
		c->node_price[m] = (float)(node_weight * (double)in->nodes[m].cost);
		/* padding must not be paid for: as if the node were empty there */
		for (uint32_t k = c->paid_slots; k < c->paid; k++)
			c->room[(size_t)m * c->width + k] = c->room[(size_t)m * c->width];
	}
	for (uint32_t s = 0; s < in->n_services; s++)
		fill_row(c, c->need + (size_t)s * c->width, in->demand + (size_t)s * in->n_columns);
	c->item_group = mem_alloc(in->n_items, sizeof(uint32_t));
	for (uint32_t i = 0; i < in->n_items; i++)
		c->item_group[i] = in->services[in->item_service[i]].group;
	c->item_node = mem_alloc(in->n_items, sizeof(int32_t));
	memset(c->item_node, 0xff, in->n_items * sizeof(int32_t));
	c->node_items = mem_alloc(in->n_nodes, sizeof(uint32_t));
	c->node_sum = mem_alloc(in->n_nodes, sizeof(float));
	c->count = mem_alloc((size_t)in->n_nodes * in->n_groups, sizeof(uint16_t));
	c->present_words = (in->n_groups + 63) / 64;
	c->present = mem_alloc((size_t)in->n_nodes * c->present_words, sizeof(uint64_t));
	c->version = mem_alloc(in->n_nodes, sizeof(uint32_t));
	c->without = mem_alloc(in->n_items, sizeof(float));
	c->without_version = mem_alloc(in->n_items, sizeof(uint32_t));
	memset(c->without_version, 0xff, in->n_items * sizeof(uint32_t));
	fill_caps(c);
	return c;
}

void curve_free(struct curve *c)
{
	if (!c)
		return;
	void *all[] = { c->node_price, c->inverse, c->need, c->room, c->item_group, c->item_node, c->node_items, c->node_sum, c->count, c->present, c->version,
			c->without, c->without_version, c->self_cap, c->holds.start, c->holds.other, c->holds.k, c->held.start,
			c->held.other, c->held.k };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		free(all[i]);
	free(c);
}

static const int32_t *need_of(const struct curve *c, uint32_t item)
{
	return c->need + (size_t)c->in->item_service[item] * c->width;
}

/* What the node would cost with `enters` in and `leaves` out (either may be NULL), or INFINITY when some column overflows. */
CLONES static float node_eval(const struct curve *c, uint32_t node, const int32_t *enters, const int32_t *leaves)
{
	static const int32_t nothing[1 << 16] __attribute__((aligned(LANES * 4)));
	const ints *room = (const ints *)(c->room + (size_t)node * c->width);
	const ints *in = (const ints *)(enters ? enters : nothing), *out = (const ints *)(leaves ? leaves : nothing);
	uint32_t n_paid = c->paid / LANES, n = c->width / LANES;
	floats free_share = (floats){ 0 } + (1 - c->threshold), sum = { 0 };
	float inverse = c->inverse[node];
	ints bad = { 0 };

	for (uint32_t k = n_paid; enters && k < n; k++)
		bad |= room[k] + out[k] - in[k];
	for (uint32_t k = 0; enters && k < n_paid; k++)
		bad |= room[k] + out[k] - in[k];
	if ((bad[0] | bad[1] | bad[2] | bad[3] | bad[4] | bad[5] | bad[6] | bad[7]) < 0)
		return INFINITY;
	for (uint32_t k = 0; k < n_paid; k++) {
		floats x = free_share - __builtin_convertvector(room[k] + out[k] - in[k], floats) * inverse, h, q;

		x = (floats)((ints)x & (x > 0));
		h = x * 0.5f;
		q = h * (1 + h * (1.0f / 2 + h * (1.0f / 6 + h * (1.0f / 24 + h * (1.0f / 120)))));
		sum += q * (q + 2);
	}
	return c->node_price[node] + c->price * (((sum[0] + sum[4]) + (sum[1] + sum[5])) + ((sum[2] + sum[6]) + (sum[3] + sum[7])));
}

static uint32_t group_of(const struct curve *c, uint32_t item)
{
	return c->item_group[item];
}

/* How many of group g the node holds; most often none, which the bits tell. */
static inline uint32_t count_of(const struct curve *c, uint32_t node, uint32_t g)
{
	if (!(c->present[(size_t)node * c->present_words + g / 64] >> (g % 64) & 1))
		return 0;
	return c->count[(size_t)node * c->in->n_groups + g];
}

static bool caps_allow(const struct curve *c, uint32_t g, uint32_t node, int64_t leaving)
{
	uint32_t mine = count_of(c, node, g) - (leaving == g);

	if (mine >= c->self_cap[g])
		return false;
	for (uint32_t i = c->holds.start[g]; i < c->holds.start[g + 1]; i++)
		if (count_of(c, node, c->holds.other[i]) - (uint32_t)(leaving == c->holds.other[i]) > c->holds.k[i])
			return false;
	for (uint32_t i = c->held.start[g]; i < c->held.start[g + 1]; i++)
		if (mine >= c->held.k[i] && count_of(c, node, c->held.other[i]) > (leaving == c->held.other[i]))
			return false;
	return true;
}

static bool node_allowed(const struct curve *c, uint32_t item, uint32_t node)
{
	const uint64_t *bits = c->in->allow ? c->in->allow[c->in->item_service[item]] : NULL;

	return !bits || bits[node / 64] >> (node % 64) & 1;
}

static float cost_without(struct curve *c, uint32_t item)
{
	uint32_t node = (uint32_t)c->item_node[item];

	if (c->without_version[item] != c->version[node]) {
		c->without[item] = c->node_items[node] == 1 ? 0 : node_eval(c, node, NULL, need_of(c, item));
		c->without_version[item] = c->version[node];
	}
	return c->without[item];
}

int curve_move_change(const struct curve *c, uint32_t item, uint32_t to)
{
	int32_t home = c->in->item_node[item];

	if (home == NO_NODE)
		return 0;
	return (home != (int32_t)to) - (c->item_node[item] != NO_NODE && c->item_node[item] != home);
}

static float move_price(const struct curve *c, uint32_t item, uint32_t to)
{
	return c->move > 0 ? c->move * (float)curve_move_change(c, item, to) * (float)c->in->services[c->in->item_service[item]].move_cost : 0;
}

bool curve_shift_allowed(const struct curve *c, uint32_t item, uint32_t to)
{
	return node_allowed(c, item, to) && caps_allow(c, group_of(c, item), to, -1);
}

bool curve_swap_allowed(const struct curve *c, uint32_t a, uint32_t b)
{
	uint32_t na = (uint32_t)c->item_node[a], nb = (uint32_t)c->item_node[b], ga = group_of(c, a), gb = group_of(c, b);

	return node_allowed(c, a, nb) && node_allowed(c, b, na) &&
	       (ga == gb || (caps_allow(c, ga, nb, gb) && caps_allow(c, gb, na, ga)));
}

float curve_shift_delta(struct curve *c, uint32_t item, uint32_t to)
{
	float there;

	there = node_eval(c, to, need_of(c, item), NULL);
	if (!isfinite(there))
		return INFINITY;
	there += move_price(c, item, to) - c->node_sum[to];
	if (c->item_node[item] == NO_NODE)
		return there;
	return there + cost_without(c, item) - c->node_sum[c->item_node[item]];
}

float curve_swap_delta(struct curve *c, uint32_t a, uint32_t b)
{
	uint32_t na = (uint32_t)c->item_node[a], nb = (uint32_t)c->item_node[b];
	float ca, cb;

	if (c->in->item_service[a] == c->in->item_service[b])
		return INFINITY;
	ca = node_eval(c, na, need_of(c, b), need_of(c, a));
	if (!isfinite(ca))
		return INFINITY;
	cb = node_eval(c, nb, need_of(c, a), need_of(c, b));
	return ca + cb - c->node_sum[na] - c->node_sum[nb] + move_price(c, a, nb) + move_price(c, b, na);
}

static void book(struct curve *c, uint32_t item, uint32_t node, int sign)
{
	int32_t *room = c->room + (size_t)node * c->width;
	const int32_t *need = need_of(c, item);
	uint32_t g = group_of(c, item);

	for (uint32_t k = 0; k < c->width; k++)
		room[k] -= sign * need[k];
	c->node_items[node] += (uint32_t)sign;
	c->count[(size_t)node * c->in->n_groups + g] += (uint16_t)sign;
	if (c->count[(size_t)node * c->in->n_groups + g])
		c->present[(size_t)node * c->present_words + g / 64] |= 1ull << (g % 64);
	else
		c->present[(size_t)node * c->present_words + g / 64] &= ~(1ull << (g % 64));
	c->version[node]++;
	c->node_sum[node] = c->node_items[node] ? node_eval(c, node, NULL, NULL) : 0;
}

void curve_put(struct curve *c, uint32_t item, uint32_t node)
{
	book(c, item, node, 1);
	c->item_node[item] = (int32_t)node;
}

void curve_take(struct curve *c, uint32_t item)
{
	book(c, item, (uint32_t)c->item_node[item], -1);
	c->item_node[item] = NO_NODE;
	c->without_version[item] = UINT32_MAX;
}

double curve_total(const struct curve *c)
{
	double sum = 0;

	for (uint32_t m = 0; m < c->in->n_nodes; m++)
		sum += (double)c->node_sum[m];
	for (uint32_t i = 0; i < c->in->n_items; i++)
		if (c->item_node[i] != NO_NODE && c->in->item_node[i] != NO_NODE && c->item_node[i] != c->in->item_node[i])
			sum += (double)c->move * (double)c->in->services[c->in->item_service[i]].move_cost;
	return sum;
}
