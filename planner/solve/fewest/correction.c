/*
 * Sequential value correction. An item of size s in a bin that is filled to the share f was worth s^p / f: items that end in
 * badly filled bins gain, and large ones more than their size (p > 1), so next time they go first. A value is a mean of what its
 * item was worth in the packings so far, the later ones weighing more.
 */
#include "planner/solve/fewest/correction.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "planner/solve/fewest/price.h"

#define POWER_LEAST 1.0     /* p is drawn anew for each packing */
#define POWER_SPAN 0.3
#define BLEND_LEAST 0.1     /* weight of the packing at hand */
#define BLEND_SPAN 0.5
#define BREADTH 6           /* of pricing */
#define NODES 1000          /* per bin, and as many as it holds items at most */
#define TUNE 4

struct correction {
	struct race *race;
	const struct pack *p;
	struct price *price;
	struct rng rng;
	double whole;           /* size of a bin filled in every column */
	double *value, *taught; /* [type]; of the packing at hand, summed over replicas */
	int64_t *worth;         /* [type] value in units of PRICE_ONE */
	uint32_t *rest;
	int32_t *bin_of;
};

static double bin_whole(const struct pack *p)
{
	double sum = 0;

	for (uint32_t k = 0; k < p->n_columns; k++)
		for (uint32_t t = 0; t < p->n_types; t++)
			sum += (double)p->value[(size_t)t * p->n_columns + k] * p->count[t] / (double)p->capacity[k];
	return sum;
}

static void bin_teach(struct correction *x, const uint32_t *types, uint32_t n, double power)
{
	double filled = 0;

	for (uint32_t i = 0; i < n; i++)
		filled += x->p->size[types[i]] / x->whole;
	for (uint32_t i = 0; i < n; i++)
		x->taught[types[i]] += pow(x->p->size[types[i]] / x->whole, power) / filled;
}

/* The largest item left and what goes best with it, again and again. -> bins */
static uint32_t items_pack(struct correction *x, double power)
{
	const struct pack *p = x->p;
	uint32_t bins = 0;

	memcpy(x->rest, p->count, p->n_types * sizeof(uint32_t));
	memset(x->taught, 0, p->n_types * sizeof(double));
	price_prepare(x->price, x->worth, x->rest);
	for (uint32_t t = 0; t < p->n_types; t++)
		for (; x->rest[t] && !race_done(x->race, x->price->nodes / PRICE_NODES_PER_ITERATION); bins++) {
			price_seed(x->price, t, BREADTH, 0, NODES + x->price->width);
			for (uint32_t i = 0; i < x->price->n_found; i++) {
				uint32_t found = x->price->found[i];

				x->bin_of[p->first[found] + --x->rest[found]] = (int32_t)bins;
			}
			bin_teach(x, x->price->found, x->price->n_found, power);
		}
	return bins;
}

static void values_learn(struct correction *x)
{
	const struct pack *p = x->p;
	double blend = BLEND_LEAST + BLEND_SPAN * rng_unit(&x->rng);

	for (uint32_t t = 0; t < p->n_types; t++)
		x->value[t] += blend * (x->taught[t] / p->count[t] - x->value[t]);
}

static void worth_set(struct correction *x)
{
	for (uint32_t t = 0; t < x->p->n_types; t++)
		x->worth[t] = (int64_t)fmax(1, fmin(1, x->value[t]) * (double)PRICE_ONE);
}

static void packing_keep(struct packings *kept, uint32_t number, const int32_t *bin_of, uint32_t items, uint32_t bins)
{
	uint32_t i = number % PACKINGS_KEPT;

	kept->n = number < PACKINGS_KEPT ? number + 1 : PACKINGS_KEPT;
	kept->bins[i] = bins;
	memcpy(kept->bin_of + (size_t)i * items, bin_of, items * sizeof(*bin_of));
}

void packings_fini(struct packings *kept)
{
	free(kept->bin_of);
}

void correction_race(struct race *r, uint64_t seed, uint32_t passes, double share, struct packings *kept)
{
	const struct pack *p = r->p;
	double until = race_until(r, share);
	struct correction x = { .race = r, .p = p, .price = price_new(p, pack_width(p)), .whole = bin_whole(p),
				.value = mem_alloc(p->n_types, sizeof(double)), .taught = mem_alloc(p->n_types, sizeof(double)),
				.worth = mem_alloc(p->n_types, sizeof(int64_t)), .rest = mem_alloc(p->n_types, sizeof(uint32_t)),
				.bin_of = mem_alloc(p->n_items, sizeof(int32_t)) };

	rng_seed(&x.rng, seed);
	x.price->stop = race_over;
	x.price->stop_arg = r;
	x.price->tune = TUNE;
	for (uint32_t t = 0; t < p->n_types; t++)
		x.value[t] = p->size[t] / x.whole;
	*kept = (struct packings){ .bin_of = mem_alloc((size_t)PACKINGS_KEPT * p->n_items, sizeof(int32_t)) };
	for (uint32_t i = 0, n = 0; i < passes && x.whole > 0 && race_used(r) < until; i++, n++) {
		uint32_t bins;

		worth_set(&x);
		bins = items_pack(&x, POWER_LEAST + POWER_SPAN * rng_unit(&x.rng));
		if (race_done(r, 0)) /* perhaps in the middle of a packing */
			break;
		packing_keep(kept, n, x.bin_of, p->n_items, bins);
		if (bins < r->best) {
			race_offer(r, x.bin_of, "value_correction");
			i = 0;
		}
		values_learn(&x);
	}
	price_free(x.price);
	free(x.value);
	free(x.taught);
	free(x.worth);
	free(x.rest);
	free(x.bin_of);
}
