/* The option table: values, defaults, bounds, choices, operands, "--", and the messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/opt.h"

static struct values {
	bool json;
	const char *format;
	uint64_t interval_ns, n;
	double budget_ratio;
	struct opt_list select;
} values;

#define AT(field) offsetof(struct values, field)

static const struct opt rows[] = {
	{ "json", 0, OPT_FLAG, AT(json), NULL, NULL, NULL, NULL, "as JSON" },
	{ "format", 'f', OPT_STR, AT(format), "text|html|json", NULL, NULL, "text", "form" },
	{ "interval", 'i', OPT_DURATION, AT(interval_ns), "TIME", "100ms", "1h", "1s", "one sample" },
	{ "count", 'n', OPT_U64, AT(n), "N", "1", "10", NULL, "how many" },
	{ "budget", 0, OPT_RATIO, AT(budget_ratio), "SHARE", "0%", "100%", "1%", "own cost" },
	{ "select", 's', OPT_LIST, AT(select), "NAME=SELECTOR", NULL, NULL, NULL, "which" },
	{ 0 },
};

static const struct verb verb = { .name = "try", .operands = "FILE", .summary = "Try", .opts = rows, .values = &values,
				  .min_operands = 0, .max_operands = 2 };

static int parse(struct operands *op, struct err *e, int argc, const char *const *argv)
{
	static char *copy[16];

	free(values.select.v);
	memset(&values, 0, sizeof(values));
	for (int i = 0; i < argc; i++)
		copy[i] = (char *)(uintptr_t)argv[i];
	*e = (struct err){ 0 };
	return opt_parse(&verb, argc, copy, op, e);
}

#define PARSE(...) parse(&op, &e, sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *), (const char *const[]){ __VA_ARGS__ })

static void takes_every_form(void **state)
{
	struct operands op;
	struct err e;

	(void)state;
	assert_int_equal(PARSE("a.db", "--json", "-fhtml", "--interval=250ms", "-s", "x=1", "--select", "y=2", "b.db", "--", "cmd", "-x"), 0);
	assert_true(values.json);
	assert_string_equal(values.format, "html");
	assert_int_equal(values.interval_ns, 250000000);
	assert_int_equal(values.select.n, 2);
	assert_string_equal(values.select.v[1], "y=2");
	assert_true(values.budget_ratio > 0.0099 && values.budget_ratio < 0.0101);
	assert_int_equal(op.argc, 2);
	assert_string_equal(op.argv[1], "b.db");
	assert_int_equal(op.nrest, 2);
	assert_string_equal(op.rest[1], "-x");
	assert_int_equal(PARSE("--help"), 1);
}

static void refuses_with_one_message(void **state)
{
	struct operands op;
	struct err e;

	(void)state;
	assert_int_equal(PARSE("--interval", "10ms"), -EINVAL);
	assert_string_equal(e.text, "--interval 10ms: must be at least 100ms");
	assert_int_equal(PARSE("--count", "11"), -EINVAL);
	assert_string_equal(e.text, "--count 11: must be at most 10");
	assert_int_equal(PARSE("--count", "ten"), -EINVAL);
	assert_int_equal(PARSE("--count", "99999999999999999999"), -EINVAL);
	assert_int_equal(PARSE("--count"), -EINVAL);
	assert_int_equal(PARSE("--json=1"), -EINVAL);
	assert_int_equal(PARSE("--formt", "x"), -EINVAL);
	assert_int_equal(PARSE("-f", "htm"), -EINVAL);
	assert_string_equal(e.text, "--format htm: must be one of text|html|json");
	assert_int_equal(PARSE("a", "b", "c"), -EINVAL);
	assert_int_equal(PARSE("--budget", "101%"), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(takes_every_form), cmocka_unit_test(refuses_with_one_message) };

	opt_check(&verb);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
