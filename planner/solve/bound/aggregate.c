/*
 * Lower bound for hinge and balance terms. Each node pays max(0, x) of something linear in its load, and a sum of such parts is
 * at least the positive part of the sum: so all nodes are taken as one big node. Moves are taken as free.
 */
#include <math.h>
#include <stddef.h>

#include "planner/search.h"

static double demand_sum(const struct instance *in, uint32_t column)
{
	double sum = 0;

	for (uint32_t i = 0; i < in->n_items; i++)
		sum += (double)in->demand[(size_t)in->item_service[i] * in->n_columns + column];
	return sum;
}

static double node_sum(const struct instance *in, const int64_t *of, uint32_t column)
{
	double sum = 0;

	for (uint32_t m = 0; m < in->n_nodes; m++)
		sum += (double)of[(size_t)m * in->n_columns + column];
	return sum;
}

static double hinge(const struct instance *in, const struct term *t)
{
	const struct resource *r = &in->resources[t->resource];
	double sum = 0;

	for (uint32_t c = r->column; c < r->column + r->slots; c++)
		sum += fmax(0, demand_sum(in, c) - node_sum(in, in->soft ? in->soft : in->capacity, c));
	return t->weight * sum / r->slots;
}

static double balance(const struct instance *in, const struct term *t)
{
	const struct resource *a = &in->resources[t->resource], *b = &in->resources[t->resource2];
	double sum = 0;

	if (a->slots != b->slots)
		return 0;
	for (uint32_t k = 0; k < a->slots; k++) {
		double room_a = node_sum(in, in->capacity, a->column + k) - demand_sum(in, a->column + k);
		double room_b = node_sum(in, in->capacity, b->column + k) - demand_sum(in, b->column + k);

		sum += fmax(0, (double)t->target * room_a - room_b);
	}
	return t->weight * sum / a->slots;
}

static bool aggregate_applies(const struct search *s)
{
	for (uint32_t i = 0; i < s->in->n_terms; i++)
		if (s->in->terms[i].kind == TERM_HINGE || s->in->terms[i].kind == TERM_BALANCE)
			return true;
	return false;
}

static double aggregate_run(const struct search *s)
{
	double sum = 0;

	for (uint32_t i = 0; i < s->in->n_terms; i++) {
		const struct term *t = &s->in->terms[i];

		sum += t->kind == TERM_HINGE ? hinge(s->in, t) : t->kind == TERM_BALANCE ? balance(s->in, t) : 0;
	}
	return sum;
}

extern const struct bound bound_aggregate;
const struct bound bound_aggregate = {
	.name = "aggregate",
	.help = "hinge and balance terms of all nodes taken as one",
	.applies = aggregate_applies,
	.run = aggregate_run,
};
