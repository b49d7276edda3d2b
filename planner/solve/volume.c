/*
 * Volume bound: in every column the nodes in use must hold the sum of the demands. Cheapest fractional cover per column
 * (nodes in order of cost per capacity), rounded up to a multiple of the costs' greatest common divisor. All objective terms are
 * nonnegative, so a term's weight times this stays a bound.
 */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "planner/search.h"

struct offer { double ratio; int64_t capacity, cost; };

static int by_ratio(const void *a, const void *b)
{
	const struct offer *x = a, *y = b;

	return x->ratio < y->ratio ? -1 : x->ratio > y->ratio;
}

static double cover(struct offer *v, uint32_t n, double need)
{
	double cost = 0;

	qsort(v, n, sizeof(*v), by_ratio);
	for (uint32_t i = 0; i < n && need > 0; i++) {
		double part = fmin(1, need / (double)v[i].capacity);

		cost += part * (double)v[i].cost;
		need -= (double)v[i].capacity;
	}
	return need > 0 ? INFINITY : cost;
}

static double column_bound(const struct instance *in, uint32_t c, double need, struct offer *v)
{
	uint32_t n = 0;

	for (uint32_t k = 0; k < in->n_nodes; k++) {
		int64_t capacity = in->capacity[(size_t)k * in->n_columns + c];

		if (capacity > 0)
			v[n++] = (struct offer){ (double)in->nodes[k].cost / (double)capacity, capacity, in->nodes[k].cost };
	}
	return need > 0 ? cover(v, n, need) : 0;
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

static double weight_of(const struct instance *in)
{
	double w = in->n_terms ? 0 : 1;

	for (uint32_t t = 0; t < in->n_terms; t++)
		w += in->terms[t].kind == TERM_NODE_COST ? in->terms[t].weight : 0;
	return w;
}

static double run(const struct search *s)
{
	const struct instance *in = s->in;
	struct offer *v = mem_alloc(in->n_nodes, sizeof(*v));
	double *need = mem_alloc(in->n_columns, sizeof(*need)), best = 0;
	int64_t g = common_divisor(in);

	for (uint32_t k = 0; k < in->n_services; k++)
		for (uint32_t c = 0; c < in->n_columns; c++)
			need[c] += (double)in->demand[(size_t)k * in->n_columns + c] * in->services[k].replicas;
	for (uint32_t c = 0; c < in->n_columns; c++) {
		double b = column_bound(in, c, need[c], v);

		if (isfinite(b))
			best = fmax(best, b);
	}
	if (g > 0)
		best = (double)g * ceil(best / (double)g * (1 - 1e-12) - 1e-9);
	free(need);
	free(v);
	return best * weight_of(in);
}

static bool applies(const struct search *s)
{
	(void)s;
	return true;
}

const struct bound bound_volume = { .name = "volume", .help = "sum of demands per resource and slot", .applies = applies, .run = run };
