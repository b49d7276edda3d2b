/* The tree of branch and price, depth first, together before apart: see branch.h. */
#include "planner/solve/fewest/branch.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "planner/solve/fewest/branch_node.h"

#define ITEMS_MAX 200          /* a node then takes a hundredth of a second or so, and a tree of thousands must do */
#define DECISIONS_MAX 2000     /* depth of the tree */

struct branch {
	struct race *race;
	struct rng rng;
	struct bin_pool pool;
	struct decision *made;
	uint32_t n_made, target;
	double until;              /* share of the budget */
};

enum tree { TREE_NONE, TREE_FOUND, TREE_STOPPED }; /* NONE: proven, there is no packing in it */

bool branch_applies(const struct race *r)
{
	return r->p->n_items <= ITEMS_MAX && r->best == r->bound + 1;
}

static bool branch_over(struct branch *b)
{
	return race_done(b->race, 0) || race_used(b->race) >= b->until || b->race->best <= b->target;
}

static enum tree tree_explore(struct branch *b);

/* Both halves: the pair in one bin, the pair in two. */
static enum tree tree_split(struct branch *b, struct decision pair)
{
	enum tree all = TREE_NONE;

	if (b->n_made == DECISIONS_MAX)
		return TREE_STOPPED;
	for (int half = 0; half < 2; half++) {
		enum tree part;

		pair.together = half == 0;
		b->made[b->n_made++] = pair;
		part = tree_explore(b);
		b->n_made--;
		if (part == TREE_FOUND)
			return part;
		if (part == TREE_STOPPED)
			all = part;
	}
	return all;
}

static enum tree tree_explore(struct branch *b)
{
	int32_t *bin_of;
	struct branch_node n;
	struct decision pair;
	enum tree part = TREE_NONE;
	bool split = false;

	if (branch_over(b))
		return TREE_STOPPED;
	bin_of = mem_alloc(b->race->p->n_items, sizeof(*bin_of));
	if (branch_node_init(&n, b->race, b->made, b->n_made, &b->pool, rng_u64(&b->rng))) {
		enum node_state state = branch_node_solve(&n, b->target, &b->pool);

		if (state == NODE_OPEN && branch_node_whole(&n, bin_of)) {
			race_offer(b->race, bin_of, "branch_and_price");
			part = b->race->best <= b->target ? TREE_FOUND : TREE_STOPPED;
		} else if (state != NODE_CLOSED) {
			split = state == NODE_OPEN && branch_node_pair(&n, &pair);
			part = TREE_STOPPED;
		}
	}
	branch_node_fini(&n);
	free(bin_of);
	return split ? tree_split(b, pair) : part;
}

/* A column of types as a set of items: of each type the first ones from `shift` on. */
static void pool_add(struct bin_pool *pool, const struct pack *p, const struct cover *lp, uint32_t j, uint32_t shift)
{
	uint64_t *set = bin_pool_add(pool);

	for (size_t e = lp->start[j]; e < lp->start[j + 1]; e++)
		for (uint32_t k = 0; k < (uint32_t)lp->many[e] && k < p->count[lp->row[e]]; k++) {
			uint32_t i = p->first[lp->row[e]] + (k + shift) % p->count[lp->row[e]];

			set[i / 64] |= 1ull << (i % 64);
		}
}

/* The relaxation's own columns; where items are alike, also with the others of them. */
static void pool_fill(struct branch *b, const struct columns *c)
{
	const struct pack *p = c->p;

	for (uint32_t j = p->n_types; j < c->lp->n; j++) {
		uint32_t most = 1;

		for (size_t e = c->lp->start[j]; e < c->lp->start[j + 1]; e++)
			if (p->count[c->lp->row[e]] > most)
				most = p->count[c->lp->row[e]];
		for (uint32_t shift = 0; shift < most; shift++)
			pool_add(&b->pool, p, c->lp, j, shift);
	}
}

void branch_race(const struct columns *c, uint64_t seed, double share)
{
	struct race *r = c->race;
	struct branch b = { .race = r, .target = r->best - 1, .until = race_until(r, share),
			    .pool.words = (r->p->n_items + 63) / 64, .made = mem_alloc(DECISIONS_MAX, sizeof(struct decision)) };

	rng_seed(&b.rng, seed);
	pool_fill(&b, c);
	if (tree_explore(&b) == TREE_NONE)
		race_prove(r, b.target + 1, "branch_and_price");
	free(b.pool.bits);
	free(b.made);
}
