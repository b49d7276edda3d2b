/* What is large, what is pinned, which node is cheap for what is needed: see sizes.h. */
#include "planner/solve/build/sizes.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "planner/solve/order.h"

#define NEAR_FIRST 1e9      /* beyond any size: a size is a sum of shares of a mean node */
#define PINNED_FIRST 1e12   /* times the share of nodes that are forbidden */

double sizes_mean(const struct resource *r, const int64_t *row)
{
	double sum = 0;

	for (uint32_t t = 0; t < r->slots; t++)
		sum += (double)row[r->column + t];
	return sum / r->slots;
}

double *sizes_forbidden(const struct instance *in)
{
	double *v = mem_alloc(in->n_services, sizeof(*v));

	for (uint32_t s = 0; in->allow && s < in->n_services; s++) {
		uint32_t allowed = 0;

		if (!in->allow[s])
			continue;
		for (uint32_t w = 0; w < (in->n_nodes + 63) / 64; w++)
			allowed += (uint32_t)__builtin_popcountll(in->allow[s][w]);
		v[s] = 1 - (double)allowed / in->n_nodes;
	}
	return v;
}

static void measure(struct sizes *z)
{
	const struct instance *in = z->in;
	uint32_t nr = in->n_resources;
	double *need = mem_alloc(nr, sizeof(*need)), *worth = mem_alloc(in->n_nodes, sizeof(*worth));

	for (uint32_t r = 0; r < nr; r++) {
		double sum = 0;

		for (uint32_t n = 0; n < in->n_nodes; n++)
			sum += sizes_mean(&in->resources[r], in->capacity + (size_t)n * in->n_columns);
		z->scale[r] = sum > 0 ? in->n_nodes / sum : 0;
		for (uint32_t s = 0; s < in->n_services; s++) {
			double d = sizes_mean(&in->resources[r], in->demand + (size_t)s * in->n_columns) * z->scale[r];

			z->size[(size_t)s * nr + r] = d;
			need[r] += d * in->services[s].replicas;
		}
	}
	for (uint32_t n = 0; n < in->n_nodes; n++) {
		for (uint32_t r = 0; r < nr; r++)
			worth[n] += need[r] * sizes_mean(&in->resources[r], in->capacity + (size_t)n * in->n_columns) * z->scale[r];
		worth[n] /= (double)in->nodes[n].cost + 1e-9;
		z->nodes[n] = n;
	}
	order_by_key(z->nodes, in->n_nodes, worth);
	free(worth);
	free(need);
}

void sizes_rank(const struct sizes *z, unsigned variant, const struct state *st, uint32_t *order)
{
	const struct instance *in = z->in;
	uint32_t nr = in->n_resources;
	double *weight = mem_alloc(nr, sizeof(*weight)), *key = mem_alloc(in->n_items, sizeof(*key));

	for (uint32_t r = 0; r < nr; r++)
		for (uint32_t s = 0; s < in->n_services; s++)
			weight[r] += z->size[(size_t)s * nr + r] * in->services[s].replicas;
	for (uint32_t i = 0; i < in->n_items; i++) {
		const double *d = z->size + (size_t)in->item_service[i] * nr;

		for (uint32_t r = 0; r < nr; r++)
			key[i] = variant == 2 ? fmax(key[i], d[r]) : key[i] + (variant == 1 ? d[r] : variant == 3 ? d[r] * d[r] : d[r] * weight[r]);
		order[i] = i;
		if (sizes_has_near(st, in->services[in->item_service[i]].group))
			key[i] += NEAR_FIRST;
		key[i] += PINNED_FIRST * z->forbidden[in->item_service[i]];
	}
	order_by_key(order, in->n_items, key);
	free(weight);
	free(key);
}

void sizes_init(struct sizes *z, const struct instance *in)
{
	*z = (struct sizes){ .in = in, .scale = mem_alloc(in->n_resources, sizeof(double)),
			     .size = mem_alloc((size_t)in->n_services * in->n_resources, sizeof(double)),
			     .nodes = mem_alloc(in->n_nodes, sizeof(uint32_t)), .forbidden = sizes_forbidden(in) };
	measure(z);
}

void sizes_fini(struct sizes *z)
{
	free(z->scale);
	free(z->size);
	free(z->nodes);
	free(z->forbidden);
}
