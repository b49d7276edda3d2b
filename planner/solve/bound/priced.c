/*
 * Column generation where nodes differ or rules hold. The relaxation over bins of one kind of node gives every service a
 * price; any prices make a bound: the most that fits a node of each kind is found by exact pricing, and the nodes in use must
 * carry the sum (weigh.h). Every kind is taken once for the one that makes the prices. Rules are left out, which only lowers
 * the bound. Identical nodes without rules have their relaxation solved inside fewest.c, to the end.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "planner/search.h"
#include "planner/solve/fewest/columns.h"
#include "planner/solve/bound/weigh.h"

#define SERVICES_MAX 600
#define COLUMNS_MAX 64
#define KINDS_MAX 6
#define ROOT_ITERATIONS 100000 /* of the relaxation, per kind; some seconds */
#define SHARE 16               /* of a budget of iterations, for the relaxation of one kind */
#define EXACT_NODES 5000000u

struct kinds { uint32_t n, node[KINDS_MAX]; uint64_t count[KINDS_MAX]; };

/* Nodes of equal capacity and cost. false = too many kinds. */
static bool kinds_collect(const struct instance *in, struct kinds *k)
{
	size_t row = in->n_columns * sizeof(int64_t);

	k->n = 0;
	for (uint32_t n = 0; n < in->n_nodes; n++) {
		uint32_t i = 0;

		while (i < k->n && (in->nodes[n].cost != in->nodes[k->node[i]].cost ||
				    memcmp(in->capacity + (size_t)n * in->n_columns, in->capacity + (size_t)k->node[i] * in->n_columns, row)))
			i++;
		if (i == KINDS_MAX)
			return false;
		if (i == k->n) {
			k->node[k->n++] = n;
			k->count[i] = 0;
		}
		k->count[i]++;
	}
	return k->n > 0;
}

/* Prices by the relaxation over nodes of one kind; what does not fit there has none. */
static void prices_make(const struct search *s, uint32_t node, int64_t *price)
{
	const struct instance *in = s->in;
	uint64_t share = s->max_iterations / SHARE;
	struct search own = { .in = in, .deadline_ns = s->deadline_ns, .max_iterations = share < ROOT_ITERATIONS ? share : ROOT_ITERATIONS,
			      .lower_bound = -INFINITY };
	struct pack *p = pack_new_for(in, node);
	struct columns c;
	struct race r;

	memset(price, 0, in->n_services * sizeof(*price));
	if (p->n_items && p->n_columns) {
		own.best = incumbent_new(in, false);
		p->n_nodes = 0; /* its packings are no plans: nothing is offered */
		race_init(&r, p, &own);
		columns_init(&c, &r, s->seed);
		c.charged = true;
		columns_root(&c);
		for (uint32_t t = 0; t < p->n_types; t++)
			for (uint32_t i = 0; i < p->count[t]; i++)
				price[in->item_service[p->item[p->first[t] + i]]] = (int64_t)(fmin(1, c.center[t]) * (double)PRICE_ONE);
		columns_fini(&c);
		race_fini(&r);
		incumbent_free(own.best);
	}
	pack_free(p);
}

/* The most that a node of this kind can carry, or more. */
static double node_carries(const struct search *s, uint32_t node, const int64_t *price)
{
	const struct instance *in = s->in;
	struct pack *p = pack_new_for(in, node);
	int64_t *value = mem_alloc(p->n_types + 1, sizeof(*value));
	double carries = 0;

	for (uint32_t t = 0; t < p->n_types; t++)
		for (uint32_t i = 0; i < p->count[t]; i++) {
			int64_t v = price[in->item_service[p->item[p->first[t] + i]]];

			value[t] = v > value[t] ? v : value[t];
		}
	if (!p->n_columns) {
		for (uint32_t t = 0; t < p->n_types; t++)
			carries += (double)value[t] * p->count[t];
	} else if (p->n_items) {
		struct price *x = price_new(p, pack_width(p));

		x->tune = 16;
		price_solve(x, value, p->count, 0, EXACT_NODES);
		carries = (double)x->upper;
		price_free(x);
	}
	free(value);
	pack_free(p);
	return carries;
}

static double kind_bound(const struct search *s, const struct kinds *k, uint32_t reference, int64_t *price)
{
	const struct instance *in = s->in;
	struct offer offers[KINDS_MAX];
	double need = 0;

	prices_make(s, k->node[reference], price);
	for (uint32_t i = 0; i < in->n_services; i++)
		need += (double)price[i] * in->services[i].replicas;
	for (uint32_t i = 0; i < k->n; i++)
		offers[i] = (struct offer){ 0, in->nodes[k->node[i]].cost, k->count[i], node_carries(s, k->node[i], price) };
	return weigh_cover(offers, k->n, need);
}

static double run(const struct search *s)
{
	int64_t *price = mem_alloc(s->in->n_services, sizeof(*price));
	double best = 0;
	struct kinds k;

	kinds_collect(s->in, &k);
	for (uint32_t i = 0; i < k.n && !search_done(s, 0); i++) {
		double b = kind_bound(s, &k, i, price);

		if (isfinite(b))
			best = fmax(best, b);
	}
	free(price);
	return weigh_round(s->in, best) * weigh_factor(s->in);
}

static bool applies(const struct search *s)
{
	struct kinds k;

	return weigh_factor(s->in) > 0 && !pack_applies(s->in) && s->in->n_services <= SERVICES_MAX && s->in->n_columns <= COLUMNS_MAX &&
	       s->in->n_items <= 100000 && kinds_collect(s->in, &k);
}

extern const struct bound bound_priced;
const struct bound bound_priced = { .name = "column_generation", .help = "relaxation over bins of each kind of node", .applies = applies, .run = run };
