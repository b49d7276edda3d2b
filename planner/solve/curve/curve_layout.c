/* The instance in rows for vectors: paid curves first, then all other columns, and their means over blocks; see curve.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "planner/solve/curve/curve_cost.h"
#include "planner/solve/curve/curve_extra.h"
#include "planner/solve/curve/curve_rules.h"

#define MAX_VALUE (1 << 30)
#define FAR_BELOW (-1e30f)

static bool values_fit(const int64_t *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (v[i] < 0 || v[i] >= MAX_VALUE)
			return false;
	return true;
}

/* Utilisation is load * scale with one scale a node; a curve of capacities that changes over the day has none. */
static bool capacity_is_flat(const struct instance *in, const struct resource *r)
{
	for (uint32_t m = 0; m < in->n_nodes; m++) {
		const int64_t *cap = in->capacity + (size_t)m * in->n_columns + r->column;

		for (uint32_t k = 0; k < r->slots; k++)
			if (cap[k] != cap[0])
				return false;
	}
	return true;
}

/* Hinges and balance alone are anneal.c's, unless there are curves and nodes to choose. */
static bool terms_apply(const struct instance *in)
{
	uint32_t n_paid = 0;
	bool exponential = false, curves = false, nodes = false, own = false;

	for (uint32_t i = 0; i < in->n_terms; i++) {
		const struct term *t = &in->terms[i];

		if (t->weight < 0)
			return false;
		own |= t->kind == TERM_SLOWDOWN || t->kind == TERM_EVENNESS;
		if (t->kind == TERM_EXPONENTIAL || t->kind == TERM_HINGE) {
			n_paid++;
			exponential |= t->kind == TERM_EXPONENTIAL;
			curves |= in->resources[t->resource].slots > 1;
			if (t->kind == TERM_EXPONENTIAL && (t->threshold < 0 || !capacity_is_flat(in, &in->resources[t->resource])))
				return false;
		}
		nodes |= t->kind == TERM_NODE_COST;
	}
	return (exponential || own || (curves && nodes)) && n_paid <= CURVE_MAX_PAID;
}

bool curve_applies(const struct instance *in)
{
	if (!in->n_items || in->n_columns > CURVE_MAX_COLUMNS || !terms_apply(in))
		return false;
	for (uint32_t i = 0; i < in->n_resources; i++)
		if (in->resources[i].transient)
			return false;
	return values_fit(in->capacity, (size_t)in->n_nodes * in->n_columns) && values_fit(in->demand, (size_t)in->n_services * in->n_columns);
}

static uint32_t padded(uint32_t n)
{
	return (n + CURVE_LANES - 1) / CURVE_LANES * CURVE_LANES;
}

void *curve_rows_alloc(size_t n)
{
	return mem_aligned(n + 1, 4, 64);
}

static void lay_out(struct curve *c)
{
	const struct instance *in = c->in;

	for (uint32_t i = 0; i < in->n_terms; i++) {
		const struct term *t = &in->terms[i];
		struct curve_paid *p = &c->paid[c->n_paid];
		uint32_t slots;

		c->move += t->kind == TERM_MOVE ? (float)t->weight : 0;
		c->pair += t->kind == TERM_MOVE_PAIR && in->move_pair ? (float)t->weight : 0;
		c->extra |= t->weight > 0 && curve_extra_kind(t->kind);
		if (t->kind != TERM_EXPONENTIAL && t->kind != TERM_HINGE)
			continue;
		slots = in->resources[t->resource].slots;
		*p = (struct curve_paid){ .term = t, .first = c->paid_width, .slots = slots, .width = padded(slots), .coarse = c->coarse_width,
					  .coarse_width = padded((slots + curve_block_length(slots) - 1) / curve_block_length(slots)),
					  .exponential = t->kind == TERM_EXPONENTIAL };
		p->price = (float)(t->weight * (p->exponential ? t->scale : 1) / slots);
		c->paid_width += p->width;
		c->coarse_width += p->coarse_width;
		c->n_paid++;
	}
}

/* Where each resource begins in a row: behind what is paid for, or the first curve that is its own. */
static void lay_lanes(struct curve *c)
{
	uint32_t at = c->paid_width;

	c->lane = mem_alloc(c->in->n_resources, sizeof(*c->lane));
	for (uint32_t r = 0; r < c->in->n_resources; r++) {
		uint32_t i = 0;

		while (i < c->n_paid && c->paid[i].term->resource != r)
			i++;
		c->lane[r] = i < c->n_paid ? c->paid[i].first : at;
		at += i < c->n_paid ? 0 : c->in->resources[r].slots;
	}
	c->width = padded(at);
}

/* The row's own order of columns: paid curves first. */
static void fill_row(const struct curve *c, int32_t *row, const int64_t *columns)
{
	for (uint32_t i = 0; i < c->n_paid; i++)
		for (uint32_t k = 0; k < c->paid[i].slots; k++)
			row[c->paid[i].first + k] = (int32_t)columns[c->in->resources[c->paid[i].term->resource].column + k];
	for (uint32_t r = 0; r < c->in->n_resources; r++)
		for (uint32_t k = 0; k < c->in->resources[r].slots && c->lane[r] >= c->paid_width; k++)
			row[c->lane[r] + k] = (int32_t)columns[c->in->resources[r].column + k];
}

static void fill_coarse(const struct curve *c, uint32_t service)
{
	const int32_t *need = c->need + (size_t)service * c->width;
	float *coarse = c->coarse_need + (size_t)service * c->coarse_width;

	for (uint32_t i = 0; i < c->n_paid; i++) {
		const struct curve_paid *p = &c->paid[i];
		uint32_t length = curve_block_length(p->slots);

		for (uint32_t b = 0; b * length < p->slots; b++) {
			uint32_t n = p->slots - b * length < length ? p->slots - b * length : length;
			double sum = 0;

			for (uint32_t k = 0; k < n; k++)
				sum += need[p->first + b * length + k];
			coarse[p->coarse + b] = (float)(sum / n);
			c->coarse_price[p->coarse + b] = p->price * (float)n;
		}
	}
}

static void fill_node(struct curve *c, uint32_t node)
{
	const struct instance *in = c->in;
	const int64_t *capacity = in->capacity + (size_t)node * in->n_columns;
	float *over = c->over + (size_t)node * c->paid_width, *coarse = c->coarse_over + (size_t)node * c->coarse_width;

	fill_row(c, c->room + (size_t)node * c->width, capacity);
	for (uint32_t k = 0; k < c->paid_width; k++)
		over[k] = FAR_BELOW;
	for (uint32_t k = 0; k < c->coarse_width; k++)
		coarse[k] = FAR_BELOW;
	for (uint32_t i = 0; i < c->n_paid; i++) {
		const struct curve_paid *p = &c->paid[i];
		int64_t whole = capacity[in->resources[p->term->resource].column];

		c->scale[(size_t)node * c->n_paid + i] = !p->exponential ? 1 : whole ? 1.0f / (float)whole : 0;
	}
	for (uint32_t i = 0; i < in->n_terms; i++)
		if (in->terms[i].kind == TERM_NODE_COST)
			c->node_price[node] += (float)(in->terms[i].weight * (double)in->nodes[node].cost);
}

struct curve *curve_new(const struct instance *in, const struct model *model)
{
	struct curve *c = mem_alloc(1, sizeof(*c));

	c->in = in;
	lay_out(c);
	lay_lanes(c);
	c->mean = mem_alloc(in->n_resources, sizeof(*c->mean));
	c->rules = curve_rules_new(in, model);
	c->node_price = mem_alloc(in->n_nodes, sizeof(float));
	c->scale = mem_alloc((size_t)in->n_nodes * c->n_paid, sizeof(float));
	c->need = curve_rows_alloc((size_t)in->n_services * c->width);
	c->room = curve_rows_alloc((size_t)in->n_nodes * c->width);
	c->over = curve_rows_alloc((size_t)in->n_nodes * c->paid_width);
	c->coarse_need = curve_rows_alloc((size_t)in->n_services * c->coarse_width);
	c->coarse_over = curve_rows_alloc((size_t)in->n_nodes * c->coarse_width);
	c->coarse_price = curve_rows_alloc(c->coarse_width);
	c->node_sum = mem_alloc(in->n_nodes, sizeof(float));
	c->coarse_sum = mem_alloc(in->n_nodes, sizeof(float));
	c->items = mem_alloc(in->n_nodes, sizeof(*c->items));
	c->at = mem_alloc(in->n_items, sizeof(uint32_t));
	c->item_node = mem_alloc(in->n_items, sizeof(int32_t));
	memset(c->item_node, 0xff, in->n_items * sizeof(int32_t));
	for (uint32_t s = 0; s < in->n_services; s++) {
		fill_row(c, c->need + (size_t)s * c->width, in->demand + (size_t)s * in->n_columns);
		fill_coarse(c, s);
	}
	for (uint32_t m = 0; m < in->n_nodes; m++)
		fill_node(c, m);
	curve_settle(c);
	return c;
}

void curve_free(struct curve *c)
{
	if (!c)
		return;
	void *all[] = { c->lane, c->mean, c->node_price, c->scale, c->need, c->room, c->over, c->coarse_need, c->coarse_over, c->coarse_price,
			c->node_sum, c->coarse_sum, c->at, c->item_node };

	for (uint32_t m = 0; m < c->in->n_nodes; m++) {
		free(c->items[m].v);
		free(c->items[m].group);
	}
	free(c->items);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		free(all[i]);
	curve_rules_free(c->rules);
	free(c);
}
