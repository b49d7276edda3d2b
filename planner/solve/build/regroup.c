/*
 * What the constructive packers could not place: a replica without a place, those it must stand near, and all that stands on a few
 * nodes are taken off and put back in another order, again and again; the result stays when no more is left over than before (ruin
 * and recreate, Schrimpf et al., J. Comput. Phys. 2000). Fewest left over is all that counts here; others save nodes afterwards.
 * Under all rules, slowdown limits and the move budget.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "planner/search.h"
#include "planner/solve/order.h"
#include "planner/solve/build/sizes.h"
#include "planner/state.h"
#include "planner/term.h"

#define RUIN_NODES 4        /* most nodes that are emptied */
#define RUIN_ITEMS 60       /* most items that are taken off */
#define LEFT_ITEMS 16       /* of those without a place are tried at a time */
#define KIN_ITEMS 24        /* of them, those that rules tie to the replica */
#define NODES_ALL 256       /* with more nodes, only some are asked for room */
#define NODES_DRAWN 96
#define BLINK 0.08          /* chance that a node is not seen: Christiaens & Vanden Berghe 2020 */
#define ORDERED 0.6         /* chance that who has least choice goes first; else any order */
#define WORSE 0.01          /* chance that a result with more left over stays */

struct regroup {
	struct search *s;
	const struct instance *in;
	struct state *st;
	struct rng rng;
	uint32_t off[RUIN_ITEMS], n_off; /* taken off */
	double *key;
	uint32_t node[RUIN_NODES], n_nodes;
	double *forbidden;           /* [service]: share of the nodes where it must not run */
	uint32_t *left, n_left;      /* without a place */
	int64_t moves;
	uint64_t tests;
};

static uint32_t group_of(const struct regroup *g, uint32_t item)
{
	return g->in->services[g->in->item_service[item]].group;
}

static int moved(const struct regroup *g, uint32_t item, int32_t node)
{
	return g->in->item_node[item] >= 0 && node >= 0 && node != g->in->item_node[item];
}

static void take_off(struct regroup *g, uint32_t item)
{
	if (g->n_off == RUIN_ITEMS || g->st->item_node[item] < 0)
		return;
	g->off[g->n_off++] = item;
	g->moves -= moved(g, item, g->st->item_node[item]);
	state_take(g->st, item);
}

static void ruin_node(struct regroup *g, uint32_t node)
{
	if (g->n_nodes < RUIN_NODES)
		g->node[g->n_nodes++] = node;
	while (g->st->items[node].n && g->n_off < RUIN_ITEMS)
		take_off(g, g->st->items[node].v[g->st->items[node].n - 1]);
}

static void ruin_group(struct regroup *g, uint32_t group)
{
	const struct rule_index *x = &g->st->rules.members;
	bool nodes = rng_below(&g->rng, 2);

	for (uint32_t i = x->first[group]; i < x->first[group + 1]; i++) {
		const struct service *s = &g->in->services[x->list[i]];

		for (uint32_t k = 0; k < s->replicas && g->n_off < KIN_ITEMS; k++) {
			int32_t n = g->st->item_node[s->first_item + k];

			take_off(g, s->first_item + k);
			if (n >= 0 && nodes && g->n_nodes + 1 < RUIN_NODES && rng_below(&g->rng, 2))
				ruin_node(g, (uint32_t)n);
		}
	}
}

/* Who must stand near the replica, or it near them. */
static void ruin_kin(struct regroup *g, uint32_t group)
{
	const struct rule_index *x = &g->st->rules.nears;

	for (uint32_t i = x->first[group]; i < x->first[group + 1]; i++) {
		const struct rule_near *r = &g->in->nears[x->list[i]];

		if (rng_below(&g->rng, 4))
			ruin_group(g, r->a == group ? r->b : r->a);
	}
	if (sizes_has_near(g->st, group))
		ruin_group(g, group);
}

static void ruin(struct regroup *g, uint32_t item)
{
	uint32_t service = g->in->item_service[item], nodes = 1 + rng_below(&g->rng, RUIN_NODES), node;

	g->n_off = g->n_nodes = 0;
	ruin_kin(g, group_of(g, item));
	while (g->n_nodes < nodes) {
		node = rng_below(&g->rng, g->in->n_nodes);
		for (uint32_t t = 0; t < g->in->n_nodes && !instance_allows(g->in, service, node); t++)
			node = node + 1 < g->in->n_nodes ? node + 1 : 0;
		ruin_node(g, node);
	}
}

static double room_left(const struct regroup *g, uint32_t node)
{
	const struct instance *in = g->in;
	double sum = 0;

	for (uint32_t c = 0; c < in->n_columns; c++) {
		size_t k = (size_t)node * in->n_columns + c;

		sum += in->capacity[k] ? 1 - (double)g->st->load[k] / (double)in->capacity[k] : 0;
	}
	return sum;
}

static uint32_t candidate(struct regroup *g, uint32_t k)
{
	if (g->in->n_nodes <= NODES_ALL)
		return k;
	return k < g->n_nodes ? g->node[k] : rng_below(&g->rng, g->in->n_nodes);
}

/* Onto a node with little room left, more or less. */
static bool put_back(struct regroup *g, uint32_t item)
{
	uint32_t n = g->in->n_nodes <= NODES_ALL ? g->in->n_nodes : g->n_nodes + NODES_DRAWN;
	double least = 0;
	int64_t best = -1;

	for (uint32_t k = 0; k < n; k++) {
		uint32_t node = candidate(g, k);
		double v;

		g->tests++;
		if (rng_unit(&g->rng) < BLINK || !state_fits_item(g->st, item, node))
			continue;
		if (g->in->max_moves >= 0 && g->moves + moved(g, item, (int32_t)node) > g->in->max_moves)
			continue;
		v = room_left(g, node) * (0.5 + rng_unit(&g->rng));
		if (best < 0 || v < least) {
			best = node;
			least = v;
		}
	}
	if (best < 0)
		return false;
	g->moves += moved(g, item, (int32_t)best);
	state_put(g->st, item, (uint32_t)best);
	return true;
}

/* Everything taken off and some of what was left over, who has least choice first. Returns how many are left over then. */
static uint32_t recreate(struct regroup *g)
{
	uint32_t order[RUIN_ITEMS + LEFT_ITEMS], n = 0, over = 0, some = g->n_left < LEFT_ITEMS ? g->n_left : LEFT_ITEMS;
	bool ordered = rng_unit(&g->rng) < ORDERED;

	for (; n < some; n++)
		order[n] = g->left[n];
	for (uint32_t i = 0; i < g->n_off; i++)
		order[n++] = g->off[i];
	for (uint32_t i = 0; i < n; i++) {
		bool tied = sizes_has_near(g->st, group_of(g, order[i]));

		g->key[order[i]] = rng_unit(&g->rng) + (ordered ? 2 * g->forbidden[g->in->item_service[order[i]]] + tied : 0);
	}
	order_by_key(order, n, g->key);
	for (uint32_t i = 0; i < n; i++)
		over += !put_back(g, order[i]);
	return over + g->n_left - some;
}

static void list_left(struct regroup *g)
{
	g->n_left = 0;
	g->moves = 0;
	for (uint32_t i = 0; i < g->in->n_items; i++) {
		g->moves += moved(g, i, g->st->item_node[i]);
		if (g->st->item_node[i] < 0)
			g->left[g->n_left++] = i;
	}
}

/* Whom the round is about. Where not all are tried at a time, it and some others at random come to the front. */
static uint32_t draw_left(struct regroup *g)
{
	if (g->n_left <= LEFT_ITEMS)
		return g->left[rng_below(&g->rng, g->n_left)];
	for (uint32_t i = 0; i < LEFT_ITEMS; i++) {
		uint32_t k = i + rng_below(&g->rng, g->n_left - i), t = g->left[k];

		g->left[k] = g->left[i];
		g->left[i] = t;
	}
	return g->left[0];
}

static void improve(struct regroup *g, int32_t *start)
{
	const struct instance *in = g->in;
	uint32_t fewest = g->n_left;

	while (g->n_left && !search_done(g->s, g->tests)) {
		uint32_t before = g->n_left, after;

		memcpy(start, g->st->item_node, in->n_items * sizeof(*start));
		ruin(g, draw_left(g));
		after = recreate(g);
		after += state_drop_orphans(g->st);
		g->tests += in->n_items / 8; /* of copying */
		if (!state_whole_ok(g->st) || (after > before && rng_unit(&g->rng) >= WORSE))
			state_load(g->st, start);
		list_left(g);
		if (g->n_left >= fewest)
			continue;
		fewest = g->n_left;
		search_offer(g->s, g->st->item_node, objective_value(in, g->s->model, g->st->item_node), "regroup");
	}
}

static void run(struct search *s)
{
	const struct instance *in = s->in;
	struct regroup g = { .s = s, .in = in, .st = state_new(in, s->model),
		.key = mem_alloc(in->n_items, sizeof(double)), .forbidden = sizes_forbidden(in), .left = mem_alloc(in->n_items, sizeof(uint32_t)) };
	int32_t *start = mem_alloc(in->n_items, sizeof(*start));

	rng_seed_stream(&g.rng, s->seed, 555);
	if (search_best(s, start, NULL)) {
		state_load(g.st, start);
		list_left(&g);
		improve(&g, start);
	}
	search_spend(s, g.tests);
	state_free(g.st);
	free(g.key);
	free(g.forbidden);
	free(g.left);
	free(start);
}

static bool applies(const struct search *s)
{
	return search_best(s, NULL, NULL) && !search_complete(s);
}

extern const struct packer packer_regroup;
const struct packer packer_regroup = { .name = "regroup", .help = "finds places for what is left over, with those it must stand near", .applies = applies,
	.run = run, .share = 0.3 };
