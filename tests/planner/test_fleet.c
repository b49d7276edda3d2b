/* Recorded sessions become demand: percentiles, headroom, capacities, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collector/store.h"
#include "planner/import/fleet.h"

#define SECOND 1000000000ull

/* Ten intervals of one second: web uses 100, 200 … 1000 mcpu; memory and disk were not measured. */
static void session_make(void)
{
	static const struct session_service service = { (char *)"web", (char *)"cgroup:/web", CULPRIT_SERVICE };
	struct err e = { 0 };
	struct store *s;

	assert_int_equal(store_create("s.db", &s, &e), 0);
	assert_int_equal(store_fact(s, "n_cpus", "4", &e), 0);
	assert_int_equal(store_service(s, 0, &service, &e), 0);
	for (uint64_t i = 0; i < 10; i++) {
		struct session_interval span = { .start_ns = i * SECOND, .end_ns = (i + 1) * SECOND };
		int64_t values[N_METRICS];

		for (size_t m = 0; m < N_METRICS; m++)
			values[m] = SESSION_ABSENT;
		values[METRIC_CPU_ON] = (int64_t)((i + 1) * 100000000);
		assert_int_equal(store_begin(s, &e), 0);
		assert_int_equal(store_sample(s, 0, values, &e), 0);
		assert_int_equal(store_commit(s, &span, &e), 0);
	}
	assert_int_equal(store_close(s, &e), 0);
}

static struct instance *import(const char *text, struct err *e)
{
	FILE *f = fopen("f.json", "w");

	fputs(text, f);
	fclose(f);
	*e = (struct err){ 0 };
	return fleet_import("f.json", e);
}

static void demand_is_the_percentile_with_headroom(void **state)
{
	struct err e;
	struct instance *in = import("{\"percentile\":90,\"nodes\":[{\"id\":\"n\",\"count\":3,\"like\":\"s.db\"}],\"services\":["
				     "{\"id\":\"front\",\"session\":\"s.db\",\"service\":\"web\",\"replicas\":5,\"headroom\":1.5,\"limit\":1.2}]}", &e);

	(void)state;
	if (!in)
		fail_msg("%s", e.text);
	assert_int_equal(in->n_nodes, 3);
	assert_string_equal(in->nodes[2].id, "n-3");
	assert_int_equal(in->n_items, 5);
	assert_int_equal(in->n_resources, 1);
	assert_string_equal(in->resources[0].name, "cpu_mcpu");
	assert_int_equal(in->capacity[0], 4000);
	assert_int_equal(in->demand[0], 1350); /* nine of ten intervals use at most 900 */
	assert_string_equal(in->services[0].profile, "web");
	assert_true(in->services[0].limit_ratio == 1.2);
	instance_free(in);
}

static void refuses_with_the_place(void **state)
{
	static const struct { const char *text, *says; } bad[] = {
		{ "{\"nodes\":[],\"services\":[]}", "nodes: needs at least one node" },
		{ "{\"nodes\":[{\"id\":\"n\"}],\"services\":[{\"id\":\"web\",\"session\":\"s.db\"}]}", "no resource has a capacity" },
		{ "{\"nodes\":[{\"id\":\"n\",\"like\":\"s.db\"}],\"services\":[{\"id\":\"db\",\"session\":\"s.db\"}]}", "has no service \"db\"" },
		{ "{\"nodes\":[{\"id\":\"n\",\"like\":\"none.db\"}],\"services\":[]}", "none.db" },
		{ "{\"nodes\":[{\"id\":\"n\",\"capacity\":{\"memory_bytes\":5}}],\"services\":[{\"id\":\"web\",\"session\":\"s.db\"}]}", "did not measure memory_bytes" },
		{ "{\"nodes\":[{\"id\":\"n\",\"capacity\":{\"cpu_mcpu\":-1}}],\"services\":[]}", "nodes[0].capacity.cpu_mcpu" },
		{ "{\"nodes\":[{\"id\":\"n\",\"like\":\"s.db\"}],\"services\":[{\"id\":\"web\",\"session\":\"s.db\",\"limit\":0.5}]}", "services[0].limit" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct err e;
		struct instance *in = import(bad[i].text, &e);

		assert_null(in);
		if (!strstr(e.text, bad[i].says))
			fail_msg("%s\nsays \"%s\"", bad[i].text, e.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(demand_is_the_percentile_with_headroom), cmocka_unit_test(refuses_with_the_place) };
	char folder[] = "/tmp/cotenant-fleet-XXXXXX";
	int failed;

	if (!mkdtemp(folder) || chdir(folder))
		return 1;
	session_make();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink("s.db");
	unlink("f.json");
	rmdir(folder);
	return failed;
}
