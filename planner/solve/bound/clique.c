/*
 * Clique bound: services of which no two may ever share a node (together.h) need nodes of their own, each as many as its replicas,
 * at most so many to a node as it bears; the cheapest nodes at least. Cliques are grown greedily from several starts, large services
 * first. Beside them: a group of which at most k may share a node needs replicas / k nodes.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "planner/search.h"
#include "planner/solve/bound/together.h"
#include "planner/solve/bound/weigh.h"

#define SERVICES_MAX 5000 /* largest ones that take part in cliques */
#define STARTS 24

struct clique {
	const struct instance *in;
	struct together *together;
	uint32_t *order;          /* services, largest first */
	uint32_t n;
};

struct large { double size; uint32_t service; };

static int by_size(const void *a, const void *b)
{
	const struct large *x = a, *y = b;

	if (x->size != y->size)
		return x->size < y->size ? 1 : -1;
	return x->service < y->service ? -1 : x->service > y->service;
}

/* Largest share of any column first. */
static void order_set(struct clique *q)
{
	const struct instance *in = q->in;
	struct large *v = mem_alloc(in->n_services, sizeof(*v));

	for (uint32_t s = 0; s < in->n_services; s++) {
		if (!in->services[s].replicas)
			continue;
		v[q->n].service = s;
		v[q->n].size = together_size(q->together, s);
		q->n++;
	}
	qsort(v, q->n, sizeof(*v), by_size);
	q->n = q->n < SERVICES_MAX ? q->n : SERVICES_MAX;
	q->order = mem_alloc(q->n + 1, sizeof(*q->order));
	for (uint32_t i = 0; i < q->n; i++)
		q->order[i] = v[i].service;
	free(v);
}

/* Nodes that a service would need if it were the only one. */
static uint64_t nodes_alone(const struct clique *q, uint32_t service)
{
	uint64_t most = together_most(q->together, service);

	return (q->in->services[service].replicas + most - 1) / most;
}

/* Nodes of the clique that begins with order[start]. */
static uint64_t clique_grow(const struct clique *q, uint32_t start, uint32_t *member)
{
	uint32_t n = 0;
	uint64_t nodes = 0;

	for (uint32_t i = 0; i < q->n; i++) {
		uint32_t s = q->order[i ? (i <= start ? i - 1 : i) : start], k = 0;

		while (k < n && together_never(q->together, s, member[k]))
			k++;
		if (k < n)
			continue;
		member[n++] = s;
		nodes += nodes_alone(q, s);
	}
	return nodes;
}

/* Groups of which at most k may stand on one node. */
static uint64_t groups_nodes(const struct instance *in)
{
	uint64_t *replicas = mem_alloc(in->n_groups + 1, sizeof(*replicas)), most = 0;

	for (uint32_t s = 0; s < in->n_services; s++)
		replicas[in->services[s].group] += in->services[s].replicas;
	for (uint32_t i = 0; i < in->n_caps; i++) {
		const struct rule_cap *r = &in->caps[i];
		uint64_t nodes = r->a == r->b && r->k ? (replicas[r->a] + r->k - 1) / r->k : 0;

		most = nodes > most ? nodes : most;
	}
	free(replicas);
	return most;
}

static double run(const struct search *s)
{
	struct clique q = { .in = s->in, .together = together_new(s->in, s->model) };
	uint64_t most = groups_nodes(s->in);
	uint32_t *member;

	order_set(&q);
	member = mem_alloc(q.n + 1, sizeof(*member));
	for (uint32_t i = 0; i < STARTS && i < q.n && !search_done(s, 0); i++) {
		uint64_t nodes = clique_grow(&q, (uint32_t)((uint64_t)i * q.n / STARTS / (i % 2 ? 1 : 4)), member);

		most = nodes > most ? nodes : most;
	}
	free(member);
	free(q.order);
	together_free(q.together);
	return weigh_round(s->in, weigh_nodes(s->in, most)) * weigh_factor(s->in);
}

static bool applies(const struct search *s)
{
	return weigh_factor(s->in) > 0;
}

extern const struct bound bound_clique;
const struct bound bound_clique = { .name = "clique", .help = "services of which no two may share a node", .applies = applies, .run = run };
