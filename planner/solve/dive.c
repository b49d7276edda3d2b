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
};

static void column_fix(struct dive *d, uint32_t j)
{
	struct columns *c = d->c;

	for (uint32_t i = c->start[j - 1]; i < c->start[j]; i++) {
		uint32_t t = c->type[i];

		if (!c->rest[t])
			continue;
		c->rest[t]--;
		d->bin_of[c->p->first[t] + d->placed[t]++] = (int32_t)d->fixed;
	}
	d->fixed++;
}

/* Rows and columns of the rest; a bin that holds more of a type than is left stays (its surplus is dropped). */
static void rest_set(struct dive *d)
{
	struct columns *c = d->c;

	for (uint32_t t = 0; t < c->p->n_types; t++)
		glp_set_row_bnds(c->lp, (int)t + 1, c->rest[t] ? GLP_LO : GLP_FR, c->rest[t], 0);
}

static double column_score(struct dive *d, uint32_t j)
{
	struct columns *c = d->c;
	double x = glp_get_col_prim(c->lp, (int)j);
	double part = x - floor(x);

	if (part < 1e-6)
		return 0;
	return part + d->noise * rng_unit(&c->rng);
}

/* Fix all bins at one or more, or else the surest. false = nothing left. */
static bool bins_round(struct dive *d)
{
	struct columns *c = d->c;
	uint32_t n = c->n, best = 0, before = d->fixed;
	double most = 0, *x = mem_alloc(n + 1, sizeof(double));

	for (uint32_t j = 1; j <= n; j++)
		x[j] = glp_get_col_prim(c->lp, (int)j);
	for (uint32_t j = 1; j <= n; j++)
		for (uint32_t k = 0; k + SURE <= x[j]; k++)
			column_fix(d, j);
	if (d->fixed == before) {
		for (uint32_t j = 1; j <= n; j++) {
			double score = column_score(d, j);

			if (score > most) {
				most = score;
				best = j;
			}
		}
		if (best)
			column_fix(d, best);
	}
	free(x);
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
		d.noise = n ? NOISE * (1 + n % 4) : 0;
		dive_once(&d, repair);
	}
	free(d.bin_of);
	free(d.placed);
}
