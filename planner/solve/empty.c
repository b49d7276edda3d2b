/*
 * Empties nodes: takes everything off the node that costs most for what it holds, and reinserts it elsewhere; where nothing has
 * room, an item takes the place of a smaller one, which then looks for a place itself (ejection chain, sizes falling). Fails
 * after a budget of tests and is rolled back. Works on any instance with the plain cost of nodes as its objective, under all
 * rules, limits and the move budget; candidates are drawn at random, so an attempt costs the same in a fleet of any size.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "planner/search.h"
#include "planner/state.h"
#include "planner/term.h"

#define NODES_TRIED 400       /* nodes drawn per pending item before swaps are tried */
#define SWAP_NODES 300
#define CHAIN_FACTOR 12       /* insertions allowed per item of the emptied node */
#define COMPLETE_TESTS 200000 /* to find one unplaced replica a place */
#define VICTIMS_SHOWN 16      /* the victim is the emptiest of so many, so that attempts differ */

struct undo { uint32_t item; int32_t node; };

struct empty {
	struct search *s;
	const struct instance *in;
	struct state *st;
	struct rng rng;
	double *size;            /* [service]: sum over resources of mean demand / mean capacity */
	uint32_t *used, n_used;  /* nodes in use; at[] their positions */
	uint32_t *pool, n_pool;
	size_t cap_pool, cap_undo;
	struct undo *undo;
	size_t n_undo;
	uint32_t n_missing;      /* replicas without a place, outside the pool */
	uint64_t tests, complete_until;
	int64_t moves;
	bool whole;              /* min_distinct or near rules: judged at the end of an attempt */
};

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

static void measure(struct empty *m)
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

static double size_of(const struct empty *m, uint32_t item)
{
	return m->size[m->in->item_service[item]];
}

static void moved(struct empty *m, uint32_t item, int32_t from, int32_t to)
{
	int32_t home = m->in->item_node[item];

	if (home >= 0)
		m->moves += (to >= 0 && to != home) - (from >= 0 && from != home);
}

static void note(struct empty *m, uint32_t item)
{
	m->undo = array_grow(m->undo, &m->cap_undo, m->n_undo + 1, sizeof(*m->undo));
	m->undo[m->n_undo++] = (struct undo){ item, m->st->item_node[item] };
}

static void put(struct empty *m, uint32_t item, uint32_t node)
{
	note(m, item);
	moved(m, item, NO_NODE, (int32_t)node);
	state_put(m->st, item, node);
}

static void take(struct empty *m, uint32_t item)
{
	note(m, item);
	moved(m, item, m->st->item_node[item], NO_NODE);
	state_take(m->st, item);
}

static void roll_back_to(struct empty *m, size_t mark)
{
	while (m->n_undo > mark) {
		struct undo u = m->undo[--m->n_undo];
		int32_t at = m->st->item_node[u.item];

		moved(m, u.item, at, u.node);
		if (at >= 0)
			state_take(m->st, u.item);
		if (u.node >= 0)
			state_put(m->st, u.item, (uint32_t)u.node);
	}
}

static void roll_back(struct empty *m)
{
	roll_back_to(m, 0);
	m->n_pool = 0;
}

static void pool_add(struct empty *m, uint32_t item)
{
	m->pool = array_grow(m->pool, &m->cap_pool, m->n_pool + 1, sizeof(*m->pool));
	m->pool[m->n_pool++] = item;
}

static uint32_t pool_largest(struct empty *m)
{
	uint32_t best = 0, item;

	for (uint32_t k = 1; k < m->n_pool; k++)
		if (size_of(m, m->pool[k]) > size_of(m, m->pool[best]))
			best = k;
	item = m->pool[best];
	m->pool[best] = m->pool[--m->n_pool];
	return item;
}

static void list_used(struct empty *m)
{
	m->n_used = 0;
	for (uint32_t n = 0; n < m->in->n_nodes; n++)
		if (m->st->items[n].n)
			m->used[m->n_used++] = n;
}

/* A node in use other than the victim. */
static uint32_t draw(struct empty *m, uint32_t k, uint32_t limit)
{
	return limit >= m->n_used ? m->used[k] : m->used[rng_below(&m->rng, m->n_used)];
}

static bool insert(struct empty *m, uint32_t item, uint32_t victim)
{
	uint32_t tries = m->n_used < NODES_TRIED ? m->n_used : NODES_TRIED;

	for (uint32_t k = 0; k < tries; k++) {
		uint32_t n = draw(m, k, NODES_TRIED);

		m->tests++;
		if (n == victim || !state_fits_item(m->st, item, n))
			continue;
		put(m, item, n);
		return true;
	}
	return false;
}

/* The smallest smaller item that the item can replace, over random nodes. */
static bool replace(struct empty *m, uint32_t item, uint32_t victim)
{
	uint32_t tries = m->n_used < SWAP_NODES ? m->n_used : SWAP_NODES, width = m->in->n_columns, out = UINT32_MAX, where = 0;
	const int64_t *d = m->in->demand + (size_t)m->in->item_service[item] * width;
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
			if (!swap_room(m->st->load + (size_t)n * width, d, m->in->demand + (size_t)m->in->item_service[other] * width,
				       m->in->capacity + (size_t)n * width, width))
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
	take(m, out);
	put(m, item, where);
	pool_add(m, out);
	return true;
}

static uint32_t choose_victim(struct empty *m)
{
	double most = -1;
	uint32_t victim = m->used[0];

	for (uint32_t k = 0; k < VICTIMS_SHOWN; k++) {
		uint32_t n = m->used[rng_below(&m->rng, m->n_used)];
		double sum = 1e-9, worth;

		for (uint32_t i = 0; i < m->st->items[n].n; i++)
			sum += size_of(m, m->st->items[n].v[i]);
		worth = (double)m->in->nodes[n].cost / sum;
		if (worth > most) {
			most = worth;
			victim = n;
		}
	}
	return victim;
}

/* A cheaper unused node that holds all of the victim's items. */
static bool downsize(struct empty *m, uint32_t victim)
{
	for (uint32_t tries = 0; tries < 32; tries++) {
		uint32_t n = rng_below(&m->rng, m->in->n_nodes), kept = m->n_pool;

		if (m->st->items[n].n || n == victim || m->in->nodes[n].cost >= m->in->nodes[victim].cost)
			continue;
		while (kept && state_fits_item(m->st, m->pool[kept - 1], n))
			put(m, m->pool[--kept], n);
		if (!kept) {
			m->n_pool = 0;
			return true;
		}
		while (kept < m->n_pool)
			take(m, m->pool[kept++]);
	}
	return false;
}

/* Rules of whole placements, once nothing is missing any more. */
static bool whole_ok(const struct empty *m)
{
	return !m->whole || m->n_missing || state_whole_ok(m->st);
}

static bool within_budget(const struct empty *m)
{
	return m->in->max_moves < 0 || m->moves <= m->in->max_moves;
}

/* Everything in the pool finds a place, by chains of at most `chain` insertions. */
static bool place_pool(struct empty *m, uint32_t victim, uint32_t chain)
{
	while (m->n_pool && chain--) {
		uint32_t item = pool_largest(m);

		if ((!insert(m, item, victim) && !replace(m, item, victim)) || !within_budget(m))
			return false;
	}
	return !m->n_pool && whole_ok(m);
}

static bool attempt(struct empty *m)
{
	uint32_t victim = choose_victim(m);

	m->n_undo = m->n_pool = 0;
	while (m->st->items[victim].n) {
		uint32_t item = m->st->items[victim].v[m->st->items[victim].n - 1];

		take(m, item);
		pool_add(m, item);
	}
	if (downsize(m, victim))
		return whole_ok(m) && within_budget(m);
	return place_pool(m, victim, m->n_pool * CHAIN_FACTOR);
}

static bool place_anywhere(struct empty *m, uint32_t item)
{
	for (uint32_t n = 0; n < m->in->n_nodes; n++) {
		m->tests++;
		if (!state_fits_item(m->st, item, n))
			continue;
		put(m, item, n);
		return true;
	}
	return false;
}

/* One replica makes room for the item, and finds another place. */
static bool displace(struct empty *m, uint32_t item)
{
	const struct instance *in = m->in;

	for (uint32_t n = 0; n < in->n_nodes && m->tests < m->complete_until; n++) {
		if (!instance_allows(in, in->item_service[item], n))
			continue;
		for (uint32_t k = 0; k < m->st->items[n].n; k++) {
			uint32_t other = m->st->items[n].v[k];
			size_t mark = m->n_undo;

			m->tests++;
			if (!swap_room(m->st->load + (size_t)n * in->n_columns, in->demand + (size_t)in->item_service[item] * in->n_columns,
				       in->demand + (size_t)in->item_service[other] * in->n_columns, in->capacity + (size_t)n * in->n_columns, in->n_columns))
				continue;
			take(m, other);
			if (state_fits_item(m->st, item, n)) {
				put(m, item, n);
				if (place_anywhere(m, other) && within_budget(m) && whole_ok(m))
					return true;
			}
			roll_back_to(m, mark);
		}
	}
	return false;
}

/* Replicas that the constructive packers could not place: directly, in the place of another one, by a chain. */
static void complete(struct empty *m)
{
	uint32_t placed = 0;

	for (uint32_t i = 0; i < m->in->n_items; i++)
		m->n_missing += m->st->item_node[i] < 0;
	for (uint32_t i = 0; i < m->in->n_items; i++) {
		if (m->st->item_node[i] >= 0 || search_done(m->s, m->tests))
			continue;
		list_used(m);
		m->n_undo = m->n_pool = 0;
		m->complete_until = m->tests + COMPLETE_TESTS;
		if ((place_anywhere(m, i) && within_budget(m)) || (roll_back(m), displace(m, i))) {
			placed++;
			m->n_missing--;
			continue;
		}
		roll_back(m);
		if (!m->n_used)
			continue;
		pool_add(m, i);
		if (place_pool(m, UINT32_MAX, CHAIN_FACTOR * 4)) {
			placed++;
			m->n_missing--;
		} else {
			roll_back(m);
		}
	}
	if (placed && whole_ok(m))
		search_offer(m->s, m->st->item_node, objective_value(m->in, m->s->model, m->st->item_node), "empty");
}

static void improve(struct empty *m)
{
	struct search *s = m->s;

	list_used(m);
	while (m->n_used > 1 && search_complete(s) && !search_done(s, m->tests)) {
		if (attempt(m)) {
			list_used(m);
			search_offer(s, m->st->item_node, objective_value(m->in, s->model, m->st->item_node), "empty");
		} else {
			roll_back(m);
		}
	}
}

static void run_stream(struct search *s, unsigned index)
{
	const struct instance *in = s->in;
	struct empty m = { .s = s, .in = in, .st = state_new(in, s->model) };
	int32_t *start = mem_alloc(in->n_items, sizeof(*start));

	(void)index;
	rng_seed(&m.rng, s->seed);
	m.size = mem_alloc(in->n_services, sizeof(*m.size));
	m.used = mem_alloc(in->n_nodes, sizeof(*m.used));
	m.whole = in->n_nears > 0;
	for (uint32_t i = 0; i < in->n_spreads; i++)
		m.whole |= in->spreads[i].min_distinct > 0;
	measure(&m);
	if (search_best(s, start, NULL)) {
		state_load(m.st, start);
		for (uint32_t i = 0; i < in->n_items; i++)
			moved(&m, i, NO_NODE, start[i]);
		if (!search_complete(s))
			complete(&m);
		improve(&m);
		search_spend(s, m.tests);
	}
	state_free(m.st);
	free(start);
	free(m.size);
	free(m.used);
	free(m.pool);
	free(m.undo);
}

static void run(struct search *s)
{
	search_streams(s, 4, run_stream);
}

/* With a handful of steps a large fleet would only be copied. */
static bool applies(const struct search *s)
{
	if (search_complete(s) && s->max_iterations < s->in->n_items / 16)
		return false;
	for (uint32_t t = 0; t < s->in->n_terms; t++)
		if (s->in->terms[t].kind != TERM_NODE_COST)
			return false;
	return true;
}

const struct packer packer_empty = { .name = "empty", .help = "empties nodes by ejection chains, under all rules", .applies = applies, .run = run };
