/*
 * Fewest identical nodes against slow twins: exhaustive packing of small random cases, by the whole race and by branching
 * alone; planted perfect packings.
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
#include "planner/solve/fewest/branch.h"
#include "planner/solve/fewest/fewest.h"
#include "tests/planner/small_pack.h"

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

/* Up to eight services, one or two replicas of each. */
static struct instance *small_draw(struct rng *rng)
{
	uint32_t n = 4 + rng_below(rng, 5), d = 1 + rng_below(rng, 4);
	struct instance *in = small_new(n, d, 10 + rng_below(rng, 2000));

	for (uint32_t i = 0; i < n; i++) {
		in->services[i].replicas = rng_below(rng, 5) ? 1 : 2;
		for (uint32_t c = 0; c < d; c++)
			in->demand[i * d + c] = rng_below(rng, (uint32_t)in->capacity[c] * 2 / 3 + 1);
	}
	small_close(in);
	return in;
}

static uint32_t twin_optimum(const struct pack *p)
{
	uint32_t type[64], k = 0;
	uint64_t rooms[64 * 8];

	for (uint32_t t = 0; t < p->n_types; t++)
		for (uint32_t i = 0; i < p->count[t]; i++)
			type[k++] = t;
	return twin_bins(p, type, 0, rooms, 0, p->n_items + 1);
}

static void solve_portfolio(struct race *r, uint64_t seed)
{
	fewest_race(r, 1, seed);
	assert_int_equal(r->bound, r->best);
}

/* Whatever the relaxation has proven is forgotten: the tree has to prove it again, or find a better packing. */
static void solve_branching(struct race *r, uint64_t seed)
{
	struct columns c;

	columns_init(&c, r, seed);
	columns_root(&c);
	for (r->bound = 0; r->bound < r->best;) {
		uint32_t best = r->best, bound = r->bound;

		r->stop = false;
		branch_race(&c, seed, 1);
		assert_true(r->best < best || r->bound > bound);
	}
	columns_fini(&c);
	assert_int_equal(r->bound, r->best);
}

static void assert_optimal(void (*solve)(struct race *r, uint64_t seed), uint64_t iterations)
{
	struct rng rng;

	rng_seed(&rng, 5);
	for (uint64_t round = 0; round < 150; round++) {
		struct instance *in = small_draw(&rng);
		struct search s = budget(iterations);
		struct race r;
		struct pack *p;

		s.in = in;
		s.best = incumbent_new(in, false);
		p = pack_new(in);
		assert_non_null(p);
		p->n_nodes = 0; /* nothing is offered: the race alone is looked at */
		race_init(&r, p, &s);
		solve(&r, round);
		assert_packing(p, &r);
		assert_int_equal(r.best, twin_optimum(p));
		race_fini(&r);
		pack_free(p);
		incumbent_free(s.best);
		small_free(in);
	}
}

static void small_cases_against_exhaustion(void **state)
{
	(void)state;
	assert_optimal(solve_portfolio, 200000);
}

static void branching_against_exhaustion(void **state)
{
	(void)state;
	assert_optimal(solve_branching, 10000000);
}

/* Bins of which nothing is left over: cut into so many parts in every column, no part below a third of an even one. */
struct planted { uint32_t bins, parts, columns; int64_t capacity; };

static struct instance *planted_draw(const struct planted *f, struct rng *rng)
{
	struct instance *in = small_new(f->bins * f->parts, f->columns, f->capacity);

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
	small_close(in);
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
		small_free(in);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_cases_against_exhaustion),
		cmocka_unit_test(branching_against_exhaustion),
		cmocka_unit_test(planted_packings_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
