/* Shares of time by budget: what always runs and the shares of the rest fit into half of the budget, or the shares are the least; what is
 * hot gives way before a core does; a core does not come and go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

#include "base/rng.h"
#include "collector/budget.h"

#define HOT part[PROBE_HOT]
#define CORE part[PROBE_CORE]

static void test_no_limit(void **state)
{
	const struct budget b = { .ratio = 0, .n_cpus = 2 };
	const struct budget_costs c = { 1e9, { 1e12, 1e12 } };
	struct budget_shares s = budget_shares(&b, &c, false);

	(void)state;
	assert_true(s.HOT >= 1 && s.CORE >= 1);
}

static double cost(const struct budget_costs *c, const struct budget_shares *s)
{
	return c->always_ns + s->HOT * c->part_ns[PROBE_HOT] + s->CORE * c->part_ns[PROBE_CORE];
}

static void test_fits(void **state)
{
	struct rng rng;
	unsigned cores_sampled = 0, hot_sampled = 0;

	(void)state;
	rng_seed(&rng, 1);
	for (int i = 0; i < 20000; i++) {
		const struct budget b = { .ratio = 0.001 + 0.1 * rng_unit(&rng), .n_cpus = 1 + rng_below(&rng, 128) };
		double all = b.ratio * b.n_cpus * 1e9, limit;
		const struct budget_costs c = { 0.75 * all * rng_unit(&rng), { 50 * all * rng_unit(&rng) * rng_unit(&rng), 5 * all * rng_unit(&rng) * rng_unit(&rng) } };
		bool sampled = rng_below(&rng, 2);
		struct budget_shares s = budget_shares(&b, &c, sampled);

		assert_true(s.HOT >= PROBE_SHARE_LEAST && s.HOT <= 1 && s.CORE >= BUDGET_CORE_LEAST && s.CORE <= 1);
		assert_true(s.CORE >= s.HOT);
		cores_sampled += s.CORE < 1;
		hot_sampled += s.HOT < 1 && s.CORE >= 1;
		limit = 1.000001 * fmax(all / 2, fmin(c.always_ns + all / 4, 0.9 * all)); /* half, or a quarter beside a costly collector */
		if (s.CORE > BUDGET_CORE_LEAST && s.CORE < 1)
			assert_true(cost(&c, &s) <= limit);
		if (s.CORE >= 1 && s.HOT > PROBE_SHARE_LEAST)
			assert_true(cost(&c, &s) <= limit);
		if (s.CORE >= 1)
			assert_true(cost(&c, &s) <= (sampled ? limit : all * 0.9 * 1.000001) || c.part_ns[PROBE_CORE] <= 0);
		if (c.always_ns + c.part_ns[PROBE_HOT] + c.part_ns[PROBE_CORE] <= all / 2)
			assert_true(s.HOT >= 1 && s.CORE >= 1);
	}
	assert_true(cores_sampled > 1000 && hot_sampled > 1000);
}

/* A load that takes 70 % of the budget: whatever the core does now, it goes on doing. At 95 % it is sampled, at 45 % it is not. */
static void test_does_not_flap(void **state)
{
	const struct budget b = { .ratio = 0.01, .n_cpus = 2 };
	struct budget_costs c = { 1e6, { 0, 13e6 } };

	(void)state;
	assert_true(budget_shares(&b, &c, false).CORE >= 1);
	assert_true(budget_shares(&b, &c, true).CORE < 1);
	c.part_ns[PROBE_CORE] = 18e6;
	assert_true(budget_shares(&b, &c, false).CORE < 1);
	c.part_ns[PROBE_CORE] = 8e6;
	assert_true(budget_shares(&b, &c, true).CORE >= 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_limit), cmocka_unit_test(test_fits), cmocka_unit_test(test_does_not_flap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
