/* Items that wait for a place: see pool.h. */
#include "planner/solve/fleet/pool.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct pool *pool_new(const struct blocks *k, const uint32_t *items, uint32_t n)
{
	const struct instance *in = k->in;
	struct pool *p = mem_alloc(1, sizeof(*p));
	uint32_t *services = mem_alloc(in->n_services, sizeof(*services)), n_services = 0, sum = 0;

	p->in = in;
	p->n = n;
	p->items = mem_alloc(n, sizeof(uint32_t));
	p->first = mem_alloc(in->n_services, sizeof(uint32_t));
	p->left = mem_alloc(in->n_services, sizeof(uint32_t));
	p->waiting = mem_alloc(n, sizeof(uint32_t));
	p->at = mem_alloc(in->n_items, sizeof(uint32_t));
	memcpy(p->waiting, items, n * sizeof(uint32_t));
	for (uint32_t i = 0; i < n; i++) {
		p->at[items[i]] = i;
		p->left[in->item_service[items[i]]]++;
	}
	for (uint32_t s = 0; s < in->n_services; s++) {
		p->first[s] = sum;
		sum += p->left[s];
		if (p->left[s])
			services[n_services++] = s;
		p->left[s] = 0;
	}
	for (uint32_t i = 0; i < n; i++) {
		uint32_t s = in->item_service[items[i]];

		p->items[p->first[s] + p->left[s]++] = items[i];
	}
	p->kin = kin_new(k, services, n_services);
	free(services);
	return p;
}

void pool_free(struct pool *p)
{
	if (!p)
		return;
	kin_free(p->kin);
	free(p->items);
	free(p->first);
	free(p->left);
	free(p->waiting);
	free(p->at);
	free(p);
}

uint32_t pool_draw(const struct pool *p, struct rng *rng)
{
	return p->in->item_service[p->waiting[rng_below(rng, p->n)]];
}

uint32_t pool_take(struct pool *p, uint32_t service)
{
	uint32_t item = p->items[p->first[service] + --p->left[service]];

	p->waiting[p->at[item]] = p->waiting[--p->n];
	p->at[p->waiting[p->n]] = p->at[item];
	if (!p->left[service])
		kin_remove(p->kin, service);
	return item;
}

void pool_give(struct pool *p, uint32_t item)
{
	uint32_t service = p->in->item_service[item];

	if (!p->left[service])
		kin_restore(p->kin, service);
	p->items[p->first[service] + p->left[service]++] = item;
	p->at[item] = p->n;
	p->waiting[p->n++] = item;
}
