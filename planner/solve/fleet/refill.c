/*
 * Plans of large fleets by packing everything node by node (fill.c): `fill` once, for a quick answer where nothing runs yet;
 * `refill` anew from the beginning, with as much more effort per node as the budget allows, judged by what the last time has cost.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "planner/search.h"
#include "planner/solve/fleet/fill.h"
#include "planner/term.h"

#define LARGE_TESTS 4000000.0 /* items * nodes from which this beats looking at everything */
#define STEPS_QUICK 24        /* per node: struct slack */
#define TESTS_LEAST 128       /* per item: with less, it could not be done once */
#define STEPS_GROWTH 8.0      /* at most, from one time to the next */
#define BUDGET_KEPT 0.8       /* of what is left, by estimate; the effort per node is not exactly proportional */

static bool is_large(const struct instance *in)
{
	return (double)in->n_items * in->n_nodes > LARGE_TESTS;
}

/* Returns what it has cost. */
static uint64_t place_all(struct search *s, struct fill *x, unsigned stream, const char *solver)
{
	const struct instance *in = s->in;
	struct state *st = state_new(in, s->model);
	uint32_t *items = mem_alloc(in->n_items, sizeof(*items));
	struct rng rng;

	x->tests = 0;
	rng_seed_stream(&rng, s->seed, 77 + stream);
	for (uint32_t i = 0; i < in->n_items; i++)
		items[i] = i;
	fill_place(x, st, items, in->n_items, &rng);
	if (state_whole_ok(st))
		search_offer(s, st->item_node, objective_value(in, s->model, st->item_node), solver);
	free(items);
	state_free(st);
	return x->tests;
}

static void fill_run(struct search *s)
{
	struct blocks *k = blocks_new(s->in, s->model);
	struct fine *f = fine_new(k);
	struct fill x;

	fill_init(&x, f, s->threads, STEPS_QUICK);
	place_all(s, &x, 0, "fill");
	fill_fini(&x);
	fine_free(f);
	blocks_free(k);
}

static bool fill_applies(const struct search *s)
{
	for (uint32_t i = 0; i < s->in->n_items; i++)
		if (s->in->item_node[i] >= 0)
			return false;
	return is_large(s->in);
}

/* What may still be spent over what the last time has cost: in steps where they are counted, else in time. */
static double times_left(const struct search *s, uint64_t spent, uint64_t tests, uint64_t took_ns)
{
	uint64_t now = search_now_ns();

	if (s->max_iterations != UINT64_MAX)
		return s->max_iterations > spent ? (double)(s->max_iterations - spent) / ((double)tests + 1) : 0;
	if (s->deadline_ns == UINT64_MAX)
		return STEPS_GROWTH / BUDGET_KEPT;
	return s->deadline_ns > now ? (double)(s->deadline_ns - now) / ((double)took_ns + 1) : 0;
}

static void refill_run(struct search *s)
{
	struct blocks *k = blocks_new(s->in, s->model);
	struct fine *f = fine_new(k);
	double growth = 1;
	uint64_t spent = 0;
	struct fill x;

	fill_init(&x, f, s->threads, STEPS_QUICK);
	x.deadline_ns = s->deadline_ns;
	for (unsigned r = 1; growth > 0 && !search_done(s, spent); r++) {
		uint64_t start = search_now_ns(), tests = place_all(s, &x, r, "refill");

		spent += tests;
		growth = BUDGET_KEPT * times_left(s, spent, tests, search_now_ns() - start);
		growth = growth > STEPS_GROWTH ? STEPS_GROWTH : growth < 1.5 ? 0 : growth;
		x.steps = (uint64_t)((double)x.steps * growth);
	}
	search_spend(s, spent);
	fill_fini(&x);
	fine_free(f);
	blocks_free(k);
}

static bool refill_applies(const struct search *s)
{
	return is_large(s->in) && s->max_iterations >= (uint64_t)s->in->n_items * TESTS_LEAST && fill_may_repack(s->in);
}

extern const struct packer packer_fill, packer_refill;
const struct packer packer_fill = { .name = "fill", .help = "node by node, from a pool of what waits (large fleets)",
	.applies = fill_applies, .run = fill_run };
const struct packer packer_refill = { .name = "refill", .help = "the same anew, with all the effort that the budget allows",
	.applies = refill_applies, .run = refill_run, .share = 0.6 };
