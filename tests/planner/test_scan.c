/*
 * Services that the scanner reads whole, straight from the text, against the same services by way of the parser: an escaped letter
 * in the id ("\u0073" for "s") says the same, and is not plain. And what must be refused is refused, whoever meets it first.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "planner/instance.h"

static struct instance *read_service(const char *id, const char *members, struct err *e)
{
	char path[] = "/tmp/test_scan.XXXXXX";
	int fd = mkstemp(path);
	FILE *f = fdopen(fd, "w");
	struct instance *in;

	fprintf(f, "{\"slots\":2,\"resources\":[{\"name\":\"cpu\"},{\"name\":\"mem\",\"slots\":1}],\"nodes\":[{\"id\":\"n\",\"count\":3,\"capacity\":{\"cpu\":90,\"mem\":90}}],"
		   "\"services\":[{\"id\":\"other\",\"group\":\"g\",\"demand\":{}},{\"id\":\"%s\",%s}]}", id, members);
	fclose(f);
	in = instance_read(path, e);
	unlink(path);
	return in;
}

static void same(const char *members, const struct instance *a, const struct instance *b)
{
	const struct service *x = &a->services[1], *y = &b->services[1];

	if (strcmp(x->id, y->id) || x->group != y->group || x->replicas != y->replicas || x->first_item != y->first_item || x->move_cost != y->move_cost ||
	    memcmp(&x->limit_ratio, &y->limit_ratio, sizeof(double)) || memcmp(&x->limit_confidence, &y->limit_confidence, sizeof(double)) ||
	    strcmp(x->profile ? x->profile : "", y->profile ? y->profile : "") || a->n_items != b->n_items || a->n_groups != b->n_groups ||
	    memcmp(a->item_node, b->item_node, a->n_items * sizeof(int32_t)) || memcmp(a->demand, b->demand, 2 * a->n_columns * sizeof(int64_t)))
		fail_msg("read in two ways: %s", members);
}

static void scanned_services_are_parsed_services(void **unused)
{
	static const char *const plain[] = {
		"\"demand\":{\"cpu\":[1,2],\"mem\":3}",
		"\"replicas\":7,\"move_cost\":12, \"demand\" : { \"cpu\" : 5 } ",
		"\"demand\":{},\"group\":\"g\",\"profile\":\"redis\"",
		"\"demand\":{\"mem\":9},\"limit\":1.25",
		"\"demand\":{\"mem\":9},\"limit\":{\"ratio\":1.1000000000000001,\"confidence\":0.95}",
		"\"demand\":{\"mem\":9},\"limit\":{\"confidence\":0,\"ratio\":3}",
		"\"current\":\"n-2\",\"demand\":{\"cpu\":1}",
		"\"current\":[\"n-3\"],\"demand\":{\"cpu\":1}",
		/* these are not plain, and say something all the same */
		"\"replicas\":2,\"current\":[\"n-3\",null],\"demand\":{\"cpu\":1}",
		"\"limit\":12e-1,\"demand\":{\"cpu\":1}",
		"\"replica_ids\":[\"x\"],\"demand\":{\"cpu\":1}",
		"\"nodes\":{\"only\":[\"n-1\"]},\"demand\":{\"cpu\":1}",
		"\"group\":\"\",\"demand\":{\"cpu\":1}",
		"\"profile\":null,\"demand\":{\"cpu\":1}",
	};

	(void)unused;
	for (size_t k = 0; k < sizeof(plain) / sizeof(*plain); k++) {
		struct err e = { 0 };
		struct instance *a = read_service("s", plain[k], &e), *b = read_service("\\u0073", plain[k], &e);

		if (!a || !b)
			fail_msg("%s: %s", plain[k], e.text);
		same(plain[k], a, b);
		instance_free(a);
		instance_free(b);
	}
}

static void both_refuse_the_same(void **unused)
{
	static const char *const wrong[] = {
		"\"demand\":{\"cpu\":[1]}", "\"demand\":{\"gpu\":1}", "\"demand\":{\"cpu\":-1}", "\"demand\":{\"cpu\":1.5}", "\"demand\":{\"cpu\":1,\"cpu\":2}",
		"\"demand\":{},\"replicas\":0", "\"demand\":{},\"replicas\":2.0", "\"demand\":{},\"replicas\":\"2\"", "\"demand\":{},\"replicas\":01",
		"\"demand\":{},\"replicas\":1000001", "\"demand\":{},\"limit\":0.9", "\"demand\":{},\"limit\":1.", "\"demand\":{},\"limit\":{}",
		"\"demand\":{},\"limit\":{\"ratio\":1.5,\"confidence\":1}", "\"demand\":{},\"limit\":{\"ratio\":1.5,\"ratio\":1.5}",
		"\"demand\":{},\"current\":\"nowhere\"", "\"demand\":{},\"current\":[\"n-1\",\"n-2\"]", "\"demand\":{},\"unknown\":1",
		"\"demand\":{},\"demand\":{}", "\"demand\":{}\"move_cost\":1", "\"demand\":{},", "\"demand\":{},\"id\":\"t\"", "\"demand\":{},\"move_cost\":1 2",
		"\"demand\":{},\"group\":\"\x01\"", "\"demand\":{},\"group\":\"\xff\"",
	};

	(void)unused;
	for (size_t k = 0; k < sizeof(wrong) / sizeof(*wrong); k++) {
		struct err plain = { 0 }, parsed = { 0 };

		if (read_service("s", wrong[k], &plain) || read_service("\\u0073", wrong[k], &parsed))
			fail_msg("taken: %s", wrong[k]);
		assert_true(strlen(plain.text) > 10 && strlen(parsed.text) > 10);
	}
	for (int k = 0; k < 2; k++) {
		struct err e = { 0 };

		if (read_service(k ? "othe\\u0072" : "other", "\"demand\":{}", &e))
			fail_msg("an id used twice was taken");
		assert_non_null(strstr(e.text, "\"other\""));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(scanned_services_are_parsed_services), cmocka_unit_test(both_refuse_the_same) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
