/*
 * Fuller nodes, and so fewer: the worst filled nodes are dissolved into a pool; every other node then exchanges, again and
 * again, one of its items (or none) for one of the pool, whichever of a sample brings it nearest to full in all blocks
 * (least squares of what lacks to ideal). What is left in the pool at the end of a round is packed by fill.c. An exchange
 * concerns one node alone, since a pool has no capacity: so a step costs a few microseconds in a fleet of any size, and
 * everything holds all the time.
 *
 * Regions of nodes with a pool each are worked on side by side. Groups with rules over more than a node move only in the region that
 * holds all of them in this round; regions are drawn anew each round. Their number depends on the instance alone, so
 * under an iteration budget the result does not depend on threads.
 */
#include "planner/solve/absorb.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "planner/solve/fill.h"
#include "planner/term.h"

#define POOL_SHARE 0.06      /* of the nodes are dissolved at the start of a round: choice for the others, against the waste of packing it anew */
#define REGION_NODES 256     /* at least so many nodes in a region */
#define REGIONS_FREE 8       /* most regions without rules across nodes */
#define REGIONS_RULED 2      /* and with them: more would freeze most groups */
#define WORSE_RATIO 0.005    /* a round may end so much above the best: packing the pool has its luck */
#define FAILURES_MAX 8       /* rounds that left something over: the fleet is full */

/* Which groups have rules that look beyond a node. */
static void find_ties(struct absorb *m)
{
	const struct instance *in = m->in;

	m->ties = mem_alloc(in->n_groups, 1);
	m->frozen = mem_alloc(in->n_groups, 1);
	for (uint32_t i = 0; i < in->n_spreads; i++) {
		uint8_t tie = in->spreads[i].min_distinct ? 2 : in->spreads[i].label != LABEL_NODE;

		if (m->ties[in->spreads[i].group] < tie)
			m->ties[in->spreads[i].group] = tie;
	}
	for (uint32_t i = 0; i < in->n_nears; i++)
		m->ties[in->nears[i].a] = m->ties[in->nears[i].b] = 2;
}

struct emptiness { float key; uint32_t node; };

static int by_emptiness(const void *a, const void *b)
{
	const struct emptiness *x = a, *y = b;

	return x->key != y->key ? (x->key < y->key ? -1 : 1) : (x->node > y->node) - (x->node < y->node);
}

static bool stays(const struct absorb *m, uint32_t node)
{
	for (uint32_t i = 0; i < m->st->items[node].n; i++)
		if (m->ties[m->in->services[m->in->item_service[m->st->items[node].v[i]]].group] == 2)
			return true;
	return false;
}

/* Nodes in use, those that hold least for their cost first. */
static uint32_t rank_nodes(struct absorb *m, struct emptiness *v)
{
	const struct instance *in = m->in;
	uint32_t n = 0;

	for (uint32_t k = 0; k < in->n_nodes; k++) {
		double held = 0;

		for (uint32_t i = 0; i < m->st->items[k].n; i++)
			held += (double)m->k->size[in->item_service[m->st->items[k].v[i]]];
		if (m->st->items[k].n)
			v[n++] = (struct emptiness){ (float)(held / ((double)in->nodes[k].cost + 1e-9)), k };
	}
	qsort(v, n, sizeof(*v), by_emptiness);
	return n;
}

static void dissolve(struct absorb *m, struct region *g, uint32_t node)
{
	struct state_list *l = &m->st->items[node];

	while (l->n) {
		g->pool[g->n_pool++] = l->v[l->n - 1];
		state_take(m->st, l->v[l->n - 1]);
	}
}

/* A group across nodes moves only where all of it stands in one region. */
static void freeze(struct absorb *m)
{
	const struct instance *in = m->in;
	uint32_t *seen = mem_alloc(in->n_groups, sizeof(*seen)); /* region + 1 */

	for (uint32_t g = 0; g < in->n_groups; g++)
		m->frozen[g] = m->ties[g] == 2;
	for (uint32_t i = 0; i < in->n_items; i++) {
		uint32_t g = in->services[in->item_service[i]].group, region;

		if (m->ties[g] != 1 || m->st->item_node[i] < 0)
			continue;
		region = m->region_of[m->st->item_node[i]] + 1;
		m->frozen[g] |= seen[g] && seen[g] != region;
		seen[g] = region;
	}
	free(seen);
}

/* Deal the nodes to regions, dissolve the worst of each; items that are frozen go back where they stood. */
static void deal(struct absorb *m, struct search *s, uint64_t spent)
{
	struct emptiness *v = mem_alloc(m->in->n_nodes, sizeof(*v));
	uint32_t used = rank_nodes(m, v), worst = (uint32_t)ceil(POOL_SHARE * used), taken = 0;

	for (uint32_t r = 0; r < m->n_regions; r++) {
		m->regions[r].n_nodes = m->regions[r].n_pool = 0;
		m->regions[r].budget = s->max_iterations == UINT64_MAX ? UINT64_MAX : (s->max_iterations - spent) / m->n_regions;
		m->regions[r].tests = 0;
	}
	for (uint32_t k = 0; k < used; k++)
		m->region_of[v[k].node] = rng_below(&m->rng, m->n_regions);
	freeze(m);
	for (uint32_t k = 0; k < used; k++) {
		struct region *g = &m->regions[m->region_of[v[k].node]];
		bool all = taken < worst && !stays(m, v[k].node);

		for (uint32_t i = 0; all && i < m->st->items[v[k].node].n; i++)
			all = !absorb_frozen(m, m->st->items[v[k].node].v[i]);
		if (taken < worst && !stays(m, v[k].node) && (all || m->n_regions > 1)) {
			taken++;
			dissolve(m, g, v[k].node);
		} else {
			g->nodes[g->n_nodes++] = v[k].node;
			absorb_measure(m, v[k].node);
		}
	}
	free(v);
}

/* Frozen items in a pool may not enter a node in this round: they wait behind n_pool. */
static uint32_t set_aside(struct absorb *m, uint32_t *aside)
{
	uint32_t n = 0;

	for (uint32_t r = 0; r < m->n_regions; r++) {
		struct region *g = &m->regions[r];
		uint32_t kept = 0;

		for (uint32_t k = 0; k < g->n_pool; k++) {
			if (absorb_frozen(m, g->pool[k]))
				aside[n++] = g->pool[k];
			else
				g->pool[kept++] = g->pool[k];
		}
		g->n_pool = kept;
	}
	return n;
}

static bool settle(struct absorb *m, uint32_t *left, uint32_t n)
{
	for (uint32_t r = 0; r < m->n_regions; r++) {
		memcpy(left + n, m->regions[r].pool, m->regions[r].n_pool * sizeof(*left));
		n += m->regions[r].n_pool;
	}
	return !fill_place(m->k, m->st, m->order, left, n, &m->rng);
}

/* A round that left something without a place, or that ended clearly worse, is taken back. False when that happens too often. */
static bool judge(struct absorb *m, struct search *s, bool whole, unsigned *failures)
{
	double best = INFINITY, cost = whole ? objective_value(m->in, s->model, m->st->item_node) : INFINITY;

	if (whole)
		search_offer(s, m->st->item_node, cost, "absorb");
	search_best(s, m->start, &best);
	if (cost > best * (1 + WORSE_RATIO))
		state_load(m->st, m->start);
	*failures += !whole;
	return *failures < FAILURES_MAX;
}

static void improve(struct absorb *m, struct search *s)
{
	uint32_t *left = mem_alloc(m->in->n_items, sizeof(*left));
	unsigned failures = 0;
	uint64_t spent = 0;
	bool on = true;

	while (on && !search_done(s, spent)) {
		uint32_t n;

		deal(m, s, spent);
		n = set_aside(m, left);
		absorb_work(m, s->threads ? s->threads : 1);
		for (uint32_t r = 0; r < m->n_regions; r++)
			spent += m->regions[r].tests + 1;
		on = judge(m, s, settle(m, left, n), &failures);
	}
	search_spend(s, spent);
	free(left);
}

static void open_regions(struct absorb *m, struct search *s)
{
	const struct instance *in = m->in;
	uint32_t most = REGIONS_FREE;

	for (uint32_t g = 0; g < in->n_groups; g++)
		if (m->ties[g] == 1)
			most = REGIONS_RULED;
	m->n_regions = (uint32_t)m->st->n_used / REGION_NODES;
	m->n_regions = m->n_regions < 1 ? 1 : m->n_regions > most ? most : m->n_regions;
	m->regions = mem_alloc(m->n_regions, sizeof(*m->regions));
	for (uint32_t r = 0; r < m->n_regions; r++) {
		m->regions[r] = (struct region){ .m = m, .s = s };
		rng_seed_stream(&m->regions[r].rng, s->seed, 1000 + r);
		m->regions[r].nodes = mem_alloc(in->n_nodes, sizeof(uint32_t));
		m->regions[r].pool = mem_alloc(in->n_items, sizeof(uint32_t));
	}
}

static void run(struct search *s)
{
	const struct instance *in = s->in;
	struct absorb m = { .in = in, .st = state_new(in, s->model), .k = blocks_new(in, s->model) };

	m.start = mem_alloc(in->n_items, sizeof(*m.start));
	rng_seed_stream(&m.rng, s->seed, 999);
	m.lack = blocks_rows(m.k, in->n_nodes);
	m.spare = blocks_rows(m.k, in->n_nodes);
	m.region_of = mem_alloc(in->n_nodes, sizeof(*m.region_of));
	m.order = fill_order(m.k);
	find_ties(&m);
	if (search_best(s, m.start, NULL)) {
		state_load(m.st, m.start);
		open_regions(&m, s);
		improve(&m, s);
	}
	for (uint32_t r = 0; r < m.n_regions; r++) {
		free(m.regions[r].nodes);
		free(m.regions[r].pool);
	}
	free(m.regions);
	free(m.ties);
	free(m.frozen);
	free(m.region_of);
	free(m.order);
	free(m.lack);
	free(m.spare);
	free(m.start);
	blocks_free(m.k);
	state_free(m.st);
}

/* Worth it when each node gets a visit or two. Needs everything placed, nothing held on old nodes, and freedom to move. */
static bool applies(const struct search *s)
{
	const struct instance *in = s->in;

	if (in->max_moves >= 0 || !search_complete(s) || s->max_iterations < (uint64_t)in->n_items * ABSORB_SAMPLE)
		return false;
	for (uint32_t r = 0; r < in->n_resources; r++)
		if (in->resources[r].transient)
			return false;
	for (uint32_t t = 0; t < in->n_terms; t++)
		if (in->terms[t].kind != TERM_NODE_COST)
			return false;
	return true;
}

extern const struct packer packer_absorb;
const struct packer packer_absorb = { .name = "absorb", .help = "dissolves the worst filled nodes, the others take what suits them", .applies = applies,
	.run = run, .share = 0.7 };
