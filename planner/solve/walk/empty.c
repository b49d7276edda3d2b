/*
 * Empties nodes: takes everything off the node that costs most for what it holds, and reinserts it elsewhere by ejection chains
 * (chain.h). Fails after a budget of steps and is rolled back. First, replicas that the constructive packers could not place: directly, in
 * the place of another one that finds room elsewhere, by a chain. Works on any instance with the plain cost of nodes as its
 * objective, under all rules, limits and the move budget.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "planner/solve/walk/chain.h"
#include "planner/term.h"

#define CHAIN_FACTOR 12       /* insertions allowed per item of the emptied node */
#define COMPLETE_STEPS 48     /* insertions allowed for a replica without a place */
#define COMPLETE_TESTS 200000 /* to find one unplaced replica a place */
#define VICTIMS_SHOWN 16      /* the victim is the emptiest of so many, so that attempts differ */
#define DOWNSIZE_TRIES 32     /* unused nodes drawn for the victim's items */

static uint32_t choose_victim(struct chain *m)
{
	double most = -1;
	uint32_t victim = m->used[0];

	for (uint32_t k = 0; k < VICTIMS_SHOWN; k++) {
		uint32_t n = m->used[rng_below(&m->rng, m->n_used)];
		double sum = 1e-9, worth;

		for (uint32_t i = 0; i < m->st->items[n].n; i++)
			sum += m->size[m->in->item_service[m->st->items[n].v[i]]];
		worth = (double)m->in->nodes[n].cost / sum;
		if (worth > most) {
			most = worth;
			victim = n;
		}
	}
	return victim;
}

/* A cheaper unused node that holds all of the victim's items. */
static bool downsize(struct chain *m, uint32_t victim)
{
	for (uint32_t tries = 0; tries < DOWNSIZE_TRIES; tries++) {
		uint32_t n = rng_below(&m->rng, m->in->n_nodes), kept = m->n_pool;

		if (m->st->items[n].n || n == victim || m->in->nodes[n].cost >= m->in->nodes[victim].cost)
			continue;
		while (kept && state_fits_item(m->st, m->pool[kept - 1], n))
			chain_put(m, m->pool[--kept], n);
		if (!kept) {
			m->n_pool = 0;
			return true;
		}
		while (kept < m->n_pool)
			chain_take(m, m->pool[kept++]);
	}
	return false;
}

static bool attempt(struct chain *m)
{
	uint32_t victim = choose_victim(m);

	chain_begin(m);
	while (m->st->items[victim].n) {
		uint32_t item = m->st->items[victim].v[m->st->items[victim].n - 1];

		chain_take(m, item);
		chain_pool(m, item);
	}
	if (downsize(m, victim))
		return chain_ok(m);
	return chain_place_pool(m, victim, m->n_pool * CHAIN_FACTOR);
}

static bool place_anywhere(struct chain *m, uint32_t item)
{
	for (uint32_t n = 0; n < m->in->n_nodes; n++) {
		m->tests++;
		if (!state_fits_item(m->st, item, n))
			continue;
		chain_put(m, item, n);
		return true;
	}
	return false;
}

/* One replica makes room for the item, and finds another place. */
static bool displace(struct chain *m, uint32_t item)
{
	const struct instance *in = m->in;
	uint64_t until = m->tests + COMPLETE_TESTS;

	for (uint32_t n = 0; n < in->n_nodes && m->tests < until; n++) {
		if (!instance_allows(in, in->item_service[item], n))
			continue;
		for (uint32_t k = 0; k < m->st->items[n].n; k++) {
			uint32_t other = m->st->items[n].v[k];
			size_t mark = m->n_undo;

			m->tests++;
			if (!chain_room(m, n, in->item_service[item], in->item_service[other]))
				continue;
			chain_take(m, other);
			if (state_fits_item(m->st, item, n)) {
				chain_put(m, item, n);
				if (place_anywhere(m, other) && chain_ok(m))
					return true;
			}
			chain_roll_back(m, mark);
		}
	}
	return false;
}

static bool place_one(struct chain *m, uint32_t item)
{
	chain_begin(m);
	if (place_anywhere(m, item) && chain_ok(m))
		return true;
	chain_roll_back(m, 0);
	if (displace(m, item))
		return true;
	chain_begin(m);
	if (!m->n_used)
		return false;
	chain_pool(m, item);
	if (chain_place_pool(m, UINT32_MAX, COMPLETE_STEPS))
		return true;
	chain_roll_back(m, 0);
	return false;
}

/* Replicas that the constructive packers could not place: directly, in the place of another one, by a chain. */
static void complete(struct chain *m)
{
	uint32_t placed = 0;

	for (uint32_t i = 0; i < m->in->n_items; i++)
		m->n_missing += m->st->item_node[i] < 0;
	for (uint32_t i = 0; i < m->in->n_items; i++) {
		if (m->st->item_node[i] >= 0 || search_done(m->s, m->tests))
			continue;
		chain_list_used(m);
		if (!place_one(m, i))
			continue;
		placed++;
		m->n_missing--;
	}
	if (placed && state_near_ok(m->st) && chain_ok(m))
		search_offer(m->s, m->st->item_node, objective_value(m->in, m->s->model, m->st->item_node), "empty");
}

static void improve(struct chain *m)
{
	struct search *s = m->s;

	chain_list_used(m);
	while (m->n_used > 1 && search_complete(s) && !search_done(s, m->tests)) {
		if (attempt(m)) {
			chain_list_used(m);
			search_offer(s, m->st->item_node, objective_value(m->in, s->model, m->st->item_node), "empty");
		} else {
			chain_roll_back(m, 0);
		}
	}
}

static void run_stream(struct search *s, unsigned index)
{
	struct chain m;
	int32_t *start = mem_alloc(s->in->n_items, sizeof(*start));

	(void)index;
	chain_init(&m, s);
	if (search_best(s, start, NULL)) {
		chain_load(&m, start);
		if (!search_complete(s))
			complete(&m);
		improve(&m);
		search_spend(s, m.tests);
	}
	chain_fini(&m);
	free(start);
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
	return objective_is_node_cost(s->in);
}

const struct packer packer_empty = { .name = "empty", .help = "empties nodes by ejection chains, under all rules", .applies = applies, .run = run };
