/*
 * cotenant replay instance.json plan.json series.json: what the plan would have met in the recorded series, beside what static
 * peaks, a percentile and perfect knowledge would have planned ("Take it to the limit", EuroSys 2021). Exit status 1 when
 * the plan would have broken a capacity.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/opt.h"
#include "planner/instance/json_text.h"
#include "planner/plan.h"
#include "planner/replay.h"
#include "planner/search.h"

#define WORST_SHOWN 10     /* nodes */
#define CAUSES_SHOWN 3     /* services of a node that rose most above what was planned */

static struct {
	uint64_t time_ns, iterations, seed;
	double percentile;
	const char *format;
} values;

#define AT(field) __builtin_offsetof(__typeof__(values), field)

static const struct opt opts[] = {
	{ "time", 't', OPT_DURATION, AT(time_ns), "DURATION", NULL, NULL, "2s", "to plan by each of the other policies" },
	{ "iterations", 'i', OPT_U64, AT(iterations), "N", NULL, NULL, "0", "plan by so many steps instead of a time; same result on any machine" },
	{ "seed", 's', OPT_U64, AT(seed), "N", NULL, NULL, "1", "of the random numbers" },
	{ "percentile", 'p', OPT_RATIO, AT(percentile), "RATIO", "0", "1", "95%", "of the percentile policy" },
	{ "format", 'f', OPT_STR, AT(format), "text|json", NULL, NULL, "text", "of the tables" },
	{ 0 },
};

enum policy { PLAN, PEAK, PERCENTILE, PERFECT, N_POLICIES };
static const char *const policy_names[N_POLICIES] = { "plan", "peak", "percentile", "perfect" };

/* One replay of everything: what is shown. */
struct outcome {
	const struct instance *in;
	const struct series *s;
	struct replay by[N_POLICIES];
	const int32_t *item_node;  /* the plan's */
};

struct cause { uint32_t item; int64_t more; };

static int by_more(const void *a, const void *b)
{
	const struct cause *x = a, *y = b;

	if (x->more != y->more)
		return x->more > y->more ? -1 : 1;
	return (x->item > y->item) - (x->item < y->item);
}

/* Who took more at that moment than was planned for, most first. The caller frees. */
static struct cause *causes(const struct outcome *o, const struct replay_moment *m, uint32_t *n)
{
	const struct instance *in = o->in;
	struct cause *v = mem_alloc(in->n_items, sizeof(*v));
	uint32_t column = series_column(o->s, &in->resources[m->resource], m->slot);

	*n = 0;
	for (uint32_t i = 0; i < in->n_items; i++) {
		int64_t more = series_at(o->s, in, in->item_service[i], m->resource, m->slot) -
			       in->demand[(size_t)in->item_service[i] * in->n_columns + column];

		if (o->item_node[i] == m->node && more > 0)
			v[(*n)++] = (struct cause){ i, more };
	}
	qsort(v, *n, sizeof(*v), by_more);
	*n = *n < CAUSES_SHOWN ? *n : CAUSES_SHOWN;
	return v;
}

static uint32_t worst_count(const struct outcome *o)
{
	uint32_t n = 0;

	while (n < o->by[PLAN].nodes_used && n < WORST_SHOWN && o->by[PLAN].worst[n].load > o->by[PLAN].worst[n].capacity)
		n++;
	return n;
}

static double broken_ratio(const struct replay *r)
{
	return r->node_slots ? (double)r->broken_node_slots / (double)r->node_slots : 0;
}

static void text_worst(const struct outcome *o)
{
	for (uint32_t k = 0; k < worst_count(o); k++) {
		const struct replay_moment *m = &o->by[PLAN].worst[k];
		const struct resource *r = &o->in->resources[m->resource];
		uint32_t n;
		struct cause *v = causes(o, m, &n);

		printf("  node %s: %s at slot %u: %lld of %lld %s", o->in->nodes[m->node].id, r->name, m->slot, (long long)m->load,
		       (long long)m->capacity, r->unit);
		if (isfinite(replay_moment_ratio(m)))
			printf(" (%.1f %%)", replay_moment_ratio(m) * 100);
		for (uint32_t i = 0; i < n; i++)
			printf("%s %s +%lld", i ? "," : "; above plan:", o->in->services[o->in->item_service[v[i].item]].id, (long long)v[i].more);
		putchar('\n');
		free(v);
	}
}

/* The plan beside another policy, in words. */
static void text_compare(const struct outcome *o, enum policy k)
{
	const struct replay *plan = &o->by[PLAN], *other = &o->by[k];

	printf("against %s: %+.10g of cost (%+.1f %%), %.4f instead of %.4f %% of node slots broken\n", policy_names[k], plan->cost - other->cost,
	       other->cost > 0 ? (plan->cost / other->cost - 1) * 100 : 0, broken_ratio(plan) * 100, broken_ratio(other) * 100);
}

static void text(const struct outcome *o)
{
	const struct instance *in = o->in;

	printf("%u slots in the series; %u of %u services are not in it and were replayed as planned\n", o->s->n_slots, o->s->n_missing, in->n_services);
	printf("%-10s %7s %12s %9s %10s %7s %8s", "policy", "nodes", "cost", "unplaced", "broken", "nodes", "longest");
	for (uint32_t r = 0; r < in->n_resources; r++)
		printf("  %.12s mean/peak/lost", in->resources[r].name);
	putchar('\n');
	for (int k = 0; k < N_POLICIES; k++) {
		const struct replay *p = &o->by[k];

		printf("%-10s %7u %12.10g %9u %8.4f %% %7u %8u", policy_names[k], p->nodes_used, p->cost, p->n_unplaced, broken_ratio(p) * 100,
		       p->broken_nodes, p->longest_slots);
		for (uint32_t r = 0; r < in->n_resources; r++)
			printf("  %*.1f/%.1f/%.3f %%", (int)strnlen(in->resources[r].name, 12), p->mean_ratio[r] * 100, p->peak_ratio[r] * 100,
			       p->excess_ratio[r] * 100);
		putchar('\n');
	}
	puts("broken: node x slot with some capacity exceeded; longest: slots in a row; peak: the fleet's busiest slot; lost: demand above capacity");
	for (int k = PEAK; k < N_POLICIES; k++)
		text_compare(o, (enum policy)k);
	text_worst(o);
}

static void json_ratios(const char *key, const double *v, uint32_t n)
{
	printf(",\"%s\":[", key);
	for (uint32_t k = 0; k < n; k++)
		printf("%s%.6g", k ? "," : "", v[k]);
	putchar(']');
}

static void json_policy(const struct instance *in, const char *name, const struct replay *p)
{
	printf("{\"policy\":\"%s\",\"nodes_used\":%u,\"cost\":%.15g,\"unplaced\":%u,\"node_slots\":%llu,\"broken_node_slots\":%llu,"
	       "\"broken_ratio\":%.6g,\"broken_nodes\":%u,\"longest_slots\":%u",
	       name, p->nodes_used, p->cost, p->n_unplaced, (unsigned long long)p->node_slots, (unsigned long long)p->broken_node_slots,
	       broken_ratio(p), p->broken_nodes, p->longest_slots);
	json_ratios("mean_ratio", p->mean_ratio, in->n_resources);
	json_ratios("peak_ratio", p->peak_ratio, in->n_resources);
	json_ratios("excess_ratio", p->excess_ratio, in->n_resources);
	putchar('}');
}

static void json_worst(const struct outcome *o, const struct replay_moment *m)
{
	uint32_t n;
	struct cause *v = causes(o, m, &n);

	printf("{\"node\":");
	json_text(stdout, o->in->nodes[m->node].id);
	printf(",\"resource\":");
	json_text(stdout, o->in->resources[m->resource].name);
	printf(",\"slot\":%u,\"load\":%lld,\"capacity\":%lld,\"above_plan\":[", m->slot, (long long)m->load, (long long)m->capacity);
	for (uint32_t i = 0; i < n; i++) {
		printf("%s{\"service\":", i ? "," : "");
		json_text(stdout, o->in->services[o->in->item_service[v[i].item]].id);
		printf(",\"more\":%lld}", (long long)v[i].more);
	}
	printf("]}");
	free(v);
}

static void json(const struct outcome *o)
{
	printf("{\"slots\":%u,\"missing_services\":%u,\"resources\":[", o->s->n_slots, o->s->n_missing);
	for (uint32_t r = 0; r < o->in->n_resources; r++) {
		fputs(r ? "," : "", stdout);
		json_text(stdout, o->in->resources[r].name);
	}
	puts("],\n\"policies\":[");
	for (int k = 0; k < N_POLICIES; k++) {
		fputs(k ? ",\n" : "", stdout);
		json_policy(o->in, policy_names[k], &o->by[k]);
	}
	puts("],\n\"worst\":[");
	for (uint32_t k = 0; k < worst_count(o); k++) {
		fputs(k ? ",\n" : "", stdout);
		json_worst(o, &o->by[PLAN].worst[k]);
	}
	puts("]}");
}

static int try_policy(struct outcome *o, const char *path, enum policy which, struct err *e)
{
	struct instance *other = instance_read(path, e);
	struct search search = { .seed = values.seed, .max_iterations = UINT64_MAX, .deadline_ns = UINT64_MAX, .threads = 1 };
	struct plan *p;

	if (!other)
		return e->code;
	if (which == PERFECT)
		replay_foresee(other, o->s);
	else
		replay_flatten(other, which == PEAK ? 1 : values.percentile);
	other->max_moves = -1;
	search.in = other;
	if (values.iterations)
		search.max_iterations = values.iterations;
	else
		search.deadline_ns = search_now_ns() + values.time_ns;
	p = plan_new(other);
	portfolio_run(&search, p, false);
	replay_run(&o->by[which], o->in, o->s, p->item_node);
	plan_free(p);
	instance_free(other);
	return 0;
}

static int run(const struct operands *op, struct err *e)
{
	static const struct { const char *name; void (*show)(const struct outcome *o); } formats[] = { { "text", text }, { "json", json } };
	void (*show)(const struct outcome *o) = NULL;
	struct instance *in, *recorded;
	struct plan *p;
	struct series s = { 0 };
	struct outcome o = { .s = &s };
	int status = 0;

	for (size_t k = 0; k < sizeof(formats) / sizeof(formats[0]); k++)
		if (!strcmp(values.format, formats[k].name))
			show = formats[k].show;
	if (!show)
		return err_set(e, -EINVAL, "--format %s: must be text or json", values.format);
	o.in = in = instance_read(op->argv[0], e);
	recorded = in ? instance_read(op->argv[2], e) : NULL;
	p = recorded ? plan_read(in, op->argv[1], e) : NULL;
	if (!p || series_make(&s, in, recorded, e) < 0) {
		status = e->code;
		goto out;
	}
	o.item_node = p->item_node;
	replay_run(&o.by[PLAN], in, &s, p->item_node);
	for (int k = PEAK; k < N_POLICIES && status >= 0; k++)
		status = try_policy(&o, op->argv[0], (enum policy)k, e);
	if (status >= 0) {
		show(&o);
		status = o.by[PLAN].broken_node_slots || o.by[PLAN].n_unplaced ? STATUS_VIOLATIONS : STATUS_DONE;
	}
out:
	for (int k = 0; k < N_POLICIES; k++)
		replay_fini(&o.by[k]);
	series_fini(&s);
	plan_free(p);
	instance_free(recorded);
	instance_free(in);
	return status;
}

const struct verb verb_replay = { .name = "replay", .operands = "INSTANCE.json PLAN.json SERIES.json",
	.summary = "run a plan against other time series and count what breaks",
	.details = "SERIES is an instance with the same services and resources and other curves (docs/replay.md). The plan is shown beside plans made from "
		   "static peaks, a percentile, and perfect knowledge of the series.",
	.opts = opts, .values = &values, .min_operands = 3, .max_operands = 3, .run = run };
