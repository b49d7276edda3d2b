/* Every parser of the planner's files, fed with damaged ones (tests/base/mutate.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "planner/import/fleet.h"
#include "planner/import/form.h"
#include "planner/instance/instance.h"
#include "planner/kind.h"
#include "planner/model/coloc.h"
#include "planner/plan.h"
#include "planner/predict.h"
#include "planner/verify/verify.h"
#include "tests/base/mutate.h"

static int refused(const struct err *e)
{
	return e->code ? e->code : -EINVAL;
}

static int take_instance(struct instance *in, const struct err *e)
{
	instance_free(in);
	return in ? 0 : refused(e);
}

static int read_instance(char *const *paths, int n, struct err *e)
{
	(void)n;
	return take_instance(instance_read(paths[0], e), e);
}

static int read_plan(char *const *paths, int n, struct err *e)
{
	struct instance *in = instance_read(paths[0], e);
	struct plan *p = in ? plan_read(in, paths[1], e) : NULL;
	struct verify v;

	(void)n;
	if (p) {
		verify_plan(&v, p, NULL);
		verify_fini(&v);
	}
	plan_free(p);
	instance_free(in);
	return p ? 0 : refused(e);
}

static int read_model(char *const *paths, int n, struct err *e)
{
	struct model *m = model_read(paths[0], e);

	(void)n;
	model_free(m);
	return m ? 0 : refused(e);
}

static int read_colocation(char *const *paths, int n, struct err *e)
{
	struct coloc *c = coloc_read(paths[0], e);

	(void)n;
	coloc_free(c);
	return c ? 0 : refused(e);
}

static int read_vbp(char *const *paths, int n, struct err *e)
{
	char *out = str_fmt("%s.json", paths[0]);
	const struct kind *k = kind_find("vbp", kind_import_name, e);
	int err = k->import(paths, n, out, e);

	unlink(out);
	free(out);
	return err;
}

static int read_roadef(char *const *paths, int n, struct err *e)
{
	return take_instance(form_roadef2012.read(paths, n, e), e);
}

static int read_tianchi(char *const *paths, int n, struct err *e)
{
	return take_instance(form_tianchi2018.read(paths, n, e), e);
}

static int read_fleet(char *const *paths, int n, struct err *e)
{
	(void)n;
	return take_instance(fleet_import(paths[0], e), e);
}

#define INSTANCE "{\"name\":\"t\",\"slots\":3,\"max_moves\":\"50%\",\"percentile\":\"p95\",\"cost_unit\":\"EUR\"," \
	"\"resources\":[{\"name\":\"cpu\",\"unit\":\"mcpu\"},{\"name\":\"mem\",\"slots\":1,\"transient\":true}]," \
	"\"nodes\":[{\"id\":\"n\",\"count\":3,\"type\":\"big\",\"cost\":2,\"capacity\":{\"cpu\":[40,50,60],\"mem\":64},\"soft\":{\"cpu\":30},\"labels\":{\"zone\":\"a\"}}," \
	"{\"id\":\"m\",\"capacity\":{\"cpu\":80,\"mem\":32},\"labels\":{\"zone\":\"b\",\"rack\":\"1\"}}]," \
	"\"services\":[{\"id\":\"s\",\"replicas\":2,\"demand\":{\"cpu\":[1,2,3],\"mem\":{\"p50\":1,\"p95\":7}},\"limit\":{\"ratio\":1.2,\"confidence\":0.9}," \
	"\"current\":[\"n-1\",null],\"nodes\":{\"not\":[\"m\"],\"labels\":{\"zone\":[\"a\"]}},\"spread\":[{\"label\":\"node\",\"min_distinct\":2}],\"move_cost\":3}," \
	"{\"id\":\"u\",\"group\":\"g\",\"profile\":\"p\",\"demand\":{\"cpu\":5},\"max_per_node\":1}]," \
	"\"rules\":[{\"kind\":\"cap\",\"where\":\"s\",\"of\":\"g\",\"at_most\":2},{\"kind\":\"near\",\"group\":\"g\",\"of\":\"s\",\"label\":\"zone\"},{\"kind\":\"apart\",\"a\":\"g\",\"b\":\"g\"}]," \
	"\"objective\":[{\"term\":\"node_cost\",\"weight\":2},{\"term\":\"hinge\",\"resource\":\"cpu\"},{\"term\":\"balance\",\"resource\":\"cpu\",\"resource2\":\"mem\",\"target\":3}]}"

#define CURVE "0.5|1|2.25|0|7|0.5|1|2.25|0|7|0.5|1|2.25|0|7|0.5|1|2.25|0|7|0.5|1|2.25|0|7|0.5|1|2.25|0|7|0.5|1|2.25|0|7|0.5|1|2.25|0|7|0.5|1|2.25|0|7|" \
	"0.5|1|2.25|0|7|0.5|1|2.25|0|7|0.5|1|2.25|0|7|0.5|1|2.25|0|7|0.5|1|2.25|0|7|0.5|1|2.25|0|7|0.5|1|2.25|0|7|0.5|1|2.25|0|7|0.5|1|2.25|0|7|" \
	"0.5|1|2.25|0|7|0.5|1|2.25"

#define FLEET "{\"name\":\"f\",\"percentile\":95,\"nodes\":[{\"id\":\"n\",\"count\":4,\"type\":\"this\",\"cost\":2,\"capacity\":{\"cpu_mcpu\":4000,\"memory_bytes\":9000000000}}]," \
	"\"services\":[{\"id\":\"redis\",\"session\":\"%s/datasets/sessions/redis-writer-batch.db\",\"replicas\":4,\"headroom\":1.2,\"limit\":2.5,\"confidence\":0.9}]}"
static char fleet[8192];         /* FLEET; sessions are named relative to its own folder, so here by the whole path */

static const struct parser parsers[] = {
	{ .name = "instance", .file = { "i.json" }, .text = { INSTANCE }, .read = read_instance, .rounds = 4000 },
	{ .name = "plan", .file = { "i.json", "p.json" }, .read = read_plan,
	  .text = { INSTANCE, "{\"instance\":\"t\",\"cost\":1.5,\"placements\":[{\"service\":\"s\",\"replica\":0,\"node\":\"n-1\"},{\"service\":\"s\",\"replica\":1,\"node\":\"n-2\"},"
	  "{\"service\":\"u\",\"replica\":0,\"node\":\"m\"}],\"move_list\":[{\"service\":\"u\",\"replica\":0,\"from\":null,\"to\":\"m\",\"step\":1,\"detour\":false}]}" } },
	{ .name = "model", .file = { "m.json" }, .read = read_model,
	  .text = { "{\"cotenant_model\":1,\"metric\":\"throughput\",\"source\":\"x\",\"pressures\":[\"cpu\",\"disk\"],\"node_types\":[\"big\"],"
	  "\"held_out\":{\"runs\":8,\"colocations\":6,\"error_ratio\":0.17,\"no_interference_error_ratio\":0.38,\"coverage_at_90_ratio\":1.0},\"services\":[{\"name\":\"a\","
	  "\"kind\":\"linear\",\"runs\":3,\"held_out_error_ratio\":0.15,\"responses\":[{\"link\":1.0,\"pressure\":[0.8,0.5],\"sensitivity\":[0.1,0.2],\"range\":[1.1,1.5],"
	  "\"curves\":[[[0.1,0.2],[0.5,0.9]],[]],\"error_width_ratio\":0.18,\"error_growth_ratio\":0},{\"node_type\":\"big\",\"link\":0.5,\"pressure\":[0.8,0.5],"
	  "\"sensitivity\":[0.1,0.2],\"range\":[1.1,1.5],\"error_width_ratio\":0.18,\"error_growth_ratio\":0}]}],\"scores\":[0.05,0.4],\"score_groups\":2,"
	  "\"held_out_runs\":[{\"victim\":\"a\",\"neighbours\":[\"a\"],\"node_type\":\"big\",\"measured_ratio\":1.4,\"predicted_ratio\":1.5,\"low_ratio\":1,\"high_ratio\":2.5}]}" } },
	{ .name = "colocation CSV", .file = { "c.csv" }, .read = read_colocation,
	  .text = { "victim,neighbours,node_type,metric,alone,shared\na,b;c,big,throughput,100,60.5\na,press-cpu-50,big,throughput,100,70\nb,a;a,big,latency_p99,1.5,1.9\nb,,big,latency,1.5,1.5\n" } },
	{ .name = "colocation JSON", .file = { "c.json" }, .read = read_colocation,
	  .text = { "{\"cotenant_colocation\":1,\"runs\":[{\"victim\":\"a\",\"neighbours\":[\"b\",\"c\"],\"node_type\":\"big\",\"metric\":\"throughput\",\"alone\":100,\"shared\":60.5},"
	  "{\"victim\":\"b\",\"neighbours\":[],\"node_type\":\"big\",\"metric\":\"latency\",\"alone\":1.5,\"shared\":1.5}]}" } },
	{ .name = "vbp", .file = { "v.vbp" }, .text = { "2\n100 80\n4\n10 20 3\n30 5 1\n60 60 2\n1 79 9\n" }, .read = read_vbp },
	{ .name = "roadef2012", .file = { "model", "assignment" }, .read = read_roadef,
	  .text = { "2\n1 100\n0 10\n3\n0 0 30 400 16 80 0 1 4\n0 1 10 240 8 160 1 0 3\n1 1 15 100 12 80 4 3 0\n2\n2 0\n1 1 0\n4\n0 12 10 1000\n0 10 20 100\n1 6 200 1\n1 4 2 7\n1\n0 1 20\n10\n1 10 100\n",
	  "0 1 0 2\n" } },
	{ .name = "tianchi2018", .file = { "app_resources.csv", "machine_resources.csv", "instance_deploy.csv", "app_interference.csv" }, .read = read_tianchi,
	  .text = { "app_1," CURVE "," CURVE ",60,1,0,1\napp_2," CURVE "," CURVE ",40,0,1,0\n", "machine_1,32,64,600,7,3,7\nmachine_2,92,288,1024,7,7,9\n",
	  "inst_1,app_1,machine_1\ninst_2,app_2,\ninst_3,app_1,machine_2\n", "app_1,app_2,1\napp_2,app_2,0\n" }, .rounds = 800 },
	{ .name = "fleet", .file = { "f.json" }, .text = { fleet }, .read = read_fleet, .rounds = 300 },
};

static void fuzz(void **state)
{
	parser_fuzz(*state);
}

int main(void)
{
	struct CMUnitTest tests[sizeof(parsers) / sizeof(parsers[0])] = { 0 };
	char folder[4096];

	snprintf(fleet, sizeof(fleet), FLEET, getcwd(folder, sizeof(folder)));
	for (size_t i = 0; i < sizeof(parsers) / sizeof(parsers[0]); i++)
		tests[i] = (struct CMUnitTest){ .name = parsers[i].name, .test_func = fuzz, .initial_state = (void *)(uintptr_t)&parsers[i] };
	return _cmocka_run_group_tests("fuzz", tests, sizeof(parsers) / sizeof(parsers[0]), NULL, NULL);
}
