/* Relaxation and choice of a pair at one node: see branch_node.h. */
#include "planner/solve/fewest/branch_node.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define WHOLE 1e-3             /* the master's demands are shifted by 1e-5 (cover.c): parts this near to 0 or 1 are whole */
#define WORTH_EPSILON 1e-6
#define OBJECTIVE_EPSILON 1e-6
#define BREADTH 4              /* of quick pricing */
#define SEED_NODES 256
#define EXACT_NODES 2000000u   /* then the node is split without being solved */
#define TUNE 6
#define POOL_MAX 20000

uint64_t *bin_pool_add(struct bin_pool *pool)
{
	uint64_t *set;

	pool->bits = array_grow(pool->bits, &pool->cap, (size_t)(pool->n + 1) * pool->words, sizeof(uint64_t));
	set = pool->bits + (size_t)pool->n++ * pool->words;
	return memset(set, 0, pool->words * sizeof(*set));
}

/* Add the pool's bin if it splits no group and holds no pair that must be apart. */
static void bin_inherit(struct branch_node *n, const uint64_t *set, uint32_t *groups, uint32_t *in_group, uint32_t *of_group)
{
	uint32_t m = 0;

	memset(in_group, 0, n->g.p.n_types * sizeof(*in_group));
	for (uint32_t i = 0; i < n->g.n_items; i++)
		in_group[n->g.group[i]] += set[i / 64] >> (i % 64) & 1;
	for (uint32_t g = 0; g < n->g.p.n_types; g++) {
		if (in_group[g] && in_group[g] < of_group[g])
			return;
		for (uint32_t k = 0; in_group[g] && k < m; k++)
			if (branch_groups_apart(&n->g, g, groups[k]))
				return;
		if (in_group[g])
			groups[m++] = g;
	}
	cover_add(n->lp, groups, m);
}

static void relaxation_make(struct branch_node *n, const struct bin_pool *pool, uint64_t seed)
{
	uint32_t m = n->g.p.n_types, *groups = mem_alloc(m, sizeof(*groups)), *in_group = mem_alloc(m, sizeof(*in_group));
	uint32_t *of_group = mem_alloc(m, sizeof(*of_group));
	double *demand = mem_alloc(m, sizeof(*demand));

	for (uint32_t i = 0; i < n->g.n_items; i++)
		of_group[n->g.group[i]]++;
	for (uint32_t g = 0; g < m; g++)
		demand[g] = 1;
	n->lp = cover_new(m, demand, seed);
	n->lp->stop = race_over;
	n->lp->stop_arg = n->race;
	for (uint32_t i = 0; i < pool->n; i++)
		bin_inherit(n, pool->bits + (size_t)i * pool->words, groups, in_group, of_group);
	n->price = price_new(&n->g.p, pack_width(&n->g.p));
	n->price->apart = n->g.apart;
	n->price->apart_words = n->g.apart_words;
	n->price->tune = TUNE;
	n->price->stop = race_over;
	n->price->stop_arg = n->race;
	n->rest = mem_alloc(m, sizeof(uint32_t));
	n->value = mem_alloc(m, sizeof(int64_t));
	free(groups);
	free(in_group);
	free(of_group);
	free(demand);
}

bool branch_node_init(struct branch_node *n, struct race *r, const struct decision *made, uint32_t n_made,
		      const struct bin_pool *pool, uint64_t seed)
{
	*n = (struct branch_node){ .race = r };
	rng_seed(&n->rng, seed);
	if (!branch_groups_init(&n->g, r->p, made, n_made))
		return false;
	relaxation_make(n, pool, seed);
	return true;
}

void branch_node_fini(struct branch_node *n)
{
	price_free(n->price);
	cover_free(n->lp);
	branch_groups_fini(&n->g);
	free(n->rest);
	free(n->value);
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* The bin that pricing found, into the relaxation and the pool. */
static void bin_add(struct branch_node *n, struct bin_pool *pool)
{
	uint32_t m = n->price->n_found, *found = n->price->found;
	uint64_t *set;

	qsort(found, m, sizeof(*found), by_number);
	cover_add(n->lp, found, m);
	if (pool->n >= POOL_MAX)
		return;
	set = bin_pool_add(pool);
	for (uint32_t i = 0; i < n->g.n_items; i++)
		if (bsearch(&n->g.group[i], found, m, sizeof(*found), by_number))
			set[i / 64] |= 1ull << (i % 64);
}

static void pricing_charge(struct branch_node *n)
{
	race_done(n->race, n->price->nodes / PRICE_NODES_PER_ITERATION);
}

/* Bins that share no group, each the best found around a seed. -> how many */
static uint32_t bins_quick(struct branch_node *n, struct bin_pool *pool)
{
	uint32_t m = n->g.p.n_types, start = rng_below(&n->rng, m), added = 0;

	memcpy(n->rest, n->g.p.count, m * sizeof(uint32_t));
	price_prepare(n->price, n->value, n->rest);
	for (uint32_t i = 0; i < m && !race_done(n->race, 0); i++) {
		uint32_t g = start + i < m ? start + i : start + i - m;

		if (!n->rest[g] || n->value[g] <= 0)
			continue;
		price_seed(n->price, g, BREADTH, PRICE_ONE + (int64_t)(WORTH_EPSILON * (double)PRICE_ONE), SEED_NODES);
		pricing_charge(n);
		for (uint32_t k = 0; k < n->price->n_found; k++)
			n->rest[n->price->found[k]] = 0;
		if (n->price->n_found) {
			bin_add(n, pool);
			added++;
		}
	}
	return added;
}

/* Farley's bound at the duals in value[], in integers; the best bin is added if it improves. */
static enum node_state node_bound(struct branch_node *n, uint32_t target, struct bin_pool *pool, bool *added)
{
	__int128 total = 0;

	for (uint32_t g = 0; g < n->g.p.n_types; g++)
		total += n->value[g];
	price_solve(n->price, n->value, n->g.p.count, PRICE_ONE, EXACT_NODES);
	pricing_charge(n);
	*added = n->price->n_found > 0;
	if (*added)
		bin_add(n, pool);
	return total > (__int128)n->price->upper * target ? NODE_CLOSED : NODE_OPEN;
}

enum node_state branch_node_solve(struct branch_node *n, uint32_t target, struct bin_pool *pool)
{
	for (;;) {
		uint64_t pivots = n->lp->pivots;
		bool solved = cover_solve(n->lp), added = false;

		if (race_done(n->race, 1 + (n->lp->pivots - pivots) * n->lp->rows * n->lp->rows / COVER_AREA_PER_ITERATION) || !solved)
			return NODE_STOPPED;
		if (n->lp->objective <= target + OBJECTIVE_EPSILON)
			return NODE_OPEN;
		for (uint32_t g = 0; g < n->g.p.n_types; g++)
			n->value[g] = (int64_t)(fmin(1, n->lp->dual[g]) * (double)PRICE_ONE);
		if (bins_quick(n, pool))
			continue;
		if (node_bound(n, target, pool, &added) == NODE_CLOSED)
			return NODE_CLOSED;
		if (!added) /* too hard to price, or rounding: nothing is proven here, its halves may be easier */
			return NODE_OPEN;
	}
}

bool branch_node_whole(const struct branch_node *n, int32_t *bin_of)
{
	const struct cover *lp = n->lp;
	int32_t *bin = mem_alloc(n->g.p.n_types, sizeof(*bin)), bins = 0;
	bool whole = true;

	for (uint32_t g = 0; g < n->g.p.n_types; g++)
		bin[g] = -1;
	for (uint32_t k = 0; k < lp->rows && whole; k++) {
		if (lp->basis[k] < 0 || lp->value[k] < WHOLE)
			continue;
		whole = lp->value[k] > 1 - WHOLE;
		for (size_t e = lp->start[lp->basis[k]]; e < lp->start[lp->basis[k] + 1]; e++)
			if (bin[lp->row[e]] < 0)
				bin[lp->row[e]] = bins;
		bins++;
	}
	for (uint32_t i = 0; i < n->g.n_items && whole; i++) {
		whole = bin[n->g.group[i]] >= 0;
		bin_of[i] = bin[n->g.group[i]];
	}
	free(bin);
	return whole;
}

bool branch_node_pair(const struct branch_node *n, struct decision *pair)
{
	const struct cover *lp = n->lp;
	uint32_t m = n->g.p.n_types, a = m, b = m;
	double *share = mem_alloc((size_t)m * m, sizeof(*share)), nearest = INFINITY;

	for (uint32_t k = 0; k < m; k++) {
		if (lp->basis[k] < 0 || lp->value[k] < WHOLE || lp->value[k] > 1 - WHOLE)
			continue;
		for (size_t e = lp->start[lp->basis[k]], end = lp->start[lp->basis[k] + 1]; e < end; e++)
			for (size_t f = e + 1; f < end; f++)
				share[(size_t)lp->row[e] * m + lp->row[f]] += lp->value[k];
	}
	for (uint32_t i = 0; i < m; i++)
		for (uint32_t j = i + 1; j < m; j++) {
			double s = share[(size_t)i * m + j], from_half = fabs(s - 0.5);

			if (s < WHOLE || from_half >= nearest)
				continue;
			nearest = from_half;
			a = i;
			b = j;
		}
	free(share);
	if (a == m)
		return false;
	for (uint32_t i = 0; i < n->g.n_items; i++) {
		if (n->g.group[i] == a)
			pair->a = i;
		if (n->g.group[i] == b)
			pair->b = i;
	}
	return true;
}
