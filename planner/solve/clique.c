/*
 * Clique bound: replicas of which no two may ever share a node need a node each, the cheapest ones at least. Two services
 * exclude each other when they exceed every node's capacity together, or by an anti-affinity rule. Cliques are grown greedily
 * from several starts, large services first. Beside them: a group of which at most k may share a node needs replicas / k nodes.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "planner/search.h"
#include "planner/solve/weigh.h"

#define SERVICES_MAX 5000 /* largest ones that take part in cliques */
#define STARTS 24
#define ROOMS_MAX 16      /* kinds of nodes told apart; else the largest capacity per column stands for all */

struct pair { uint32_t a, b; };

struct clique {
	const struct instance *in;
	int64_t *room;            /* [room * n_columns + column] capacities that occur, or that cover those that do */
	uint32_t n_rooms;
	struct pair *apart;       /* groups that exclude each other, sorted; a == b: two of the same group do */
	uint32_t n_apart;
	uint32_t *order;          /* services, largest first */
	uint32_t n;
};

static int by_pair(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;

	if (x->a != y->a)
		return x->a < y->a ? -1 : 1;
	return x->b < y->b ? -1 : x->b > y->b;
}

static void apart_collect(struct clique *q)
{
	const struct instance *in = q->in;

	q->apart = mem_alloc(2 * in->n_caps + 1, sizeof(*q->apart));
	for (uint32_t i = 0; i < in->n_caps; i++) {
		const struct rule_cap *r = &in->caps[i];

		if (r->k > (r->a == r->b))
			continue;
		q->apart[q->n_apart++] = (struct pair){ r->a, r->b };
		q->apart[q->n_apart++] = (struct pair){ r->b, r->a };
	}
	qsort(q->apart, q->n_apart, sizeof(*q->apart), by_pair);
}

static void rooms_collect(struct clique *q)
{
	const struct instance *in = q->in;
	size_t row = in->n_columns * sizeof(int64_t);

	q->room = mem_alloc((size_t)ROOMS_MAX * in->n_columns, sizeof(int64_t));
	for (uint32_t n = 0; n < in->n_nodes && q->n_rooms <= ROOMS_MAX; n++) {
		const int64_t *capacity = in->capacity + (size_t)n * in->n_columns;
		uint32_t i = 0;

		while (i < q->n_rooms && memcmp(q->room + (size_t)i * in->n_columns, capacity, row))
			i++;
		if (i < q->n_rooms)
			continue;
		if (q->n_rooms < ROOMS_MAX)
			memcpy(q->room + (size_t)i * in->n_columns, capacity, row);
		q->n_rooms++;
	}
	if (q->n_rooms <= ROOMS_MAX)
		return;
	q->n_rooms = 1;
	for (uint32_t n = 0; n < in->n_nodes; n++)
		for (uint32_t c = 0; c < in->n_columns; c++)
			if (in->capacity[(size_t)n * in->n_columns + c] > q->room[c])
				q->room[c] = in->capacity[(size_t)n * in->n_columns + c];
}

static bool exceed(const struct clique *q, uint32_t s, uint32_t t)
{
	uint32_t d = q->in->n_columns;
	const int64_t *a = q->in->demand + (size_t)s * d, *b = q->in->demand + (size_t)t * d;

	for (uint32_t i = 0; i < q->n_rooms; i++) {
		const int64_t *room = q->room + (size_t)i * d;
		uint32_t c = 0;

		while (c < d && a[c] <= room[c] - b[c])
			c++;
		if (c == d)
			return false;
	}
	return true;
}

static bool exclude(const struct clique *q, uint32_t s, uint32_t t)
{
	struct pair groups = { q->in->services[s].group, q->in->services[t].group };

	return (q->n_apart && bsearch(&groups, q->apart, q->n_apart, sizeof(groups), by_pair)) || exceed(q, s, t);
}

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
		for (uint32_t c = 0; c < in->n_columns; c++)
			if (q->room[c] > 0)
				v[q->n].size = fmax(v[q->n].size, (double)in->demand[(size_t)s * in->n_columns + c] / (double)q->room[c]);
		q->n++;
	}
	qsort(v, q->n, sizeof(*v), by_size);
	q->n = q->n < SERVICES_MAX ? q->n : SERVICES_MAX;
	q->order = mem_alloc(q->n + 1, sizeof(*q->order));
	for (uint32_t i = 0; i < q->n; i++)
		q->order[i] = v[i].service;
	free(v);
}

/* Replicas in the clique that begins with order[start]. */
static uint64_t clique_grow(const struct clique *q, uint32_t start, uint32_t *member)
{
	uint32_t n = 0;
	uint64_t nodes = 0;

	for (uint32_t i = 0; i < q->n; i++) {
		uint32_t s = q->order[i ? (i <= start ? i - 1 : i) : start], k = 0;

		while (k < n && exclude(q, s, member[k]))
			k++;
		if (k < n)
			continue;
		member[n++] = s;
		nodes += exclude(q, s, s) ? q->in->services[s].replicas : 1;
	}
	return nodes;
}

static int by_cost(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

/* Cost of the cheapest nodes; more nodes than there are: no plan, which others say. */
static double nodes_cost(const struct instance *in, uint64_t nodes)
{
	int64_t *cost = mem_alloc(in->n_nodes + 1, sizeof(*cost));
	double sum = 0;

	for (uint32_t n = 0; n < in->n_nodes; n++)
		cost[n] = in->nodes[n].cost;
	qsort(cost, in->n_nodes, sizeof(*cost), by_cost);
	for (uint64_t n = 0; n < nodes && n < in->n_nodes; n++)
		sum += (double)cost[n];
	free(cost);
	return sum;
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
	struct clique q = { .in = s->in };
	uint64_t most = groups_nodes(s->in);
	uint32_t *member;

	apart_collect(&q);
	rooms_collect(&q);
	order_set(&q);
	member = mem_alloc(q.n + 1, sizeof(*member));
	for (uint32_t i = 0; i < STARTS && i < q.n && !search_done(s, 0); i++) {
		uint64_t nodes = clique_grow(&q, (uint32_t)((uint64_t)i * q.n / STARTS / (i % 2 ? 1 : 4)), member);

		most = nodes > most ? nodes : most;
	}
	free(member);
	free(q.order);
	free(q.apart);
	free(q.room);
	return weigh_round(s->in, nodes_cost(s->in, most)) * weigh_factor(s->in);
}

static bool applies(const struct search *s)
{
	return weigh_factor(s->in) > 0;
}

extern const struct bound bound_clique;
const struct bound bound_clique = { .name = "clique", .help = "replicas of which no two may share a node", .applies = applies, .run = run };
