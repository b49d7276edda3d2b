/*
 * Fewest identical nodes against slow twins: exhaustive packing of small random cases, planted perfect packings, and
 * the most valuable bin by trying all subsets.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "planner/solve/fewest.h"
#include "planner/solve/price.h"

static struct instance *instance_of(uint32_t services, uint32_t columns, int64_t capacity)
{
	struct instance *in = mem_alloc(1, sizeof(*in));

	in->n_columns = in->n_resources = columns;
	in->n_services = services;
	in->max_moves = -1;
	in->services = mem_alloc(services, sizeof(*in->services));
	in->demand = mem_alloc((size_t)services * columns, sizeof(int64_t));
	for (uint32_t s = 0; s < services; s++)
		in->services[s].limit_ratio = INFINITY;
	in->n_nodes = 1;
	in->nodes = mem_alloc(1, sizeof(*in->nodes));
	in->nodes[0].cost = 1;
	in->capacity = mem_alloc(columns, sizeof(int64_t));
	for (uint32_t c = 0; c < columns; c++)
		in->capacity[c] = capacity;
	return in;
}

/* Number the items; there may be as many nodes as items (their rows are not looked at by pack_new). */
static void instance_close(struct instance *in)
{
	for (uint32_t s = 0; s < in->n_services; s++) {
		in->services[s].first_item = in->n_items;
		in->n_items += in->services[s].replicas;
	}
}

static void instance_drop(struct instance *in)
{
	free(in->services);
	free(in->demand);
	free(in->nodes);
	free(in->capacity);
	free(in);
}

/* Every item into every open bin or a new one. */
static uint32_t twin_bins(const struct pack *p, const uint32_t *type, uint32_t k, uint64_t *rooms, uint32_t bins, uint32_t best)
{
	if (bins >= best)
		return best;
	if (k == p->n_items)
		return bins;
	for (uint32_t b = 0; b <= bins; b++) {
		uint64_t *room = rooms + (size_t)b * p->n_words;
		const uint64_t *d = p->demand + (size_t)type[k] * p->n_words;
		uint32_t found;

		if (b == bins && p->n_words)
			memcpy(room, p->room, p->n_words * sizeof(uint64_t));
		if (!pack_fits(p, room, d))
			continue;
		pack_take(p, room, d);
		found = twin_bins(p, type, k + 1, rooms, bins + (b == bins), best);
		pack_give(p, room, d);
		best = found < best ? found : best;
	}
	return best;
}

static void assert_packing(const struct pack *p, const struct race *r)
{
	int64_t *use = mem_alloc((size_t)r->best * p->n_columns + 1, sizeof(*use));

	for (uint32_t t = 0, k = 0; t < p->n_types; t++)
		for (uint32_t i = 0; i < p->count[t]; i++, k++) {
			assert_in_range(r->bin_of[k], 0, r->best - 1);
			for (uint32_t c = 0; c < p->n_columns; c++)
				use[(size_t)r->bin_of[k] * p->n_columns + c] += p->value[(size_t)t * p->n_columns + c];
		}
	for (uint32_t i = 0; i < r->best * p->n_columns; i++)
		assert_true(use[i] <= p->capacity[i % p->n_columns]);
	free(use);
}

static struct search budget(uint64_t iterations)
{
	return (struct search){ .deadline_ns = UINT64_MAX, .max_iterations = iterations, .lower_bound = -INFINITY };
}

static void small_cases_against_exhaustion(void **state)
{
	struct rng rng;

	(void)state;
	rng_seed(&rng, 5);
	for (int round = 0; round < 150; round++) {
		uint32_t n = 4 + rng_below(&rng, 5), d = 1 + rng_below(&rng, 4), type[64], k = 0;
		struct instance *in = instance_of(n, d, 10 + rng_below(&rng, 2000));
		struct search s = budget(20000);
		uint64_t rooms[64 * 8];
		struct race r;
		struct pack *p;

		for (uint32_t i = 0; i < n; i++) {
			in->services[i].replicas = rng_below(&rng, 5) ? 1 : 2;
			for (uint32_t c = 0; c < d; c++)
				in->demand[i * d + c] = rng_below(&rng, (uint32_t)in->capacity[c] * 2 / 3 + 1);
		}
		instance_close(in);
		s.in = in;
		s.best = incumbent_new(in, false);
		in->item_node = mem_alloc(in->n_items, sizeof(int32_t));
		p = pack_new(in);
		assert_non_null(p);
		for (uint32_t t = 0; t < p->n_types; t++)
			for (uint32_t i = 0; i < p->count[t]; i++)
				type[k++] = t;
		p->n_nodes = 0; /* nothing is offered: the race alone is looked at */
		race_init(&r, p, &s);
		fewest_race(&r, 1, (uint64_t)round);
		assert_packing(p, &r);
		assert_int_equal(r.best, twin_bins(p, type, 0, rooms, 0, p->n_items + 1));
		assert_true(r.bound <= r.best);
		race_fini(&r);
		pack_free(p);
		incumbent_free(s.best);
		free(in->item_node);
		instance_drop(in);
	}
}

/* Bins of which nothing is left over: cut into so many parts in every column, no part below a third of an even one. */
struct planted { uint32_t bins, parts, columns; int64_t capacity; };

static struct instance *planted_draw(const struct planted *f, struct rng *rng)
{
	struct instance *in = instance_of(f->bins * f->parts, f->columns, f->capacity);

	for (uint32_t b = 0; b < f->bins; b++)
		for (uint32_t c = 0; c < f->columns; c++) {
			int64_t left = f->capacity, even = f->capacity / f->parts;

			for (uint32_t i = 0; i < f->parts; i++) {
				int64_t most = left - (f->parts - 1 - i) * even, part = even * 2 / 3 + rng_below(rng, (uint32_t)even * 2 / 3);

				part = i + 1 == f->parts ? left : part < most ? part : most;
				in->demand[(b * f->parts + i) * f->columns + c] = part;
				left -= part;
			}
		}
	for (uint32_t i = 0; i < in->n_services; i++)
		in->services[i].replicas = 1;
	instance_close(in);
	return in;
}

static void planted_packings_are_found(void **state)
{
	static const struct planted shapes[] = {
		{ 14, 3, 3, 1000 }, /* triplets: no two triples but the planted ones fit */
		{ 60, 3, 3, 100 },  /* triplets of coarse sizes: many triples fit, few go together */
		{ 40, 3, 2, 60 },
		{ 12, 4, 4, 100 },
		{ 8, 5, 3, 1000 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++) {
		struct search s = budget(3000000);
		struct instance *in;
		struct race r;
		struct pack *p;
		struct rng rng;

		rng_seed(&rng, 11 + i);
		in = planted_draw(&shapes[i], &rng);
		in->item_node = mem_alloc(in->n_items, sizeof(int32_t));
		s.in = in;
		s.best = incumbent_new(in, false);
		p = pack_new(in);
		p->n_nodes = 0;
		race_init(&r, p, &s);
		fewest_race(&r, 1, 3);
		assert_packing(p, &r);
		assert_int_equal(r.best, shapes[i].bins);
		assert_int_equal(r.bound, shapes[i].bins);
		race_fini(&r);
		pack_free(p);
		incumbent_free(s.best);
		free(in->item_node);
		instance_drop(in);
	}
}

/* `used` of type t are taken already. */
static int64_t twin_value(const struct pack *p, const int64_t *value, uint32_t t, uint32_t used, uint64_t *room)
{
	int64_t best, found;

	if (t == p->n_types)
		return 0;
	best = twin_value(p, value, t + 1, 0, room);
	if (used == p->count[t] || !pack_fits(p, room, p->demand + (size_t)t * p->n_words))
		return best;
	pack_take(p, room, p->demand + (size_t)t * p->n_words);
	found = value[t] + twin_value(p, value, t, used + 1, room);
	pack_give(p, room, p->demand + (size_t)t * p->n_words);
	return found > best ? found : best;
}

static void pricing_against_all_subsets(void **state)
{
	struct rng rng;

	(void)state;
	rng_seed(&rng, 21);
	for (int round = 0; round < 200; round++) {
		uint32_t n = 12, d = 1 + rng_below(&rng, 5);
		struct instance *in = instance_of(n, d, 1000);
		int64_t value[12], truth;
		struct price *x;
		struct pack *p;

		for (uint32_t i = 0; i < n; i++) {
			in->services[i].replicas = 1;
			for (uint32_t c = 0; c < d; c++)
				in->demand[i * d + c] = 100 + rng_below(&rng, 500);
		}
		instance_close(in);
		p = pack_new(in);
		for (uint32_t t = 0; t < p->n_types; t++)
			value[t] = (int64_t)(rng_unit(&rng) * (double)PRICE_ONE);
		truth = twin_value(p, value, 0, 0, p->room);
		x = price_new(p, pack_width(p));
		x->tune = 8;
		price_solve(x, value, p->count, 0, UINT64_MAX);
		assert_true(x->best == truth && x->upper == truth);
		for (uint64_t limit = 1; limit < 64; limit *= 2) { /* cut short, the upper bound still holds */
			price_solve(x, value, p->count, 0, limit);
			assert_true(x->best <= truth && x->upper >= truth);
		}
		price_free(x);
		pack_free(p);
		instance_drop(in);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pricing_against_all_subsets),
		cmocka_unit_test(small_cases_against_exhaustion),
		cmocka_unit_test(planted_packings_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
