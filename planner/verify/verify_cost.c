/*
 * The plan's own figures: its cost, term by term from the words of docs/instance.md, and its bound. planner/term.c evaluates the same
 * terms for the packers; nothing of it is used here. A term is a sum over nodes, over replicas, or one figure of the whole plan.
 */
#include "planner/verify/verify_part.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct books {
	const struct verify *v;
	const struct instance *in;
	int64_t *load;      /* as verify_loads(); NULL where nodes in use are all that is paid for */
	uint32_t *count;    /* [node]: replicas */
	double *pressures;  /* as verify_pressures() */
};

/* load and capacity of a resource of one slot serve every slot */
static size_t column_at(const struct books *b, uint32_t node, uint32_t resource, uint32_t slot)
{
	const struct resource *r = &b->in->resources[resource];

	return (size_t)node * b->in->n_columns + r->column + (slot < r->slots ? slot : 0);
}

static double utilisation(const struct books *b, uint32_t node, uint32_t resource, uint32_t slot)
{
	size_t k = column_at(b, node, resource, slot);

	return b->in->capacity[k] > 0 ? (double)b->load[k] / (double)b->in->capacity[k] : 0;
}

static double node_in_use(const struct books *b, const struct term *t, uint32_t node)
{
	(void)t;
	return b->count[node] ? (double)b->in->nodes[node].cost : 0;
}

static double node_hinge(const struct books *b, const struct term *t, uint32_t node)
{
	uint32_t slots = b->in->resources[t->resource].slots;
	double sum = 0;

	for (uint32_t s = 0; s < slots; s++) {
		size_t k = column_at(b, node, t->resource, s);
		int64_t soft = b->in->soft ? b->in->soft[k] : b->in->capacity[k];

		if (b->load[k] > soft)
			sum += (double)(b->load[k] - soft) / slots;
	}
	return sum;
}

static double node_exponential(const struct books *b, const struct term *t, uint32_t node)
{
	uint32_t slots = b->in->resources[t->resource].slots;
	double sum = 0;

	for (uint32_t s = 0; b->count[node] && s < slots; s++) {
		double u = utilisation(b, node, t->resource, s);

		if (u > t->threshold)
			sum += t->scale * (exp(u - t->threshold) - 1) / slots;
	}
	return sum;
}

static double node_balance(const struct books *b, const struct term *t, uint32_t node)
{
	uint32_t one = b->in->resources[t->resource].slots, two = b->in->resources[t->resource2].slots, slots = one > two ? one : two;
	double sum = 0;

	for (uint32_t s = 0; s < slots; s++) {
		size_t k = column_at(b, node, t->resource, s), l = column_at(b, node, t->resource2, s);
		double wanted = (double)t->target * (double)(b->in->capacity[k] - b->load[k]), have = (double)(b->in->capacity[l] - b->load[l]);

		if (wanted > have)
			sum += (wanted - have) / slots;
	}
	return sum;
}

static bool moves(const struct books *b, uint32_t item)
{
	int32_t to = b->v->plan->item_node[item], from = b->in->item_node[item];

	return to >= 0 && from >= 0 && to != from;
}

static double item_move(const struct books *b, uint32_t item)
{
	return moves(b, item) ? (double)b->in->services[b->in->item_service[item]].move_cost : 0;
}

static double item_move_pair(const struct books *b, uint32_t item)
{
	if (!moves(b, item) || !b->in->move_pair)
		return 0;
	return b->in->move_pair[(size_t)b->in->item_node[item] * b->in->n_nodes + (uint32_t)b->v->plan->item_node[item]];
}

static double item_slowdown(const struct books *b, uint32_t item)
{
	struct prediction p;

	if (!b->v->model || b->v->plan->item_node[item] < 0 || b->in->services[b->in->item_service[item]].model_service < 0)
		return 0;
	verify_slowdown(b->v, item, b->pressures, &p);
	return p.high - 1;
}

static double most_moves_in_a_group(const struct books *b)
{
	uint32_t *n = mem_alloc(b->in->n_groups, sizeof(*n)), most = 0;

	for (uint32_t i = 0; i < b->in->n_items; i++)
		n[b->in->services[b->in->item_service[i]].group] += moves(b, i);
	for (uint32_t g = 0; g < b->in->n_groups; g++)
		most = n[g] > most ? n[g] : most;
	free(n);
	return most;
}

static double mean_utilisation(const struct books *b, uint32_t node, uint32_t resource)
{
	uint32_t slots = b->in->resources[resource].slots;
	double sum = 0;

	for (uint32_t s = 0; s < slots; s++)
		sum += utilisation(b, node, resource, s);
	return sum / slots;
}

static double unevenness(const struct books *b)
{
	double total = 0, in_use = 0;

	for (uint32_t n = 0; n < b->in->n_nodes; n++)
		in_use += b->count[n] > 0;
	for (uint32_t r = 0; r < b->in->n_resources; r++) {
		double mean = 0;

		for (uint32_t n = 0; n < b->in->n_nodes; n++)
			mean += b->count[n] ? mean_utilisation(b, n, r) / in_use : 0;
		for (uint32_t n = 0; n < b->in->n_nodes; n++)
			total += b->count[n] ? pow(mean_utilisation(b, n, r) - mean, 2) : 0;
	}
	return total;
}

/* One of the three. */
static const struct judge {
	const char *name;
	double (*node)(const struct books *, const struct term *, uint32_t);
	double (*item)(const struct books *, uint32_t);
	double (*plan)(const struct books *);
} judges[] = {
	[TERM_NODE_COST] = { "node_cost", .node = node_in_use },
	[TERM_HINGE] = { "hinge", .node = node_hinge },
	[TERM_EXPONENTIAL] = { "exponential", .node = node_exponential },
	[TERM_BALANCE] = { "balance", .node = node_balance },
	[TERM_MOVE] = { "move", .item = item_move },
	[TERM_MOVE_GROUP] = { "move_group", .plan = most_moves_in_a_group },
	[TERM_MOVE_PAIR] = { "move_pair", .item = item_move_pair },
	[TERM_SLOWDOWN] = { "slowdown", .item = item_slowdown },
	[TERM_EVENNESS] = { "evenness", .plan = unevenness },
};

static double term_value(const struct books *b, const struct term *t)
{
	const struct judge *j = &judges[t->kind];
	double sum = j->plan ? j->plan(b) : 0;

	for (uint32_t n = 0; j->node && n < b->in->n_nodes; n++)
		sum += j->node(b, t, n);
	for (uint32_t i = 0; j->item && i < b->in->n_items; i++)
		sum += j->item(b, i);
	return sum;
}

static void books_open(struct books *b, const struct verify *v)
{
	const struct instance *in = v->plan->instance;

	*b = (struct books){ .v = v, .in = in, .load = in->n_terms ? verify_loads(in, v->plan->item_node) : NULL, .pressures = verify_pressures(v) };
	b->count = mem_alloc(in->n_nodes, sizeof(*b->count));
	for (uint32_t i = 0; i < in->n_items; i++)
		if (v->plan->item_node[i] >= 0)
			b->count[v->plan->item_node[i]]++;
}

static void books_close(struct books *b)
{
	free(b->load);
	free(b->count);
	free(b->pressures);
}

/* "node_cost 12 + exponential 3.25": what the sum is made of, for whoever has to find the difference. */
static char *in_words(const struct books *b)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	for (uint32_t t = 0; f && t < b->in->n_terms; t++)
		fprintf(f, "%s%.12g * %s %.15g", t ? " + " : "", b->in->terms[t].weight, judges[b->in->terms[t].kind].name,
			term_value(b, &b->in->terms[t]));
	if (f)
		fclose(f);
	return text;
}

/* The sum of the terms, or NAN where a term needs a model and there is none. */
static double check_sum(struct verify *v)
{
	static const struct term nodes_only = { .kind = TERM_NODE_COST, .weight = 1 };
	const struct instance *in = v->plan->instance;
	double cost = 0, size = 1;
	struct books b;

	books_open(&b, v);
	for (uint32_t t = 0; t < (in->n_terms ? in->n_terms : 1); t++) {
		const struct term *term = in->n_terms ? &in->terms[t] : &nodes_only;
		double value = term->kind == TERM_SLOWDOWN && !v->model ? NAN : term->weight * term_value(&b, term);

		cost += value;
		size += fabs(value);
	}
	if (fabs(cost - v->plan->cost) > FIGURE_EPSILON * size) {
		char *text = in->n_terms ? in_words(&b) : NULL;

		verify_break(v, BREACH_FIGURES, "cost: the plan says %.15g, %s %.15g%s%s", v->plan->cost,
			     in->n_terms ? "its terms sum to" : "the nodes in use cost", cost, text ? " = " : "", text ? text : "");
		free(text);
	}
	books_close(&b);
	return cost;
}

void verify_cost(struct verify *v)
{
	const struct plan *p = v->plan;
	double cost = check_sum(v);

	v->cost_unjudged = isnan(cost) || isnan(p->cost);
	if (isnan(cost))
		cost = p->cost;
	if (isfinite(p->lower_bound) && !p->n_unplaced && p->lower_bound > cost * (1 + FIGURE_EPSILON) + FIGURE_EPSILON)
		verify_break(v, BREACH_FIGURES, "lower_bound: %.15g lies above the cost %.15g", p->lower_bound, cost);
}
