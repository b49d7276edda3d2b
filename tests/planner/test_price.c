/* The most valuable bin against all subsets, with pairs that must be apart and without. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "planner/solve/fewest/price.h"
#include "tests/planner/small_pack.h"

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
		struct instance *in = small_new(n, d, 1000);
		int64_t value[12], truth;
		struct price *x;
		struct pack *p;

		for (uint32_t i = 0; i < n; i++) {
			in->services[i].replicas = 1;
			for (uint32_t c = 0; c < d; c++)
				in->demand[i * d + c] = 100 + rng_below(&rng, 500);
		}
		small_close(in);
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
		small_free(in);
	}
}

/* The most valuable of all subsets that fit and hold no pair that must be apart. */
static int64_t twin_apart(const struct pack *p, const int64_t *value, const uint64_t *apart)
{
	int64_t best = 0;

	for (uint32_t set = 1; set < 1u << p->n_types; set++) {
		uint64_t room[8];
		int64_t sum = 0;
		bool fits = true;

		memcpy(room, p->room, p->n_words * sizeof(*room));
		for (uint32_t t = 0; t < p->n_types && fits; t++)
			if (set >> t & 1) {
				fits = !(apart[t] & set) && pack_fits(p, room, p->demand + (size_t)t * p->n_words);
				pack_take(p, room, p->demand + (size_t)t * p->n_words);
				sum += value[t];
			}
		if (fits && sum > best)
			best = sum;
	}
	return best;
}

static void pricing_keeps_apart_what_must_be(void **state)
{
	struct rng rng;

	(void)state;
	rng_seed(&rng, 31);
	for (int round = 0; round < 100; round++) {
		struct instance *in = small_new(10, 2, 1000);
		uint64_t apart[10] = { 0 };
		int64_t value[10];
		struct price *x;
		struct pack *p;

		for (uint32_t i = 0; i < 10; i++) {
			in->services[i].replicas = 1;
			for (uint32_t c = 0; c < 2; c++)
				in->demand[i * 2 + c] = 100 + rng_below(&rng, 300);
		}
		small_close(in);
		p = pack_new(in);
		for (uint32_t k = 0; k < 12; k++) {
			uint32_t a = rng_below(&rng, p->n_types), b = rng_below(&rng, p->n_types);

			apart[a] |= a == b ? 0 : 1ull << b;
			apart[b] |= a == b ? 0 : 1ull << a;
		}
		for (uint32_t t = 0; t < p->n_types; t++)
			value[t] = (int64_t)(rng_unit(&rng) * (double)PRICE_ONE);
		x = price_new(p, pack_width(p));
		x->apart = apart;
		x->apart_words = 1;
		price_solve(x, value, p->count, 0, UINT64_MAX);
		assert_int_equal(x->best, twin_apart(p, value, apart));
		assert_int_equal(x->upper, x->best);
		price_free(x);
		pack_free(p);
		small_free(in);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pricing_against_all_subsets),
		cmocka_unit_test(pricing_keeps_apart_what_must_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
