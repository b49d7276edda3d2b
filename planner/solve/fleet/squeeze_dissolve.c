/* The beginning of a round, whose nodes are dissolved, and its end, at which nothing may be over: see squeeze.h. */
#include "planner/solve/fleet/squeeze.h"

#include <stdlib.h>

#include "base/mem.h"
#include "planner/solve/ties.h"

#define INSERT_NODES 128     /* looked at for each item of a dissolved node */

struct emptiness { float key; uint32_t node; };

static int by_emptiness(const void *a, const void *b)
{
	const struct emptiness *x = a, *y = b;

	return x->key != y->key ? (x->key < y->key ? -1 : 1) : (x->node > y->node) - (x->node < y->node);
}

static bool stays(const struct squeeze *m, uint32_t node)
{
	for (uint32_t i = 0; i < m->st->items[node].n; i++)
		if (m->fill.ties[m->in->services[m->in->item_service[m->st->items[node].v[i]]].group] == TIES_WHOLE)
			return true;
	return false;
}

/* Nodes in use that may be dissolved, those that hold least for their cost first; with some luck, so that rounds differ. */
static uint32_t rank_nodes(struct squeeze *m, struct emptiness *v)
{
	const struct instance *in = m->in;
	uint32_t n = 0;

	for (uint32_t k = 0; k < in->n_nodes; k++) {
		double held = 0;

		if (!m->st->items[k].n || stays(m, k))
			continue;
		for (uint32_t i = 0; i < m->st->items[k].n; i++)
			held += (double)m->k->size[in->item_service[m->st->items[k].v[i]]];
		v[n++] = (struct emptiness){ (float)(held / ((double)in->nodes[k].cost + 1e-9) * (1 + 0.1 * rng_unit(&m->rng))), k };
	}
	qsort(v, n, sizeof(*v), by_emptiness);
	return n;
}

/* The node that the item hurts least, of some in use. */
static bool insert(struct squeeze *m, uint32_t item, const uint32_t *used, uint32_t n)
{
	uint32_t service = m->in->item_service[item], best = UINT32_MAX;
	float least = BLOCKS_NEVER;

	for (uint32_t t = 0; t < INSERT_NODES; t++) {
		uint32_t node = used[rng_below(&m->rng, n)];
		float hurt = fine_pain(m->f, m->fine + (size_t)node * m->f->width, service) - m->pain[node];

		if (hurt < least && state_fits_rules(m->st, service, node) && state_fits_limits(m->st, service, node)) {
			least = hurt;
			best = node;
		}
	}
	if (best == UINT32_MAX)
		return false;
	state_put(m->st, item, best);
	squeeze_measure(m, best);
	return true;
}

bool squeeze_dissolve(struct squeeze *m, uint32_t n)
{
	struct emptiness *v = mem_alloc(m->in->n_nodes, sizeof(*v));
	uint32_t *pool = mem_alloc(m->in->n_items, sizeof(*pool)), *used = mem_alloc(m->in->n_nodes, sizeof(*used));
	uint32_t victims = rank_nodes(m, v), n_pool = 0, n_used = 0;
	bool ok;

	victims = victims < n ? victims : n;
	for (uint32_t k = 0; k < victims; k++)
		while (m->st->items[v[k].node].n) {
			pool[n_pool++] = m->st->items[v[k].node].v[m->st->items[v[k].node].n - 1];
			state_take(m->st, pool[n_pool - 1]);
		}
	for (uint32_t k = 0; k < m->in->n_nodes; k++)
		if (m->st->items[k].n)
			used[n_used++] = k;
	ok = victims && n_used;
	while (ok && n_pool)
		ok = insert(m, pool[--n_pool], used, n_used);
	free(v);
	free(pool);
	free(used);
	return ok;
}

bool squeeze_relieve(struct squeeze *m)
{
	uint32_t *left = mem_alloc(m->in->n_items, sizeof(*left)), n = 0;
	bool whole;

	for (uint32_t node = 0; node < m->in->n_nodes; node++)
		while (m->over[node]) {
			left[n++] = fine_least_missed(m->f, m->st, node, m->fine + (size_t)node * m->f->width);
			state_take(m->st, left[n - 1]);
			squeeze_measure(m, node);
		}
	whole = !fill_place(&m->fill, m->st, left, n, &m->rng);
	free(left);
	return whole;
}
