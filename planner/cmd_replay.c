/*
 * cotenant replay instance.json plan.json series.json: what the plan would have met in the recorded series, beside what static
 * peaks, a percentile and perfect knowledge would have planned ("Take it to the limit", EuroSys 2021). Exit status 1 when
 * the plan would have broken a capacity.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/opt.h"
#include "planner/plan.h"
#include "planner/replay.h"
#include "planner/search.h"

static struct {
	uint64_t time_ns, seed;
	double percentile;
	const char *format;
} values;

#define AT(field) __builtin_offsetof(__typeof__(values), field)

static const struct opt opts[] = {
	{ "time", 't', OPT_DURATION, AT(time_ns), "DURATION", NULL, NULL, "2s", "to plan by each of the other policies" },
	{ "seed", 's', OPT_U64, AT(seed), "N", NULL, NULL, "1", "of the random numbers" },
	{ "percentile", 'p', OPT_RATIO, AT(percentile), "RATIO", "0", "1", "95%", "of the percentile policy" },
	{ "format", 'f', OPT_STR, AT(format), "text|json", NULL, NULL, "text", "of the table" },
	{ 0 },
};

static void show(const struct instance *in, const char *policy, const struct replay *r, bool json, bool first)
{
	double broken = r->node_slots ? (double)r->broken_node_slots / (double)r->node_slots : 0;

	if (json) {
		printf("%s{\"policy\":\"%s\",\"nodes_used\":%u,\"cost\":%.15g,\"unplaced\":%u,\"broken_node_slots\":%llu,\"broken_ratio\":%.6g,"
		       "\"broken_nodes\":%u,\"mean_ratio\":[", first ? "" : ",\n", policy, r->nodes_used, r->cost, r->n_unplaced,
		       (unsigned long long)r->broken_node_slots, broken, r->broken_nodes);
		for (uint32_t k = 0; k < in->n_resources; k++)
			printf("%s%.6g", k ? "," : "", r->mean_ratio[k]);
		printf(isfinite(r->worst_ratio) ? "],\"worst_ratio\":%.6g}" : "],\"worst_ratio\":null}", r->worst_ratio);
		return;
	}
	printf("%-12s %6u nodes  cost %-10.10g  broken %8.4f %% of node slots on %u nodes", policy, r->nodes_used, r->cost, broken * 100,
	       r->broken_nodes);
	if (r->n_unplaced)
		printf("  (%u unplaced)", r->n_unplaced);
	for (uint32_t k = 0; k < in->n_resources; k++)
		printf("  %s %.1f %%", in->resources[k].name, r->mean_ratio[k] * 100);
	if (r->worst_node >= 0 && r->worst_ratio > 1)
		printf("  worst: %s %s at slot %u, %.0f %% of capacity", in->nodes[r->worst_node].id, in->resources[r->worst_resource].name,
		       r->worst_slot, r->worst_ratio * 100);
	putchar('\n');
}

enum policy { PEAK, PERCENTILE, PERFECT, N_POLICIES };
static const char *const policy_names[N_POLICIES] = { "peak", "percentile", "perfect" };

static int try_policy(const char *path, enum policy which, const struct instance *in, const struct series *s, bool json, struct err *e)
{
	struct instance *other = instance_read(path, e);
	struct search search = { .seed = values.seed, .max_iterations = UINT64_MAX, .threads = 1 };
	struct replay r;
	struct plan *p;

	if (!other)
		return e->code;
	if (which == PERFECT)
		replay_foresee(other, s);
	else
		replay_flatten(other, which == PEAK ? 1 : values.percentile);
	other->max_moves = -1;
	search.in = other;
	search.deadline_ns = search_now_ns() + values.time_ns;
	p = plan_new(other);
	portfolio_run(&search, p, false);
	replay_run(&r, in, s, p->item_node);
	show(in, policy_names[which], &r, json, false);
	free(r.mean_ratio);
	plan_free(p);
	instance_free(other);
	return 0;
}

static int run(const struct operands *op, struct err *e)
{
	bool json = values.format[0] == 'j';
	struct instance *in = instance_read(op->argv[0], e), *recorded = in ? instance_read(op->argv[2], e) : NULL;
	struct plan *p = recorded ? plan_read(in, op->argv[1], e) : NULL;
	struct series s = { 0 };
	struct replay r;
	int status;

	if (!p || series_make(&s, in, recorded, e) < 0) {
		status = e->code;
		goto out;
	}
	if (s.n_missing)
		fprintf(stderr, "%u services are not in the series and are replayed as planned\n", s.n_missing);
	if (json)
		puts("[");
	replay_run(&r, in, &s, p->item_node);
	show(in, "plan", &r, json, true);
	status = r.broken_node_slots || r.n_unplaced ? STATUS_VIOLATIONS : STATUS_DONE;
	free(r.mean_ratio);
	for (int k = 0; k < N_POLICIES; k++) {
		int err = try_policy(op->argv[0], (enum policy)k, in, &s, json, e);

		if (err < 0)
			status = err;
	}
	if (json)
		puts("]");
out:
	series_fini(&s);
	plan_free(p);
	instance_free(recorded);
	instance_free(in);
	return status;
}

const struct verb verb_replay = { .name = "replay", .operands = "INSTANCE.json PLAN.json SERIES.json",
	.summary = "run a plan against other time series and count what breaks",
	.details = "SERIES is an instance with the same services and resources and other curves. The plan is shown beside plans made from "
		   "static peaks, a percentile, and perfect knowledge of the series.",
	.opts = opts, .values = &values, .min_operands = 3, .max_operands = 3, .run = run };
