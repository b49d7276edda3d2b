/* Fractional covers of weights by nodes: see weigh.h. */
#include "planner/solve/bound/weigh.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/sort.h"

#define KINDS_SHOWN 8
#define ROUNDING 1e-11 /* relative: sums of doubles may be off by less */

static int by_kind(const void *a, const void *b)
{
	const struct offer *x = a, *y = b;

	if (x->capacity != y->capacity)
		return x->capacity < y->capacity ? -1 : 1;
	return x->cost < y->cost ? -1 : x->cost > y->cost;
}

/* Where an offer of this kind stands among the last few, or n: runs of nodes alike need no sorting. */
static uint32_t offer_find(const struct offer *v, uint32_t n, const struct offer *x)
{
	for (uint32_t i = n; i-- > 0 && n - i <= KINDS_SHOWN;)
		if (v[i].capacity == x->capacity && v[i].cost == x->cost)
			return i;
	return n;
}

uint32_t weigh_offers(const struct instance *in, uint32_t column, struct offer **offers)
{
	struct offer *v = mem_alloc(in->n_nodes + 1, sizeof(*v));
	uint32_t n = 0, to = 0;

	for (uint32_t k = 0; k < in->n_nodes; k++) {
		int64_t capacity = in->capacity[(size_t)k * in->n_columns + column];
		struct offer x = { capacity, in->nodes[k].cost, 1, (double)capacity };
		uint32_t at = offer_find(v, n, &x);

		if (capacity <= 0)
			continue;
		if (at < n)
			v[at].count++;
		else
			v[n++] = x;
	}
	qsort(v, n, sizeof(*v), by_kind);
	for (uint32_t i = 0; i < n; i++)
		if (to && !by_kind(&v[to - 1], &v[i]))
			v[to - 1].count += v[i].count;
		else
			v[to++] = v[i];
	*offers = v;
	return to;
}

static int by_price(const void *a, const void *b)
{
	const struct offer *x = a, *y = b;
	double left = (double)x->cost * y->carries, right = (double)y->cost * x->carries;

	return left < right ? -1 : left > right;
}

double weigh_cover(struct offer *v, uint32_t n, double need)
{
	double cost = 0;

	qsort(v, n, sizeof(*v), by_price);
	for (uint32_t i = 0; i < n && need > 0; i++) {
		double part = v[i].carries > 0 ? fmin((double)v[i].count, need / v[i].carries) : 0;

		cost += part * (double)v[i].cost;
		need -= part * v[i].carries * (1 + 1e-15);
	}
	return need > 0 ? INFINITY : cost;
}

static int64_t common_divisor(const struct instance *in)
{
	int64_t g = 0;

	for (uint32_t n = 0; n < in->n_nodes; n++)
		for (int64_t a = in->nodes[n].cost; a; ) {
			int64_t t = g % a;

			g = a;
			a = t;
		}
	return g;
}

double weigh_nodes(const struct instance *in, uint64_t nodes)
{
	int64_t *cost = mem_alloc(in->n_nodes + 1, sizeof(*cost));
	double sum = 0;

	for (uint32_t n = 0; n < in->n_nodes; n++)
		cost[n] = in->nodes[n].cost;
	qsort(cost, in->n_nodes, sizeof(*cost), sort_i64s);
	for (uint64_t n = 0; n < nodes && n < in->n_nodes; n++)
		sum += (double)cost[n];
	free(cost);
	return sum;
}

double weigh_round(const struct instance *in, double cost)
{
	int64_t g = common_divisor(in);

	return g > 0 ? (double)g * ceil(cost / (double)g * (1 - ROUNDING) - 1e-9) : cost;
}

double weigh_factor(const struct instance *in)
{
	double w = in->n_terms ? 0 : 1;

	for (uint32_t t = 0; t < in->n_terms; t++)
		w += in->terms[t].kind == TERM_NODE_COST ? in->terms[t].weight : 0;
	return w;
}
