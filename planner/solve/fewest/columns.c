/*
 * Master and root loop of column generation. One round adds bins that share no replica, so that a few dozen rounds are enough
 * for 500 types; the exact pricing runs only when the quick one finds nothing.
 */
#include "planner/solve/fewest/columns.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define EPSILON 1e-7
#define BREADTH_FIRST 2        /* of quick pricing; doubles to BREADTH_LAST whenever it finds nothing */
#define BREADTH_LAST 16
#define FEW 8                  /* found bins that count as nothing */
#define SEED_NODES 64          /* per seed and breadth, and as many as a bin holds items at most */
#define EXACT_NODES 20000000u  /* about a second; beyond it the bound counts as it stands */
#define QUICK_TUNE 4
#define EXACT_TUNE 16
#define SMOOTH 0.6
#define ROUND_COST 64          /* iterations that one round counts for */

/* Sizes are dual feasible once the columns' weights sum to one: the volume bound, to smooth from. */
static void center_start(struct columns *c)
{
	const struct pack *p = c->p;
	double *weight = mem_alloc(p->n_columns + 1, sizeof(double)), sum = 0;

	for (uint32_t k = 0; k < p->n_columns; k++) {
		for (uint32_t t = 0; t < p->n_types; t++)
			weight[k] += p->count[t] * (double)p->value[(size_t)t * p->n_columns + k] / (double)p->capacity[k];
		weight[k] *= weight[k];
		sum += weight[k];
	}
	for (uint32_t t = 0; t < p->n_types; t++) {
		for (uint32_t k = 0; k < p->n_columns; k++)
			c->center[t] += weight[k] / sum * (double)p->value[(size_t)t * p->n_columns + k] / (double)p->capacity[k];
		c->center_bound += p->count[t] * c->center[t];
	}
	free(weight);
}

static bool round_over(void *race)
{
	return race_done(race, 1);
}

void columns_init(struct columns *c, struct race *r, uint64_t seed)
{
	const struct pack *p = r->p;
	int32_t *bin_of = mem_alloc(p->n_items, sizeof(*bin_of));
	double *demand;

	memset(c, 0, sizeof(*c));
	c->p = p;
	c->race = r;
	c->root_share = 1;
	c->width = pack_width(p);
	c->price = price_new(p, c->width);
	c->price->stop = round_over;
	c->price->stop_arg = r;
	rng_seed(&c->rng, seed);
	c->rest = mem_alloc(p->n_types, sizeof(uint32_t));
	c->center = mem_alloc(p->n_types, sizeof(double));
	c->value = mem_alloc(p->n_types, sizeof(int64_t));
	demand = mem_alloc(p->n_types, sizeof(double));
	for (uint32_t t = 0; t < p->n_types; t++)
		demand[t] = c->rest[t] = p->count[t];
	c->lp = cover_new(p->n_types, demand, seed);
	c->lp->stop = round_over;
	c->lp->stop_arg = r;
	c->dual = c->lp->dual;
	c->kept = p->n_types;
	center_start(c);
	columns_add_packing(c, bin_of, race_copy(r, bin_of));
	free(demand);
	free(bin_of);
}

void columns_fini(struct columns *c)
{
	cover_free(c->lp);
	price_free(c->price);
	free(c->rest);
	free(c->center);
	free(c->value);
}

static int by_type(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

void columns_add(struct columns *c, const uint32_t *types, uint32_t n)
{
	uint32_t *rows = mem_alloc(n + 1, sizeof(*rows));

	memcpy(rows, types, n * sizeof(*rows));
	qsort(rows, n, sizeof(*rows), by_type);
	cover_add(c->lp, rows, n);
	free(rows);
}

void columns_add_packing(struct columns *c, const int32_t *bin_of, uint32_t bins)
{
	const struct pack *p = c->p;
	uint32_t *fill = mem_alloc(bins, sizeof(uint32_t)), *types = mem_alloc((size_t)bins * c->width, sizeof(uint32_t));

	for (uint32_t t = 0, k = 0; t < p->n_types; t++)
		for (uint32_t i = 0; i < p->count[t]; i++, k++)
			types[(size_t)bin_of[k] * c->width + fill[bin_of[k]]++] = t;
	for (uint32_t b = 0; b < bins; b++)
		if (fill[b])
			columns_add(c, types + (size_t)b * c->width, fill[b]);
	free(fill);
	free(types);
}

bool columns_solve(struct columns *c)
{
	uint64_t pivots = c->lp->pivots, area = (uint64_t)c->lp->rows * c->lp->rows;
	bool solved = cover_solve(c->lp);

	if (c->charged)
		race_done(c->race, (c->lp->pivots - pivots) * area / COVER_AREA_PER_ITERATION);
	if (!solved)
		return false;
	c->objective = c->lp->objective;
	return true;
}

static void values_set(struct columns *c, const double *dual)
{
	for (uint32_t t = 0; t < c->p->n_types; t++)
		c->value[t] = (int64_t)(fmin(1, dual[t]) * (double)PRICE_ONE);
}

/* Worth of a found bin under other duals. */
static double found_worth(const struct columns *c, const double *dual)
{
	double sum = 0;

	for (uint32_t i = 0; i < c->price->n_found; i++)
		sum += dual[c->price->found[i]];
	return sum;
}

static void pricing_charge(struct columns *c)
{
	if (c->charged)
		race_done(c->race, c->price->nodes / PRICE_NODES_PER_ITERATION);
}

uint32_t columns_quick(struct columns *c, const double *dual, uint32_t breadth)
{
	uint32_t n = 0, types = c->p->n_types, start = rng_below(&c->rng, types), *left = mem_alloc(types, sizeof(uint32_t));
	int64_t floor = PRICE_ONE + (int64_t)(1e-6 * (double)PRICE_ONE);

	memcpy(left, c->rest, types * sizeof(uint32_t));
	values_set(c, dual);
	c->price->tune = QUICK_TUNE;
	price_prepare(c->price, c->value, left);
	for (uint32_t i = 0; i < types && !race_done(c->race, 0); i++) {
		uint32_t t = start + i < types ? start + i : start + i - types;

		if (!left[t] || c->value[t] <= 0)
			continue;
		price_seed(c->price, t, breadth, floor, (uint64_t)breadth * SEED_NODES + c->width);
		pricing_charge(c);
		if (!c->price->n_found || found_worth(c, c->dual) < 1 + EPSILON)
			continue;
		columns_add(c, c->price->found, c->price->n_found);
		n++;
		for (uint32_t j = 0; j < c->price->n_found; j++)
			left[c->price->found[j]]--;
	}
	free(left);
	return n;
}

/* Exact pricing at these duals: Farley's bound. -> bound as a real number */
static double columns_prove(struct columns *c, const double *dual)
{
	const struct pack *p = c->p;
	__int128 total = 0;
	int64_t upper;

	values_set(c, dual);
	c->price->tune = EXACT_TUNE;
	price_solve(c->price, c->value, p->count, 0, EXACT_NODES);
	pricing_charge(c);
	upper = c->price->upper;
	for (uint32_t t = 0; t < p->n_types; t++)
		total += (__int128)c->value[t] * p->count[t];
	if (upper <= 0)
		return 0;
	race_prove(c->race, (uint32_t)((total + upper - 1) / upper), "column_generation");
	return (double)total / (double)upper;
}

/* All bins that improve the master, or a good many of them. *none: there are none. -> how many */
static uint32_t columns_many(struct columns *c, bool *none)
{
	struct price *x = c->price;

	values_set(c, c->dual);
	x->tune = EXACT_TUNE;
	*none = price_many(x, c->value, c->rest, PRICE_ONE + (int64_t)(EPSILON * (double)PRICE_ONE), EXACT_NODES) && !x->n_many;
	pricing_charge(c);
	for (uint32_t i = 0, from = 0; i < x->n_many; from = x->many_end[i++])
		columns_add(c, x->many + from, x->many_end[i] - from);
	return x->n_many;
}

/* No more bins can be saved, or proven: the master's value rounds up to what is proven. */
static bool root_closed(const struct columns *c)
{
	return (uint32_t)ceil(c->objective - 1e-6) <= c->race->bound;
}

/* A bound at duals between the best so far and the master's; the better of the two is the new centre. */
static void center_move(struct columns *c, const double *mixed)
{
	double bound = columns_prove(c, mixed);

	if (bound <= c->center_bound)
		return;
	c->center_bound = bound;
	memcpy(c->center, mixed, c->p->n_types * sizeof(double));
}

bool columns_root(struct columns *c)
{
	uint32_t n = c->p->n_types, breadth = BREADTH_FIRST, found;
	double *mixed = mem_alloc(n, sizeof(double));
	bool solved = false, none = false;
	double until = race_until(c->race, c->root_share);

	while (!none && !race_done(c->race, ROUND_COST) && (!solved || race_used(c->race) < until) &&
	       (solved = columns_solve(c)) && !root_closed(c)) {
		for (uint32_t t = 0; t < n; t++)
			mixed[t] = c->center_bound > 0 ? SMOOTH * c->center[t] + (1 - SMOOTH) * c->dual[t] : c->dual[t];
		found = columns_quick(c, mixed, breadth);
		if (!found)
			found = columns_quick(c, c->dual, breadth);
		if (found >= FEW)
			continue;
		if (breadth < BREADTH_LAST) {
			breadth *= 2;
			continue;
		}
		center_move(c, mixed);
		if (found || columns_many(c, &none))
			continue;
		center_move(c, c->dual);
		if (!none) /* too hard to tell: what is proven stands */
			break;
	}
	if (solved && !none && c->root_share < 1 && race_used(c->race) >= until && !root_closed(c)) /* its time is over: what do the duals prove so far? */
		center_move(c, mixed);
	free(mixed);
	return solved;
}
