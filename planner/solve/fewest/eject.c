/*
 * Ejection search. An item v from the pool enters the bin where the items thrown out (at most three) have the least sum of
 * penalties; every failure to enter raises v's penalty, so that hard items come to rest and easy ones move on. After each
 * ejection a few random relocations and swaps stir the bins.
 */
#include "planner/solve/fewest/eject.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "planner/solve/order.h"

#define STIR_TRIES 24       /* random relocations or swaps per ejection; 10 .. 50 make no difference on 40 instances */
#define PENALTY_MAX 60000u
#define STEPS_PER_CHECK 32
#define TRIPLES_MAX 40      /* items in a bin up to which three, or two, are thrown out together: bins of many are slow to scan */
#define PAIRS_MAX 300
#define STEPS_PER_SLICE 4096

struct eject {
	const struct pack *p;
	struct rng rng;
	uint32_t bins, width, n_pool;
	uint32_t *type;      /* [item] */
	uint32_t *penalty;   /* [item] */
	uint32_t *items;     /* [bin * width]: items in the bin */
	uint32_t *fill;      /* [bin] */
	uint64_t *room;      /* [bin * n_words] */
	uint32_t *pool;
	uint64_t steps;
};

struct ejection { uint32_t bin, n, at[3], penalty, ties; };

struct eject *eject_new(const struct pack *p, uint64_t seed)
{
	struct eject *e = mem_alloc(1, sizeof(*e));

	e->p = p;
	rng_seed(&e->rng, seed);
	e->width = pack_width(p);
	e->type = mem_alloc(p->n_items, sizeof(uint32_t));
	e->penalty = mem_alloc(p->n_items, sizeof(uint32_t));
	e->pool = mem_alloc(p->n_items, sizeof(uint32_t));
	for (uint32_t t = 0, k = 0; t < p->n_types; t++)
		for (uint32_t i = 0; i < p->count[t]; i++)
			e->type[k++] = t;
	return e;
}

void eject_free(struct eject *e)
{
	if (!e)
		return;
	free(e->type);
	free(e->penalty);
	free(e->pool);
	free(e->items);
	free(e->fill);
	free(e->room);
	free(e);
}

static inline const uint64_t *demand_of(const struct eject *e, uint32_t item)
{
	return e->p->demand + (size_t)e->type[item] * e->p->n_words;
}

static void bin_add(struct eject *e, uint32_t b, uint32_t item)
{
	e->items[(size_t)b * e->width + e->fill[b]++] = item;
	pack_take(e->p, e->room + (size_t)b * e->p->n_words, demand_of(e, item));
}

static uint32_t bin_remove(struct eject *e, uint32_t b, uint32_t at)
{
	uint32_t *list = e->items + (size_t)b * e->width, item = list[at];

	list[at] = list[--e->fill[b]];
	pack_give(e->p, e->room + (size_t)b * e->p->n_words, demand_of(e, item));
	return item;
}

void eject_load(struct eject *e, const int32_t *bin_of, uint32_t bins)
{
	const struct pack *p = e->p;
	double *size = mem_alloc(p->n_items, sizeof(*size));
	uint32_t *full = mem_alloc(p->n_items, sizeof(*full)), *rank = mem_alloc(p->n_items, sizeof(*rank));

	for (uint32_t b = 0; b < p->n_items; b++)
		full[b] = b;
	for (uint32_t k = 0; k < p->n_items; k++)
		if (bin_of[k] >= 0)
			size[bin_of[k]] += p->size[e->type[k]];
	order_by_key(full, p->n_items, size); /* the fullest first */
	for (uint32_t i = 0; i < p->n_items; i++)
		rank[full[i]] = i;
	e->bins = bins;
	e->n_pool = 0;
	e->items = mem_resize(e->items, (size_t)bins * e->width + 1, sizeof(uint32_t));
	e->fill = mem_resize(e->fill, bins + 1, sizeof(uint32_t));
	e->room = mem_resize(e->room, (size_t)bins * p->n_words + 1, sizeof(uint64_t));
	memset(e->fill, 0, bins * sizeof(uint32_t));
	for (uint32_t b = 0; b < bins; b++)
		memcpy(e->room + (size_t)b * p->n_words, p->room, p->n_words * sizeof(uint64_t));
	for (uint32_t k = 0; k < p->n_items; k++) {
		e->penalty[k] = 1;
		if (bin_of[k] >= 0 && rank[bin_of[k]] < bins)
			bin_add(e, rank[bin_of[k]], k);
		else
			e->pool[e->n_pool++] = k;
	}
	free(size);
	free(full);
	free(rank);
}

static inline bool fits_after(const struct eject *e, const uint64_t *room, const uint64_t *a, const uint64_t *v,
			      uint64_t *sum, const uint32_t words)
{
	const uint64_t *guard = e->p->guard;
	bool fits = true;

	for (uint32_t w = 0; w < words; w++) {
		sum[w] = room[w] + a[w];
		fits &= (((sum[w] | guard[w]) - v[w]) & guard[w]) == guard[w];
	}
	return fits;
}

static inline void ejection_consider(struct eject *e, struct ejection *best, struct ejection it)
{
	if (it.penalty < best->penalty)
		it.ties = 1;
	else if (rng_below(&e->rng, ++best->ties))
		return;
	else
		it.ties = best->ties;
	*best = it;
}

/* Sums of rooms go in an array of the caller's: words is a constant after inlining, so it stays in registers. */
static inline __attribute__((always_inline))
void bin_scan(struct eject *e, uint32_t b, const uint64_t *v, struct ejection *best, uint64_t *sum, const uint32_t words)
{
	const uint32_t *list = e->items + (size_t)b * e->width, n = e->fill[b];
	const uint64_t *room = e->room + (size_t)b * words;
	uint64_t *one = sum, *two = sum + words, *three = sum + 2 * words;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t pi = e->penalty[list[i]];

		if (pi > best->penalty)
			continue;
		if (fits_after(e, room, e->p->demand + (size_t)e->type[list[i]] * words, v, one, words)) {
			ejection_consider(e, best, (struct ejection){ b, 1, { i, 0, 0 }, pi, 1 });
			continue;
		}
		for (uint32_t j = i + 1; j < n && n <= PAIRS_MAX; j++) {
			uint32_t pj = pi + e->penalty[list[j]];

			if (pj > best->penalty)
				continue;
			if (fits_after(e, one, e->p->demand + (size_t)e->type[list[j]] * words, v, two, words)) {
				ejection_consider(e, best, (struct ejection){ b, 2, { i, j, 0 }, pj, 1 });
				continue;
			}
			for (uint32_t k = j + 1; k < n && n <= TRIPLES_MAX; k++) {
				uint32_t pk = pj + e->penalty[list[k]];

				if (pk <= best->penalty &&
				    fits_after(e, two, e->p->demand + (size_t)e->type[list[k]] * words, v, three, words))
					ejection_consider(e, best, (struct ejection){ b, 3, { i, j, k }, pk, 1 });
			}
		}
	}
}

static struct ejection ejection_find(struct eject *e, uint32_t v)
{
	struct ejection best = { .penalty = UINT32_MAX };
	const uint64_t *d = demand_of(e, v);
	uint32_t start = rng_below(&e->rng, e->bins), words = e->p->n_words;
	uint64_t few[6], *sum = words <= 2 ? few : mem_alloc(3 * words, sizeof(uint64_t));

	for (uint32_t i = 0; i < e->bins; i++) {
		uint32_t b = start + i < e->bins ? start + i : start + i - e->bins;

		if (words == 1)
			bin_scan(e, b, d, &best, few, 1);
		else if (words == 2)
			bin_scan(e, b, d, &best, few, 2);
		else
			bin_scan(e, b, d, &best, sum, words);
	}
	if (sum != few)
		free(sum);
	return best;
}

static bool pool_insert(struct eject *e, uint32_t v)
{
	uint32_t start = rng_below(&e->rng, e->bins);

	for (uint32_t i = 0; i < e->bins; i++) {
		uint32_t b = start + i < e->bins ? start + i : start + i - e->bins;

		if (pack_fits(e->p, e->room + (size_t)b * e->p->n_words, demand_of(e, v))) {
			bin_add(e, b, v);
			return true;
		}
	}
	return false;
}

/* A random item moves to a random bin, or swaps with an item there. */
static void bins_stir(struct eject *e)
{
	for (int tries = 0; tries < STIR_TRIES; tries++) {
		uint32_t a = rng_below(&e->rng, e->bins), b = rng_below(&e->rng, e->bins), i, j, x, y;

		if (a == b || !e->fill[a])
			continue;
		i = rng_below(&e->rng, e->fill[a]);
		j = rng_below(&e->rng, e->fill[b] + 1);
		x = bin_remove(e, a, i);
		y = j < e->fill[b] ? bin_remove(e, b, j) : UINT32_MAX;
		if (pack_fits(e->p, e->room + (size_t)b * e->p->n_words, demand_of(e, x)) &&
		    (y == UINT32_MAX || pack_fits(e->p, e->room + (size_t)a * e->p->n_words, demand_of(e, y)))) {
			bin_add(e, b, x);
			if (y != UINT32_MAX)
				bin_add(e, a, y);
			continue;
		}
		bin_add(e, a, x);
		if (y != UINT32_MAX)
			bin_add(e, b, y);
	}
}

static void penalties_halve(struct eject *e)
{
	for (uint32_t k = 0; k < e->p->n_items; k++)
		e->penalty[k] = (e->penalty[k] + 1) / 2;
}

static void pool_step(struct eject *e)
{
	uint32_t at = e->n_pool - 1, v;
	struct ejection x;

	if (rng_below(&e->rng, 4) == 0)
		at = rng_below(&e->rng, e->n_pool);
	v = e->pool[at];
	e->pool[at] = e->pool[--e->n_pool];
	if (pool_insert(e, v))
		return;
	if (++e->penalty[v] > PENALTY_MAX)
		penalties_halve(e);
	x = ejection_find(e, v);
	if (x.penalty == UINT32_MAX) {
		e->pool[e->n_pool++] = v;
		memmove(e->pool + 1, e->pool, (e->n_pool - 1) * sizeof(uint32_t));
		e->pool[0] = v;
	} else {
		for (uint32_t i = x.n; i-- > 0;)
			e->pool[e->n_pool++] = bin_remove(e, x.bin, x.at[i]);
		bin_add(e, x.bin, v);
	}
	bins_stir(e);
}

bool eject_run(struct eject *e, struct race *r, uint64_t steps)
{
	for (uint64_t i = 0; i < steps && e->n_pool; i++, e->steps++) {
		if (!(e->steps % STEPS_PER_CHECK) && race_done(r, STEPS_PER_CHECK))
			return false;
		pool_step(e);
	}
	return !e->n_pool;
}

void eject_save(const struct eject *e, int32_t *bin_of)
{
	for (uint32_t b = 0; b < e->bins; b++)
		for (uint32_t i = 0; i < e->fill[b]; i++)
			bin_of[e->items[(size_t)b * e->width + i]] = (int32_t)b;
	for (uint32_t i = 0; i < e->n_pool; i++)
		bin_of[e->pool[i]] = -1;
}

void eject_race(struct race *r, uint64_t seed, uint64_t steps)
{
	struct eject *e = eject_new(r->p, seed);
	int32_t *bin_of = mem_alloc(r->p->n_items, sizeof(*bin_of));
	uint32_t bins;

	while (e->steps < steps && r->best > 1 && !race_done(r, 0)) {
		bins = race_copy(r, bin_of) - 1;
		eject_load(e, bin_of, bins);
		while (e->steps < steps && !race_done(r, 0) && r->best > bins && !eject_run(e, r, STEPS_PER_SLICE))
			;
		if (e->n_pool)
			continue;
		eject_save(e, bin_of);
		race_offer(r, bin_of, "ejection");
	}
	free(bin_of);
	eject_free(e);
}
