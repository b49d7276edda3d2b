/* Ejection chains: see chain.h. Sizes fall along a chain (an item replaces smaller ones only), so chains end. */
#include "planner/solve/walk/chain.h"

#include <stdlib.h>

#include "base/mem.h"

#define NODES_TRIED 400       /* nodes drawn per pending item before swaps are tried */
#define SWAP_NODES 300

/* Would the node hold the newcomer in place of the one that leaves? */
__attribute__((target_clones("avx512f", "avx2", "default")))
static bool swap_room(const int64_t *restrict load, const int64_t *restrict in, const int64_t *restrict out, const int64_t *restrict capacity,
		      uint32_t n)
{
	uint32_t c = 0;

	for (; c + 16 <= n; c += 16) {
		int64_t over = 0;

		for (uint32_t k = 0; k < 16; k++)
			over |= capacity[c + k] - load[c + k] - in[c + k] + out[c + k];
		if (over < 0)
			return false;
	}
	for (; c < n; c++)
		if (load[c] + in[c] - out[c] > capacity[c])
			return false;
	return true;
}

bool chain_room(const struct chain *m, uint32_t node, uint32_t in, uint32_t out)
{
	size_t width = m->in->n_columns;

	return swap_room(m->st->load + node * width, m->in->demand + in * width, m->in->demand + out * width, m->in->capacity + node * width,
			 m->in->n_columns);
}

static void measure(struct chain *m)
{
	const struct instance *in = m->in;

	for (uint32_t r = 0; r < in->n_resources; r++) {
		const struct resource *res = &in->resources[r];
		double capacity = 0, need = 0, scale;

		for (uint32_t n = 0; n < in->n_nodes; n++)
			capacity += (double)in->capacity[(size_t)n * in->n_columns + res->column];
		for (uint32_t s = 0; s < in->n_services; s++)
			need += (double)in->demand[(size_t)s * in->n_columns + res->column] * in->services[s].replicas;
		scale = capacity > 0 ? (0.1 + need / capacity) / capacity * in->n_nodes / res->slots : 0;
		for (uint32_t s = 0; s < in->n_services; s++)
			for (uint32_t t = 0; t < res->slots; t++)
				m->size[s] += scale * (double)in->demand[(size_t)s * in->n_columns + res->column + t];
	}
}

static double size_of(const struct chain *m, uint32_t item)
{
	return m->size[m->in->item_service[item]];
}

static void moved(struct chain *m, uint32_t item, int32_t from, int32_t to)
{
	int32_t home = m->in->item_node[item];

	if (home >= 0)
		m->moves += (to >= 0 && to != home) - (from >= 0 && from != home);
}

static void note(struct chain *m, uint32_t item)
{
	m->undo = array_grow(m->undo, &m->cap_undo, m->n_undo + 1, sizeof(*m->undo));
	m->undo[m->n_undo++] = (struct chain_undo){ item, m->st->item_node[item] };
}

void chain_put(struct chain *m, uint32_t item, uint32_t node)
{
	note(m, item);
	moved(m, item, NO_NODE, (int32_t)node);
	state_put(m->st, item, node);
}

void chain_take(struct chain *m, uint32_t item)
{
	note(m, item);
	moved(m, item, m->st->item_node[item], NO_NODE);
	state_take(m->st, item);
}

void chain_begin(struct chain *m)
{
	m->n_undo = m->n_pool = 0;
}

void chain_roll_back(struct chain *m, size_t mark)
{
	while (m->n_undo > mark) {
		struct chain_undo u = m->undo[--m->n_undo];
		int32_t at = m->st->item_node[u.item];

		moved(m, u.item, at, u.node);
		if (at >= 0)
			state_take(m->st, u.item);
		if (u.node >= 0)
			state_put(m->st, u.item, (uint32_t)u.node);
	}
}

void chain_pool(struct chain *m, uint32_t item)
{
	m->pool = array_grow(m->pool, &m->cap_pool, m->n_pool + 1, sizeof(*m->pool));
	m->pool[m->n_pool++] = item;
}

static uint32_t pool_largest(struct chain *m)
{
	uint32_t best = 0, item;

	for (uint32_t k = 1; k < m->n_pool; k++)
		if (size_of(m, m->pool[k]) > size_of(m, m->pool[best]))
			best = k;
	item = m->pool[best];
	m->pool[best] = m->pool[--m->n_pool];
	return item;
}

void chain_list_used(struct chain *m)
{
	m->n_used = 0;
	for (uint32_t n = 0; n < m->in->n_nodes; n++)
		if (m->st->items[n].n)
			m->used[m->n_used++] = n;
}

/* The k-th node in use, or any one where there are more than will be looked at. */
static uint32_t draw(struct chain *m, uint32_t k, uint32_t limit)
{
	return limit >= m->n_used ? m->used[k] : m->used[rng_below(&m->rng, m->n_used)];
}

static bool insert(struct chain *m, uint32_t item, uint32_t victim)
{
	uint32_t tries = m->n_used < NODES_TRIED ? m->n_used : NODES_TRIED;

	for (uint32_t k = 0; k < tries; k++) {
		uint32_t n = draw(m, k, NODES_TRIED);

		m->tests++;
		if (n == victim || !state_fits_item(m->st, item, n))
			continue;
		chain_put(m, item, n);
		return true;
	}
	return false;
}

/* The smallest smaller item that the item can replace, over random nodes. */
static bool replace(struct chain *m, uint32_t item, uint32_t victim)
{
	uint32_t tries = m->n_used < SWAP_NODES ? m->n_used : SWAP_NODES, out = UINT32_MAX, where = 0;
	double least = size_of(m, item) * 0.999;

	for (uint32_t k = 0; k < tries; k++) {
		uint32_t n = draw(m, k, SWAP_NODES);
		const struct state_list *l = &m->st->items[n];

		for (uint32_t i = 0; n != victim && i < l->n; i++) {
			uint32_t other = l->v[i];
			bool ok;

			if (size_of(m, other) >= least)
				continue;
			m->tests++;
			if (!chain_room(m, n, m->in->item_service[item], m->in->item_service[other]))
				continue;
			state_take(m->st, other);
			ok = state_fits_item(m->st, item, n);
			state_put(m->st, other, n);
			if (!ok)
				break; /* the list's order has changed */
			least = size_of(m, other);
			out = other;
			where = n;
			break;
		}
	}
	if (out == UINT32_MAX)
		return false;
	chain_take(m, out);
	chain_put(m, item, where);
	chain_pool(m, out);
	return true;
}

/* Rules of whole placements, once nothing is missing any more. */
static bool whole_ok(const struct chain *m)
{
	return !m->whole || m->n_missing || state_whole_ok(m->st);
}

static bool within_budget(const struct chain *m)
{
	return m->in->max_moves < 0 || m->moves <= m->in->max_moves;
}

bool chain_ok(const struct chain *m)
{
	return within_budget(m) && whole_ok(m);
}

/* Everything in the pool finds a place, by chains of at most `steps` insertions. */
bool chain_place_pool(struct chain *m, uint32_t victim, uint32_t steps)
{
	while (m->n_pool && steps--) {
		uint32_t item = pool_largest(m);

		if ((!insert(m, item, victim) && !replace(m, item, victim)) || !within_budget(m))
			return false;
	}
	return !m->n_pool && chain_ok(m);
}

void chain_init(struct chain *m, struct search *s)
{
	const struct instance *in = s->in;

	*m = (struct chain){ .s = s, .in = in, .st = state_new(in, s->model), .whole = in->n_nears > 0 };
	rng_seed(&m->rng, s->seed);
	m->size = mem_alloc(in->n_services, sizeof(*m->size));
	m->used = mem_alloc(in->n_nodes, sizeof(*m->used));
	for (uint32_t i = 0; i < in->n_spreads; i++)
		m->whole |= in->spreads[i].min_distinct > 0;
	measure(m);
}

void chain_load(struct chain *m, const int32_t *item_node)
{
	state_load(m->st, item_node);
	for (uint32_t i = 0; i < m->in->n_items; i++)
		moved(m, i, NO_NODE, item_node[i]);
}

void chain_fini(struct chain *m)
{
	state_free(m->st);
	free(m->size);
	free(m->used);
	free(m->pool);
	free(m->undo);
}
