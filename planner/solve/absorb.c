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
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "planner/search.h"
#include "planner/solve/blocks.h"
#include "planner/solve/fill.h"
#include "planner/term.h"

#define SAMPLE 64            /* of the pool per visit: rows stay in the first-level cache; 32 .. 256 end alike */
#define VISITS 24            /* of each node per round */
#define POOL_SHARE 0.06      /* of the nodes are dissolved at the start of a round; 0.02 .. 0.1 end within 0.3 % */
#define REGION_NODES 256     /* at least so many nodes in a region */
#define REGIONS_FREE 8       /* most regions without rules across nodes */
#define REGIONS_RULED 2      /* and with them: more would freeze most groups */
#define GAIN_MIN 1e-6f       /* squared shares of a node */

struct region {
	struct absorb *m;
	struct search *s;
	struct rng rng;
	uint32_t *nodes, n_nodes, *pool, n_pool;
	uint64_t tests, budget;
};

struct absorb {
	const struct instance *in;
	struct state *st;
	struct blocks *k;
	float *lack;             /* [node * stride + b]: load - ideal * capacity */
	float *spare;            /* [node * stride + b]: (1 - ideal) * capacity: how far lack may rise above 0 */
	uint8_t *ties;           /* [group]: 0 = only rules within a node, 1 = across nodes, 2 = stays put (near, min_distinct) */
	uint8_t *frozen;         /* [group] in this round */
	uint32_t *region_of;     /* [node] */
	uint32_t *order;         /* fill_order() */
	struct region *regions;
	uint32_t n_regions, next;
	struct rng rng;
};

struct exchange { uint32_t out, in_at; float gain; };  /* out: item or UINT32_MAX; in_at: index in the pool */

/* Squared distance from ideal of a node with b instead of a, or infinity when the blocks say that it does not fit. */
__attribute__((target_clones("avx2,fma", "default"), optimize("fast-math")))
static float distance(const float *restrict lack, const float *restrict spare, const float *restrict a, const float *restrict b, uint32_t n)
{
	const block_lanes *vl = __builtin_assume_aligned(lack, sizeof(block_lanes)), *vs = __builtin_assume_aligned(spare, sizeof(block_lanes));
	const block_lanes *va = __builtin_assume_aligned(a, sizeof(block_lanes)), *vb = __builtin_assume_aligned(b, sizeof(block_lanes));
	block_lanes sum = { 0 };
	block_masks over = { 0 };
	float total = 0;
	int32_t any = 0;

	for (uint32_t k = 0; k < n / BLOCK_LANES; k++) {
		block_lanes x = vl[k] - va[k] + vb[k];

		over |= x > vs[k];
		sum += x * x;
	}
	for (uint32_t k = 0; k < BLOCK_LANES; k++) {
		total += sum[k];
		any |= over[k];
	}
	return any ? BLOCKS_NEVER : total;
}

static const float *row(const struct absorb *m, uint32_t item)
{
	return m->k->share + (size_t)(item == UINT32_MAX ? m->in->n_services : m->in->item_service[item]) * m->k->stride;
}

static bool is_frozen(const struct absorb *m, uint32_t item)
{
	return m->frozen[m->in->services[m->in->item_service[item]].group];
}

static void measure(struct absorb *m, uint32_t node)
{
	const struct blocks *k = m->k;
	float *lack = m->lack + (size_t)node * k->stride, *spare = m->spare + (size_t)node * k->stride;

	blocks_capacity(k, node, spare);
	blocks_room(k, m->st, node, lack);
	for (uint32_t b = 0; b < k->n; b++) {
		spare[b] *= 1 - k->ideal[b];
		lack[b] = spare[b] - lack[b];
		spare[b] += 1e-5f;
	}
	for (uint32_t b = k->n; b < k->n + k->n_pressures; b++) {
		lack[b] = -lack[b];
		spare[b] = BLOCKS_NEVER;
	}
}

static struct exchange best_exchange(struct region *g, uint32_t node)
{
	struct absorb *m = g->m;
	const struct state_list *l = &m->st->items[node];
	const float *lack = m->lack + (size_t)node * m->k->stride, *spare = m->spare + (size_t)node * m->k->stride;
	float now = distance(lack, spare, row(m, UINT32_MAX), row(m, UINT32_MAX), m->k->stride), least = now - GAIN_MIN;
	struct exchange x = { 0 };
	uint32_t sample = g->n_pool < SAMPLE ? g->n_pool : SAMPLE;

	for (uint32_t t = 0; t < sample; t++) {
		uint32_t at = sample == g->n_pool ? t : rng_below(&g->rng, g->n_pool);
		const float *comes = row(m, g->pool[at]);

		for (uint32_t i = 0; i <= l->n; i++) {
			uint32_t out = i < l->n ? l->v[i] : UINT32_MAX;
			float v = distance(lack, spare, row(m, out), comes, m->k->stride);

			if (v < least && (out == UINT32_MAX || !is_frozen(m, out))) {
				least = v;
				x = (struct exchange){ out, at, now - v };
			}
		}
	}
	g->tests += (uint64_t)sample * (l->n + 1);
	return x;
}

static void carry_out(struct region *g, uint32_t node, const struct exchange *x)
{
	struct absorb *m = g->m;
	uint32_t comes = g->pool[x->in_at];

	if (x->out != UINT32_MAX)
		state_take(m->st, x->out);
	if (!state_fits(m->st, m->in->item_service[comes], node)) {
		if (x->out != UINT32_MAX)
			state_put(m->st, x->out, node);
		return;
	}
	state_put(m->st, comes, node);
	g->pool[x->in_at] = x->out != UINT32_MAX ? x->out : g->pool[--g->n_pool];
	measure(m, node);
}

static void work(struct region *g)
{
	for (uint32_t visit = 0; visit < VISITS; visit++)
		for (uint32_t k = 0; k < g->n_nodes && g->n_pool; k++) {
			struct exchange x;

			if (k % 64 == 0 && (g->tests >= g->budget || search_done(g->s, 0)))
				return;
			x = best_exchange(g, g->nodes[k]);
			if (x.gain > 0)
				carry_out(g, g->nodes[k], &x);
		}
}

static void *work_thread(void *arg)
{
	struct absorb *m = arg;
	uint32_t i;

	while ((i = __atomic_fetch_add(&m->next, 1, __ATOMIC_RELAXED)) < m->n_regions)
		work(&m->regions[i]);
	return NULL;
}

static void work_all(struct absorb *m, unsigned threads)
{
	pthread_t *ids = mem_alloc(threads + 1, sizeof(*ids));
	unsigned n = threads < m->n_regions ? threads : m->n_regions, made = 0;

	m->next = 0;
	while (made + 1 < n && !pthread_create(&ids[made], NULL, work_thread, m))
		made++;
	work_thread(m);
	while (made)
		pthread_join(ids[--made], NULL);
	free(ids);
}

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
			all = !is_frozen(m, m->st->items[v[k].node].v[i]);
		if (taken < worst && !stays(m, v[k].node) && (all || m->n_regions > 1)) {
			taken++;
			dissolve(m, g, v[k].node);
		} else {
			g->nodes[g->n_nodes++] = v[k].node;
			measure(m, v[k].node);
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
			if (is_frozen(m, g->pool[k]))
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

static void improve(struct absorb *m, struct search *s)
{
	uint32_t *left = mem_alloc(m->in->n_items, sizeof(*left));
	uint64_t spent = 0;
	bool whole = true;

	while (whole && !search_done(s, spent)) {
		uint32_t n;

		deal(m, s, spent);
		n = set_aside(m, left);
		work_all(m, s->threads ? s->threads : 1);
		for (uint32_t r = 0; r < m->n_regions; r++)
			spent += m->regions[r].tests + 1;
		whole = settle(m, left, n);
		if (whole)
			search_offer(s, m->st->item_node, objective_value(m->in, s->model, m->st->item_node), "absorb");
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
	int32_t *start = mem_alloc(in->n_items, sizeof(*start));

	rng_seed_stream(&m.rng, s->seed, 999);
	m.lack = blocks_rows(m.k, in->n_nodes);
	m.spare = blocks_rows(m.k, in->n_nodes);
	m.region_of = mem_alloc(in->n_nodes, sizeof(*m.region_of));
	m.order = fill_order(m.k);
	find_ties(&m);
	if (search_best(s, start, NULL)) {
		state_load(m.st, start);
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
	free(start);
	blocks_free(m.k);
	state_free(m.st);
}

/* Worth it when each node gets a visit or two. Needs everything placed, nothing held on old nodes, and freedom to move. */
static bool applies(const struct search *s)
{
	const struct instance *in = s->in;

	if (in->max_moves >= 0 || !search_complete(s) || s->max_iterations < (uint64_t)in->n_items * SAMPLE)
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
