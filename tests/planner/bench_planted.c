/* Writes a seeded fleet as an instance: bench_planted SERVICES NODES SLOTS RESOURCES PER_NODE RULES SEED FILE
 * [CHURN_PERCENT FILE [MODEL FILE]]. The last two: the model of the services, and the fleet with limits under it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/parse.h"
#include "base/rng.h"
#include "planner/model/model.h"
#include "tests/planner/planted.h"

/* A running placement of which some services have just arrived anew: the planted one, with P percent not running. */
static void churn(struct instance *in, const int32_t *planted, uint64_t percent, uint64_t seed)
{
	struct rng rng;

	rng_seed_stream(&rng, seed, 1);
	for (uint32_t i = 0; i < in->n_items; i++)
		in->item_node[i] = rng_below(&rng, 100) < percent ? NO_NODE : planted[i];
}

int main(int argc, char **argv)
{
	uint64_t v[7] = { 0 }, percent = 0;
	struct err e = { 0 };
	struct instance *in;
	int32_t *planted;
	int bad = 0;

	if (argc != 9 && argc != 11 && argc != 13)
		return 2;
	for (int i = 0; i < 7; i++)
		bad |= parse_u64(argv[i + 1], &v[i]);
	if (bad || (argc >= 11 && parse_u64(argv[9], &percent)))
		return 2;
	in = planted_new(&(struct planted_shape){ .services = (uint32_t)v[0], .nodes = (uint32_t)v[1], .slots = (uint32_t)v[2], .resources = (uint32_t)v[3],
		.per_node = (uint32_t)v[4], .spreads = (uint32_t)v[5], .conflicts = (uint32_t)v[5], .fill = 0.995, .seed = v[6] }, &planted);
	if (instance_finish(in, &e) < 0 || instance_write(in, argv[8], &e) < 0) {
		fprintf(stderr, "%s\n", e.text);
		return 1;
	}
	if (argc == 13) {
		struct model *m = planted_model(in, planted, 40, v[6]);

		if (model_write(m, argv[11], false, &e) < 0 || instance_write(in, argv[12], &e) < 0) {
			fprintf(stderr, "%s\n", e.text);
			return 1;
		}
		model_free(m);
		for (uint32_t k = 0; k < in->n_services; k++)
			in->services[k].limit_ratio = INFINITY;
	}
	if (argc >= 11) {
		churn(in, planted, percent, v[6]);
		if (instance_write(in, argv[10], &e) < 0) {
			fprintf(stderr, "%s\n", e.text);
			return 1;
		}
	}
	free(planted);
	instance_free(in);
	return 0;
}
