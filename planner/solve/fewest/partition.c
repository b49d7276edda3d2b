/* Exact cover by large neighbourhoods: see partition.h. */
#include "planner/solve/fewest/partition.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define NODES_MORE 200
#define NODES_PER_ITEM 2     /* left over when the search begins */
#define RELEASE_LEAST 0.1   /* share of the bins taken apart */
#define RELEASE_SPAN 0.5
#define ROUNDS_PER_CHECK 16

struct partition {
	struct columns *c;
	struct rng rng;
	uint32_t first, n;             /* column i here is first + i there */
	uint32_t *at_start, *at;       /* [type] columns that hold it: at[at_start[t]] .. */
	uint32_t *rest;                /* [type] not covered */
	uint32_t *lack;                /* [column] types of which there is too little left; 0 = usable */
	uint32_t *options;             /* [type] usable columns that hold it */
	bool *left_out;                /* [type] given up in this round */
	uint32_t *chosen, *before;     /* columns */
	uint32_t n_chosen, n_before, uncovered;
	uint32_t nodes;                /* that may still be looked at */
};

static void at_set(struct partition *x)
{
	const struct cover *lp = x->c->lp;
	uint32_t types = lp->rows, *fill;

	x->at_start = mem_alloc(types + 1, sizeof(uint32_t));
	fill = mem_alloc(types, sizeof(uint32_t));
	for (size_t e = lp->start[x->first]; e < lp->start[x->first + x->n]; e++)
		x->at_start[lp->row[e] + 1]++;
	for (uint32_t t = 0; t < types; t++)
		x->at_start[t + 1] += x->at_start[t];
	x->at = mem_alloc(x->at_start[types] + 1, sizeof(uint32_t));
	for (uint32_t i = 0; i < x->n; i++)
		for (size_t e = lp->start[x->first + i]; e < lp->start[x->first + i + 1]; e++)
			x->at[x->at_start[lp->row[e]] + fill[lp->row[e]]++] = i;
	for (uint32_t t = 0; t < types; t++)
		x->options[t] = fill[t];
	free(fill);
}

struct partition *partition_new(struct columns *c, uint32_t first, uint64_t seed)
{
	struct partition *x = mem_alloc(1, sizeof(*x));
	const struct pack *p = c->p;

	x->c = c;
	x->first = first;
	x->n = c->kept - first;
	rng_seed(&x->rng, seed);
	x->rest = mem_alloc(p->n_types, sizeof(uint32_t));
	x->lack = mem_alloc(x->n + 1, sizeof(uint32_t));
	x->options = mem_alloc(p->n_types, sizeof(uint32_t));
	x->left_out = mem_alloc(p->n_types, sizeof(bool));
	x->chosen = mem_alloc(p->n_items, sizeof(uint32_t));
	x->before = mem_alloc(p->n_items, sizeof(uint32_t));
	memcpy(x->rest, p->count, p->n_types * sizeof(uint32_t));
	x->uncovered = p->n_items;
	at_set(x);
	return x;
}

void partition_free(struct partition *x)
{
	if (!x)
		return;
	free(x->at_start);
	free(x->at);
	free(x->rest);
	free(x->lack);
	free(x->options);
	free(x->left_out);
	free(x->chosen);
	free(x->before);
	free(x);
}

static double many_in(const struct cover *lp, uint32_t column, uint32_t type)
{
	for (size_t e = lp->start[column]; e < lp->start[column + 1]; e++)
		if (lp->row[e] == type)
			return lp->many[e];
	return 0;
}

static void usable_set(struct partition *x, uint32_t i, bool usable)
{
	const struct cover *lp = x->c->lp;

	for (size_t e = lp->start[x->first + i]; e < lp->start[x->first + i + 1]; e++)
		x->options[lp->row[e]] += usable ? 1 : -1u;
}

/* Type t has `rest` left from now on. */
static void rest_change(struct partition *x, uint32_t t, uint32_t rest)
{
	uint32_t old = x->rest[t];

	for (uint32_t k = x->at_start[t]; k < x->at_start[t + 1]; k++) {
		uint32_t i = x->at[k];
		double many = many_in(x->c->lp, x->first + i, t);

		if ((old < many) == (rest < many))
			continue;
		if (rest < many && !x->lack[i]++)
			usable_set(x, i, false);
		else if (rest >= many && !--x->lack[i])
			usable_set(x, i, true);
	}
	x->rest[t] = rest;
}

static void column_take(struct partition *x, uint32_t i)
{
	const struct cover *lp = x->c->lp;

	x->chosen[x->n_chosen++] = i;
	for (size_t e = lp->start[x->first + i]; e < lp->start[x->first + i + 1]; e++) {
		rest_change(x, lp->row[e], x->rest[lp->row[e]] - (uint32_t)lp->many[e]);
		x->uncovered -= (uint32_t)lp->many[e];
	}
}

/* The column at place k of the chosen; the last takes its place. */
static void column_give(struct partition *x, uint32_t k)
{
	const struct cover *lp = x->c->lp;
	uint32_t i = x->chosen[k];

	x->chosen[k] = x->chosen[--x->n_chosen];
	for (size_t e = lp->start[x->first + i]; e < lp->start[x->first + i + 1]; e++) {
		rest_change(x, lp->row[e], x->rest[lp->row[e]] + (uint32_t)lp->many[e]);
		x->uncovered += (uint32_t)lp->many[e];
	}
}

/* The type with the fewest columns left to cover it; n_types = everything is covered or given up. */
static uint32_t type_choose(struct partition *x)
{
	uint32_t types = x->c->p->n_types, best = types, fewest = UINT32_MAX, start = rng_below(&x->rng, types);

	for (uint32_t i = 0; i < types && fewest; i++) {
		uint32_t t = start + i < types ? start + i : start + i - types;

		if (x->rest[t] && !x->left_out[t] && x->options[t] < fewest) {
			best = t;
			fewest = x->options[t];
		}
	}
	return best;
}

/* Cover all but `spare` items. False: not found, and nothing has changed. */
static bool cover_rest(struct partition *x, uint32_t spare)
{
	uint32_t t = type_choose(x), n, start;

	if (t == x->c->p->n_types)
		return true;
	if (!x->nodes || !--x->nodes)
		return false;
	n = x->at_start[t + 1] - x->at_start[t];
	start = n ? rng_below(&x->rng, n) : 0;
	for (uint32_t k = 0; k < n && x->options[t]; k++) {
		uint32_t i = x->at[x->at_start[t] + (start + k) % n];

		if (x->lack[i])
			continue;
		column_take(x, i);
		if (cover_rest(x, spare))
			return true;
		column_give(x, x->n_chosen - 1);
		if (!x->nodes)
			return false;
	}
	if (spare < x->rest[t])
		return false;
	x->left_out[t] = true;
	if (cover_rest(x, spare - x->rest[t]))
		return true;
	x->left_out[t] = false;
	return false;
}

static bool rest_solve(struct partition *x, uint32_t spare)
{
	x->nodes = NODES_MORE + NODES_PER_ITEM * x->uncovered;
	memset(x->left_out, 0, x->c->p->n_types * sizeof(bool));
	return cover_rest(x, spare);
}

static void chosen_restore(struct partition *x, uint32_t kept)
{
	while (x->n_chosen > kept)
		column_give(x, x->n_chosen - 1);
	for (uint32_t i = 0; i < x->n_before; i++)
		column_take(x, x->before[i]);
}

/* Take some bins apart and put them together again, with fewer items left over if possible. */
static void neighbourhood_try(struct partition *x)
{
	double chance = RELEASE_LEAST + RELEASE_SPAN * rng_unit(&x->rng);
	uint32_t goal = x->uncovered, kept;

	x->n_before = 0;
	for (uint32_t k = x->n_chosen; k-- > 0;)
		if (rng_unit(&x->rng) < chance) {
			x->before[x->n_before++] = x->chosen[k];
			column_give(x, k);
		}
	kept = x->n_chosen;
	if (!rest_solve(x, goal - 1) && !rest_solve(x, goal)) /* fewer left over, else as many in another arrangement */
		chosen_restore(x, kept);
}

static void packing_offer(struct partition *x)
{
	const struct pack *p = x->c->p;
	const struct cover *lp = x->c->lp;
	int32_t *bin_of = mem_alloc(p->n_items, sizeof(*bin_of));
	uint32_t *placed = mem_alloc(p->n_types, sizeof(*placed));

	for (uint32_t b = 0; b < x->n_chosen; b++)
		for (size_t e = lp->start[x->first + x->chosen[b]]; e < lp->start[x->first + x->chosen[b] + 1]; e++)
			for (double k = 0; k < lp->many[e]; k++)
				bin_of[p->first[lp->row[e]] + placed[lp->row[e]]++] = (int32_t)b;
	race_offer(x->c->race, bin_of, "partition");
	free(bin_of);
	free(placed);
}

bool partition_run(struct partition *x, uint32_t rounds)
{
	for (uint32_t i = 0; i < rounds && x->uncovered; i++) {
		if (i % ROUNDS_PER_CHECK == 0 && race_done(x->c->race, ROUNDS_PER_CHECK))
			return false;
		neighbourhood_try(x);
	}
	if (!x->uncovered)
		packing_offer(x);
	return !x->uncovered;
}

uint32_t partition_complete(struct partition *x, const uint32_t *rest, uint32_t nodes, const uint32_t **columns)
{
	const struct pack *p = x->c->p;

	x->uncovered = x->n_chosen = 0;
	for (uint32_t t = 0; t < p->n_types; t++) {
		rest_change(x, t, rest[t]);
		x->uncovered += rest[t];
	}
	memset(x->left_out, 0, p->n_types * sizeof(bool));
	x->nodes = nodes;
	if (!cover_rest(x, 0))
		return 0;
	for (uint32_t i = 0; i < x->n_chosen; i++)
		x->before[i] = x->first + x->chosen[i];
	*columns = x->before;
	return x->n_chosen;
}
