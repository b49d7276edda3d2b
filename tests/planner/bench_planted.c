/*
 * Writes a seeded fleet as an instance and prints what its planted packing costs:
 *   bench_planted SERVICES NODES SLOTS RESOURCES PER_NODE RULES SEED FILE [CHURN_PERCENT FILE MODEL FILE [KINDS]]
 * The optional ones: the fleet running with P percent of the services not placed; a model of the services, and the fleet with limits
 * under it; how many kinds of nodes. Empty texts leave a file out.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/parse.h"
#include "base/rng.h"
#include "planner/model/model.h"
#include "planner/term.h"
#include "tests/planner/planted.h"

#define FILL 0.995 /* of each planted node in every column: the hardest there is */

/* A running placement of which some services have just arrived anew: the planted one, with P percent not running. */
static int write_churn(struct instance *in, const int32_t *planted, const char *percent, const char *path, uint64_t seed, struct err *e)
{
	uint64_t share;
	struct rng rng;

	if (parse_u64(percent, &share))
		return err_set(e, -1, "%s: not a percentage", percent);
	rng_seed_stream(&rng, seed, 1);
	for (uint32_t i = 0; i < in->n_items; i++)
		in->item_node[i] = rng_below(&rng, 100) < share ? NO_NODE : planted[i];
	return instance_write(in, path, e);
}

static int write_limits(struct instance *in, const int32_t *planted, const char *model, const char *path, uint64_t seed, struct err *e)
{
	struct model *m = planted_model(in, planted, 40, seed);
	int err = model_write(m, model, false, e);

	if (err >= 0)
		err = instance_write(in, path, e);
	for (uint32_t k = 0; k < in->n_services; k++)
		in->services[k].limit_ratio = INFINITY;
	model_free(m);
	return err;
}

int main(int argc, char **argv)
{
	uint64_t v[7] = { 0 }, kinds = 1;
	struct err e = { 0 };
	struct instance *in;
	int32_t *planted;
	int bad = 0;

	if (argc != 9 && argc != 13 && argc != 14)
		return 2;
	for (int i = 0; i < 7; i++)
		bad |= parse_u64(argv[i + 1], &v[i]);
	if (bad || (argc == 14 && parse_u64(argv[13], &kinds)))
		return 2;
	in = planted_new(&(struct planted_shape){ .services = (uint32_t)v[0], .nodes = (uint32_t)v[1], .slots = (uint32_t)v[2], .resources = (uint32_t)v[3],
		.per_node = (uint32_t)v[4], .spreads = (uint32_t)v[5], .conflicts = (uint32_t)v[5], .fill = FILL, .kinds = (uint32_t)kinds, .seed = v[6] }, &planted);
	if (instance_finish(in, &e) < 0 || instance_write(in, argv[8], &e) < 0 ||
	    (argc > 9 && *argv[12] && write_limits(in, planted, argv[11], argv[12], v[6], &e) < 0) ||
	    (argc > 9 && *argv[10] && write_churn(in, planted, argv[9], argv[10], v[6], &e) < 0)) {
		fprintf(stderr, "%s\n", e.text);
		return 1;
	}
	printf("%.0f\n", objective_value(in, NULL, planted));
	free(planted);
	instance_free(in);
	return 0;
}
