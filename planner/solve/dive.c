/*
 * Diving with column generation (Sadykov, Vanderbeck, Pessoa, Tahiri & Uchoa, "Primal heuristics for branch and price",
 * INFORMS JoC 2019): fix the bins the relaxation is surest of, cover the rest by a smaller relaxation with columns of its
 * own, repeat. A dive that cannot end below the best packing stops early; its fixed bins then seed the ejection search,
 * which packs what is left.
 */
#include "planner/solve/dive.h"

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

struct dive {
	struct columns *c;
	uint32_t fixed, target;     /* bins fixed; bins we want */
	double noise;
	int32_t *bin_of;
	uint32_t *placed;           /* [type] replicas given a bin so far */
	struct cover_basis *root;
};

static void column_fix(struct dive *d, uint32_t j)
{
	struct columns *c = d->c;

	for (size_t e = c->lp->start[j]; e < c->lp->start[j + 1]; e++) {
		uint32_t t = c->lp->row[e];

		for (double k = 0; k < c->lp->many[e] && c->rest[t]; k++) {
			c->rest[t]--;
			d->bin_of[c->p->first[t] + d->placed[t]++] = (int32_t)d->fixed;
		}
	}
	d->fixed++;
}

/* Rows and columns of the rest; a bin that holds more of a type than is left stays (its surplus is dropped). */
static void rest_set(struct dive *d)
{
	struct columns *c = d->c;

	for (uint32_t t = 0; t < c->p->n_types; t++)
		cover_demand(c->lp, t, c->rest[t]);
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

/* Fix all bins at one or more; then of the others the surest, and a few more if they are sure enough and share nothing. */
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

	rest_set(d);
	for (int round = 0;; round++) {
		if (!columns_solve(c))
			return false;
		if (d->fixed + c->objective <= d->target + 1e-6)
			return true;
		if (round == DIVE_ROUNDS || race_done(c->race, 0) || !columns_quick(c, c->dual, DIVE_BREADTH))
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

static void dive_repair(struct dive *d, struct eject *e)
{
	struct race *r = d->c->race;

	for (uint32_t t = 0; t < d->c->p->n_types; t++)
		for (uint32_t i = d->placed[t]; i < d->c->p->count[t]; i++)
			d->bin_of[d->c->p->first[t] + i] = -1;
	if (d->fixed > d->target)
		return;
	if (!rest_total(d->c)) {
		race_offer(r, d->bin_of, d->fixed, "column_dive");
		return;
	}
	eject_load(e, d->bin_of, d->target);
	if (!eject_run(e, r, REPAIR_STEPS))
		return;
	eject_save(e, d->bin_of);
	race_offer(r, d->bin_of, d->target, "column_dive");
}

static void dive_once(struct dive *d, struct eject *e)
{
	struct columns *c = d->c;

	memcpy(c->rest, c->p->count, c->p->n_types * sizeof(uint32_t));
	memset(d->placed, 0, c->p->n_types * sizeof(uint32_t));
	if (d->root)
		cover_load(c->lp, d->root);
	d->fixed = 0;
	d->target = c->race->best - 1;
	while (rest_solve(d) && d->fixed < d->target && bins_round(d) && rest_total(c) && !race_done(c->race, 0))
		if (c->race->best <= d->target)
			return;
	dive_repair(d, e);
}

void dive_race(struct columns *c, struct eject *repair)
{
	struct dive d = { .c = c, .bin_of = mem_alloc(c->p->n_items, sizeof(int32_t)),
			  .placed = mem_alloc(c->p->n_types, sizeof(uint32_t)) };

	for (uint32_t n = 0; !race_done(c->race, 1); n++) {
		if (!d.root)
			d.root = cover_save(c->lp);
		d.noise = n ? NOISE * (1 + n % 4) : 0;
		dive_once(&d, repair);
	}
	cover_basis_free(d.root);
	free(d.bin_of);
	free(d.placed);
}
