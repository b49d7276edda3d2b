/* See curve_extra.h; definitions of the terms: planner/term.c. */
#include "planner/solve/curve/curve_extra.h"

#include <math.h>
#include <string.h>

#include "planner/solve/curve/curve_rules.h"

/* A node as it would be: enters and leaves are items or NO_ITEM. */
struct change { uint32_t node, enters, leaves; };

static int32_t need(const struct curve *c, uint32_t item, uint32_t lane)
{
	return item == NO_ITEM ? 0 : c->need[(size_t)c->in->item_service[item] * c->width + lane];
}

static double room_after(const struct curve *c, const struct change *x, uint32_t resource, uint32_t slot)
{
	uint32_t lane = c->lane[resource] + (slot < c->in->resources[resource].slots ? slot : 0);

	return (double)c->room[(size_t)x->node * c->width + lane] + need(c, x->leaves, lane) - need(c, x->enters, lane);
}

static uint32_t replicas_after(const struct curve *c, const struct change *x)
{
	return c->items[x->node].n + (x->enters != NO_ITEM) - (x->leaves != NO_ITEM);
}

static double balance(const struct curve *c, const struct term *t, const struct change *x)
{
	uint32_t one = c->in->resources[t->resource].slots, two = c->in->resources[t->resource2].slots, slots = one > two ? one : two;
	double sum = 0;

	for (uint32_t k = 0; k < slots; k++)
		sum += fmax(0, (double)t->target * room_after(c, x, t->resource, k) - room_after(c, x, t->resource2, k));
	return sum / slots;
}

static double mean_utilisation(const struct curve *c, const struct change *x, uint32_t resource)
{
	const struct resource *r = &c->in->resources[resource];
	const int64_t *capacity = c->in->capacity + (size_t)x->node * c->in->n_columns + r->column;
	double sum = 0;

	for (uint32_t k = 0; k < r->slots; k++)
		sum += capacity[k] ? 1 - room_after(c, x, resource, k) / (double)capacity[k] : 0;
	return sum / r->slots;
}

static double evenness(const struct curve *c, const struct term *t, const struct change *x)
{
	double sum = 0;

	(void)t;
	for (uint32_t r = 0; r < c->in->n_resources && replicas_after(c, x); r++)
		sum += pow(mean_utilisation(c, x, r) - c->mean[r], 2);
	return sum;
}

static double slowdown_of(const struct curve *c, uint32_t item, uint32_t node, const double *sum)
{
	const struct service *s = &c->in->services[c->in->item_service[item]];
	int32_t type = c->in->nodes[node].model_type;
	double others[MODEL_MAX_PRESSURES];
	const double *own;

	if (s->model_service < 0)
		return 0;
	own = model_pressure(c->rules->model, s->model_service, type);
	for (int p = 0; p < model_n_pressures(c->rules->model); p++)
		others[p] = fmax(0, sum[p] - own[p]);
	return model_upper(c->rules->model, s->model_service, type, others, s->limit_confidence) - 1;
}

static double slowdown(const struct curve *c, const struct term *t, const struct change *x)
{
	const struct curve_list *l = &c->items[x->node];
	double sum[MODEL_MAX_PRESSURES], total = 0;

	(void)t;
	if (!c->rules->model)
		return 0;
	curve_rules_pressure(c, x->node, x->enters, x->leaves, sum);
	if (x->enters != NO_ITEM)
		total = slowdown_of(c, x->enters, x->node, sum);
	for (uint32_t i = 0; i < l->n; i++)
		if (l->v[i] != x->leaves)
			total += slowdown_of(c, l->v[i], x->node, sum);
	return total;
}

static double (*const kinds[])(const struct curve *, const struct term *, const struct change *) = {
	[TERM_BALANCE] = balance, [TERM_SLOWDOWN] = slowdown, [TERM_EVENNESS] = evenness,
};

bool curve_extra_kind(enum term_kind kind)
{
	return kind < sizeof(kinds) / sizeof(kinds[0]) && kinds[kind];
}

float curve_extra_cost(const struct curve *c, uint32_t node, uint32_t enters, uint32_t leaves)
{
	struct change x = { node, enters, leaves };
	double sum = 0;

	for (uint32_t i = 0; i < c->in->n_terms; i++)
		if (curve_extra_kind(c->in->terms[i].kind))
			sum += c->in->terms[i].weight * kinds[c->in->terms[i].kind](c, &c->in->terms[i], &x);
	return (float)sum;
}

void curve_extra_settle(struct curve *c)
{
	uint32_t in_use = 0;

	memset(c->mean, 0, c->in->n_resources * sizeof(*c->mean));
	for (uint32_t m = 0; m < c->in->n_nodes; m++) {
		in_use += c->items[m].n > 0;
		for (uint32_t r = 0; r < c->in->n_resources && c->items[m].n; r++)
			c->mean[r] += mean_utilisation(c, &(struct change){ m, NO_ITEM, NO_ITEM }, r);
	}
	for (uint32_t r = 0; r < c->in->n_resources && in_use; r++)
		c->mean[r] /= in_use;
}
