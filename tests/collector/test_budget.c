/* Shares of time by budget: what always runs and the share of what does not fit into half of the budget, or the share is the least. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "base/rng.h"
#include "collector/budget.h"

static void test_no_limit(void **state)
{
	const struct budget b = { .ratio = 0, .n_cpus = 2 };

	(void)state;
	assert_true(budget_share(&b, 1e9, 1e12) >= 1);
}

static void test_fits(void **state)
{
	struct rng rng;

	(void)state;
	rng_seed(&rng, 1);
	for (int i = 0; i < 10000; i++) {
		const struct budget b = { .ratio = 0.001 + 0.1 * rng_unit(&rng), .n_cpus = 1 + rng_below(&rng, 128) };
		double aim = b.ratio / 2 * b.n_cpus * 1e9, always = 1.5 * aim * rng_unit(&rng), hot = 100 * aim * rng_unit(&rng) * rng_unit(&rng);
		double share = budget_share(&b, always, hot), cost = always + share * hot;

		assert_true(share >= PROBE_SHARE_LEAST && share <= 1);
		if (always + hot <= aim)
			assert_true(share == 1);
		else if (share > PROBE_SHARE_LEAST)
			assert_true(cost <= aim * 1.000001 && cost >= aim * 0.999999);
		else
			assert_true(always + PROBE_SHARE_LEAST * hot >= aim * 0.999999);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_no_limit), cmocka_unit_test(test_fits) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
