/*
 * Services that the scanner reads whole, straight from the text, against the same services by way of the parser: an escaped letter
 * in the id ("\u0073" for "s") says the same, and is not plain. Amounts likewise, in every form that the scanner leaves to the parser.
 * And what must be refused is refused, whoever meets it first.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "planner/instance/instance.h"

static struct instance *read_text(const char *text, struct err *e)
{
	char path[] = "/tmp/test_scan.XXXXXX";
	int fd = mkstemp(path);
	struct instance *in;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	in = instance_read(path, e);
	unlink(path);
	return in;
}

static struct instance *read_service(const char *id, const char *members, struct err *e)
{
	char *text = str_fmt("{\"slots\":2,\"resources\":[{\"name\":\"cpu\"},{\"name\":\"mem\",\"slots\":1}],\"nodes\":[{\"id\":\"n\",\"count\":3,\"capacity\":{\"cpu\":90,\"mem\":90}}],"
			     "\"services\":[{\"id\":\"other\",\"group\":\"g\",\"demand\":{}},{\"id\":\"%s\",%s}]}", id, members);
	struct instance *in = read_text(text, e);

	free(text);
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

#define HEAD "{\"slots\":3,\"resources\":[{\"name\":\"cpu\"},{\"name\":\"mem\",\"slots\":1}]," \
	     "\"nodes\":[{\"id\":\"n\",\"capacity\":{\"cpu\":[9,8,7],\"mem\":4}}],\"services\":["

static void scanned_amounts_are_parsed_amounts(void **unused)
{
	/* The first is plain; the others say the same in forms that the scanner leaves to the parser, or places elsewhere. */
	static const char *const same[] = {
		"{\"id\":\"s\",\"demand\":{\"cpu\":[1,2,3],\"mem\":4},\"replicas\":1}", "{\"demand\":{\"cpu\":[1,2,3],\"mem\":4},\"id\":\"s\"}",
		"{ \"id\" : \"s\" ,\n\"demand\" : { \"mem\" : 4 , \"cpu\" : [ 1 ,\t2 , 3 ] } }", "{\"id\":\"s\",\"demand\":{\"\\u0063pu\":[1,2,3],\"mem\":4}}",
		"{\"id\":\"s\",\"d\\u0065mand\":{\"cpu\":[1,2,3],\"mem\":4}}", "{\"id\":\"s\",\"demand\":{\"cpu\":[1,2,3],\"mem\":[4]}}",
	};
	static const char *const refused[] = {
		"{\"id\":\"s\",\"demand\":{\"cpu\":[1,2,3],\"mem\":4},\"demand\":{}}", "{\"id\":\"s\",\"demand\":{\"cpu\":[1,2],\"mem\":4}}",
		"{\"id\":\"s\",\"demand\":{\"cpu\":[1,2,3,4]}}", "{\"id\":\"s\",\"demand\":{\"cpu\":[1,,3]}}", "{\"id\":\"s\",\"demand\":{\"cpu\":[01,2,3]}}",
		"{\"id\":\"s\",\"demand\":{\"mem\":1e2}}", "{\"id\":\"s\",\"demand\":{\"mem\":-1}}", "{\"id\":\"s\",\"demand\":{\"gpu\":1}}",
		"{\"id\":\"s\",\"demand\":{\"mem\":1,\"mem\":1}}", "{\"id\":\"s\",\"demand\":{\"mem\":1},}", "{\"id\":\"s\" \"demand\":{\"mem\":1}}",
		"{\"id\":\"s\",\"demand\":{\"mem\":4611686018427387904}}", "{\"id\":\"s\",\"demand\":{\"mem\":1}", "{\"id\":\"s\"}",
		"{\"id\":\"t\",\"demand\":{\"mem\":1}},{\"id\":\"s\"}",
	};
	static const int64_t want[] = { 1, 2, 3, 4 };

	(void)unused;
	for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++) {
		struct err e = { 0 };
		char *text = str_fmt(HEAD "%s]}", same[i]);
		struct instance *in = read_text(text, &e);

		if (!in)
			fail_msg("%s: %s", same[i], e.text);
		assert_memory_equal(in->demand, want, sizeof(want));
		free(text);
		instance_free(in);
	}
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
		struct err e = { 0 };
		char *text = str_fmt(HEAD "%s]}", refused[i]);
		struct instance *in = read_text(text, &e);

		if (in)
			fail_msg("taken: %s", refused[i]);
		assert_true(strlen(e.text) > 10);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scanned_services_are_parsed_services), cmocka_unit_test(both_refuse_the_same),
		cmocka_unit_test(scanned_amounts_are_parsed_amounts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
