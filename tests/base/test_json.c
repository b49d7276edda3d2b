/* Messages of the strict JSON reader: file, path, what was wrong, what was likely meant. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "base/json.h"

static json_t *parse(const char *text)
{
	struct err e = { 0 };
	json_t *root = NULL;

	assert_int_equal(json_parse("f.json", text, strlen(text), &root, &e), 0);
	return root;
}

static void names_line_and_column(void **state)
{
	struct err e = { 0 };
	json_t *root;

	(void)state;
	assert_int_equal(json_parse("f.json", "{\n \"a\": ,}", 10, &root, &e), -EINVAL);
	assert_non_null(strstr(e.text, "f.json: line 2"));
	assert_int_equal(json_parse("f.json", "{\"a\":1,\"a\":2}", 13, &root, &e), -EINVAL);
	assert_non_null(strstr(e.text, "duplicate"));
	assert_int_equal(json_parse("f.json", "{} x", 4, &root, &e), -EINVAL);
	assert_int_equal(json_parse("f.json", "", 0, &root, &e), -EINVAL);
	assert_int_equal(json_parse("f.json", "{\"a\":1e999}", 11, &root, &e), -EINVAL);
}

static void names_the_path(void **state)
{
	json_t *root = parse("{\"services\":[{},{\"demand\":{\"cpu_mcpu\":-5}}]}");
	struct json_at at = { .value = root, .file = "f.json" }, services = json_key(&at, "services"),
		       one = json_item(&services, 1), demand = json_key(&one, "demand");
	struct err e = { 0 };
	int64_t v = 7;

	(void)state;
	assert_int_equal(json_get_i64(&demand, "cpu_mcpu", true, 0, 100, &v, &e), -EINVAL);
	assert_string_equal(e.text, "f.json: services[1].demand.cpu_mcpu: must be an integer from 0 to 100, got -5");
	assert_int_equal(v, 7);
	assert_int_equal(json_get_i64(&demand, "absent", false, 0, 100, &v, &e), 0);
	assert_int_equal(v, 7);
	assert_int_equal(json_get_i64(&demand, "absent", true, 0, 100, &v, &e), -EINVAL);
	assert_non_null(strstr(e.text, "services[1].demand.absent: is missing"));
	json_decref(root);
}

static void suggests_known_fields(void **state)
{
	static const char *const keys[] = { "replicas", "demand", NULL };
	json_t *root = parse("{\"replcas\":1}");
	struct json_at at = { .value = root, .file = "f.json" };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(json_only(&at, keys, &e), -EINVAL);
	assert_non_null(strstr(e.text, "did you mean \"replicas\"?"));
	json_decref(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_line_and_column), cmocka_unit_test(names_the_path), cmocka_unit_test(suggests_known_fields),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
