/*
 * Diving with column generation (Sadykov, Vanderbeck, Pessoa, Tahiri & Uchoa, "Primal heuristics for branch and price",
 * INFORMS JoC 2019): fix the bins the relaxation is surest of, cover the rest by a smaller relaxation with columns of its
 * own, repeat. A dive that cannot end below the best packing stops early; the ejection search then tries to pack what is left
 * around the fixed bins. The next dive does not begin anew: some of the fixed bins are released, more if the relaxation says
 * that with the others it cannot be done, and the dive goes on from there with some noise. Now and then one begins at the root.
 */
#include "planner/solve/fewest/dive.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define SURE 0.999
#define LEAST_PART 1e-3    /* of a bin, below which it is taken for none */
#define SURE_ENOUGH 0.7    /* to be fixed beside the surest */
#define FEW_SHARE 12       /* of the bins still to fix, this part at once at most */
#define NOISE 0.25         /* on fractions when the next bin is chosen; the first dive has none */
#define DIVE_BREADTH 3
#define DIVE_ROUNDS 4      /* of pricing between two roundings: enough to repair, not to converge */
#define REPAIR_STEPS 3000
#define RELEASE_LEAST 0.2  /* of the fixed bins */
#define RELEASE_SPAN 0.4
#define FROM_ROOT 12       /* dives between two that begin at the root */
#define COMPLETE_NODES 3000 /* of exact search after each COMPLETE_SHARE-th part of the bins was fixed; a few ms */
#define COMPLETE_SHARE 10
#define COLUMNS_PER_TYPE 6 /* kept beyond that number when a dive begins at the root */

struct dive {
	struct columns *c;
	struct eject *repair;
	uint32_t number;            /* of dives so far */
	uint32_t fixed, target;     /* bins fixed; bins we want */
	double noise;
	uint32_t *type, *start;     /* fixed bin b holds types type[start[b]] .. type[start[b + 1]) */
	int32_t *bin_of;
	struct cover_basis *root;
	struct partition *listed;
	uint32_t tried;             /* bins fixed when exact search was last tried */
};

static void column_fix(struct dive *d, uint32_t j)
{
	struct columns *c = d->c;
	uint32_t at = d->start[d->fixed];

	for (size_t e = c->lp->start[j]; e < c->lp->start[j + 1]; e++) {
		uint32_t t = c->lp->row[e];

		for (double k = 0; k < c->lp->many[e] && c->rest[t]; k++) {
			c->rest[t]--;
			d->type[at++] = t;
		}
	}
	if (at > d->start[d->fixed])
		d->start[++d->fixed] = at;
}

/* Each fixed bin goes with this chance. */
static void bins_release(struct dive *d, double chance)
{
	uint32_t to = 0, at = 0;

	for (uint32_t b = 0, from = 0, end; b < d->fixed; b++, from = end) {
		bool goes = rng_unit(&d->c->rng) < chance;

		end = d->start[b + 1];
		for (uint32_t i = from; i < end; i++)
			if (goes)
				d->c->rest[d->type[i]]++;
			else
				d->type[at++] = d->type[i];
		if (!goes)
			d->start[++to] = at;
	}
	d->fixed = to;
}

struct mark { double score; uint32_t column; };

static int by_score(const void *a, const void *b)
{
	const struct mark *x = a, *y = b;

	if (x->score != y->score)
		return x->score < y->score ? 1 : -1;
	return x->column < y->column ? -1 : x->column > y->column;
}

/* Does the column still cover what is left, all of it? */
static bool column_whole(const struct dive *d, uint32_t j)
{
	const struct cover *lp = d->c->lp;

	for (size_t e = lp->start[j]; e < lp->start[j + 1]; e++)
		if (d->c->rest[lp->row[e]] < lp->many[e])
			return false;
	return true;
}

/* Fix all bins at one or more; else the surest, and a few more if they are sure enough and share nothing. */
static bool bins_round(struct dive *d)
{
	const struct cover *lp = d->c->lp;
	struct mark *mark = mem_alloc(lp->rows + 1, sizeof(*mark));
	uint32_t n = 0, before = d->fixed, more = 1 + (d->target > d->fixed ? d->target - d->fixed : 0) / FEW_SHARE;

	for (uint32_t k = 0; k < lp->rows; k++) {
		double x = lp->value[k];

		if (lp->basis[k] < 0 || x < LEAST_PART)
			continue;
		for (; x >= SURE; x--)
			column_fix(d, (uint32_t)lp->basis[k]);
		if (x > LEAST_PART)
			mark[n++] = (struct mark){ x + d->noise * rng_unit(&d->c->rng), (uint32_t)lp->basis[k] };
	}
	if (d->fixed > before)
		more = 0;
	qsort(mark, n, sizeof(*mark), by_score);
	for (uint32_t i = 0; i < n && more && (d->fixed == before || mark[i].score >= SURE_ENOUGH); i++)
		if (d->fixed == before || column_whole(d, mark[i].column)) {
			column_fix(d, mark[i].column);
			more--;
		}
	free(mark);
	return d->fixed > before;
}

/* Solve the rest's relaxation, with a few rounds of new columns while it costs too much. */
static bool rest_solve(struct dive *d)
{
	struct columns *c = d->c;

	for (uint32_t t = 0; t < c->p->n_types; t++)
		cover_demand(c->lp, t, c->rest[t]);
	for (int round = 0;; round++) {
		if (!columns_solve(c))
			return false;
		if (d->fixed + c->objective <= d->target + 1e-6)
			return true;
		if (d->target == c->listed || round == DIVE_ROUNDS || race_done(c->race, 0) || !columns_quick(c, c->dual, DIVE_BREADTH))
			return false;
	}
}

static uint32_t rest_total(const struct columns *c)
{
	uint32_t total = 0;

	for (uint32_t t = 0; t < c->p->n_types; t++)
		total += c->rest[t];
	return total;
}

/* Items of a type are alike: the fixed bins get the first ones of each, the pool the others. */
static void bins_name(struct dive *d)
{
	const struct pack *p = d->c->p;
	uint32_t *placed = mem_alloc(p->n_types, sizeof(*placed));

	for (uint32_t b = 0; b < d->fixed; b++)
		for (uint32_t i = d->start[b]; i < d->start[b + 1]; i++)
			d->bin_of[p->first[d->type[i]] + placed[d->type[i]]++] = (int32_t)b;
	for (uint32_t t = 0; t < p->n_types; t++)
		for (uint32_t i = placed[t]; i < p->count[t]; i++)
			d->bin_of[p->first[t] + i] = -1;
	free(placed);
}

static void dive_end(struct dive *d)
{
	struct eject *e = d->repair;
	struct race *r = d->c->race;

	if (d->fixed > d->target || (d->target == d->c->listed && rest_total(d->c)))
		return;
	bins_name(d);
	if (!rest_total(d->c)) {
		race_offer(r, d->bin_of, "column_dive");
		return;
	}
	eject_load(e, d->bin_of, d->target);
	if (!eject_run(e, r, REPAIR_STEPS))
		return;
	eject_save(e, d->bin_of);
	race_offer(r, d->bin_of, "column_dive");
}

static void root_load(struct dive *d)
{
	struct columns *c = d->c;

	memcpy(c->rest, c->p->count, c->p->n_types * sizeof(uint32_t));
	d->fixed = 0;
	if (!d->root) {
		d->root = cover_save(c->lp);
		return;
	}
	cover_load(c->lp, d->root);
	for (uint32_t t = 0; t < c->p->n_types; t++)
		cover_demand(c->lp, t, c->rest[t]);
	if (c->lp->n > c->kept + COLUMNS_PER_TYPE * c->lp->rows && columns_solve(c)) {
		cover_trim(c->lp, c->kept, COLUMNS_PER_TYPE / 2 * c->lp->rows);
		cover_basis_free(d->root);
		d->root = cover_save(c->lp);
	}
}

static bool dive_start(struct dive *d)
{
	struct columns *c = d->c;
	uint32_t n = d->number;
	double chance = RELEASE_LEAST + RELEASE_SPAN * rng_unit(&c->rng);

	d->noise = n ? NOISE * (1 + n % 4) : 0;
	d->target = c->race->best - 1;
	if (n % FROM_ROOT == 0) {
		root_load(d);
		return rest_solve(d);
	}
	for (bins_release(d, chance); !rest_solve(d); bins_release(d, 0.5)) {
		if (d->fixed && !race_done(c->race, 0))
			continue;
		root_load(d);
		return rest_solve(d);
	}
	return true;
}

/* Where all bins that can take part are listed, exact search does the rest as soon as enough is fixed for it to see the end. */
static bool dive_complete(struct dive *d)
{
	const uint32_t *columns;
	uint32_t n;

	if (!d->listed || d->target != d->c->listed || (d->tried < UINT32_MAX && d->fixed < d->tried + d->target / COMPLETE_SHARE))
		return false;
	d->tried = d->fixed;
	n = partition_complete(d->listed, d->c->rest, COMPLETE_NODES, &columns);
	for (uint32_t i = 0; i < n; i++)
		column_fix(d, columns[i]);
	return n > 0;
}

static void dive_once(struct dive *d)
{
	struct race *r = d->c->race;

	if (!dive_start(d))
		return;
	d->tried = UINT32_MAX;
	while (!dive_complete(d) && d->fixed < d->target && bins_round(d) && rest_total(d->c) && rest_solve(d) && !race_done(r, 0))
		if (r->best <= d->target)
			return;
}

struct dive *dive_new(struct columns *c, struct eject *repair, struct partition *listed)
{
	struct dive *d = mem_alloc(1, sizeof(*d));

	*d = (struct dive){ .c = c, .repair = repair, .listed = listed, .bin_of = mem_alloc(c->p->n_items, sizeof(int32_t)),
			    .type = mem_alloc(c->p->n_items, sizeof(uint32_t)), .start = mem_alloc(c->p->n_items + 1, sizeof(uint32_t)) };
	return d;
}

void dive_free(struct dive *d)
{
	if (!d)
		return;
	cover_basis_free(d->root);
	free(d->bin_of);
	free(d->type);
	free(d->start);
	free(d);
}

void dive_run(struct dive *d, uint32_t dives)
{
	for (uint32_t i = 0; i < dives && !race_done(d->c->race, 1); i++, d->number++) {
		dive_once(d);
		dive_end(d);
	}
}
