/*
 * Packing node by node from pools, on planted fleets: every rule and limit holds, the result does not depend on threads, more effort packs
 * better, and a pool gives what is put into it, each once, whatever is taken and given back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "planner/model/model.h"
#include "planner/solve/fleet/fill.h"
#include "planner/solve/fleet/pool.h"
#include "planner/verify/verify.h"
#include "tests/planner/judge.h"
#include "tests/planner/planted.h"

struct filled { int32_t *where; uint32_t nodes; };

/* Judged; the caller frees where. */
static struct filled filled_by(const struct instance *in, const struct model *m, unsigned threads, uint64_t steps)
{
	struct blocks *k = blocks_new(in, m);
	struct fine *f = fine_new(k);
	struct state *st = state_new(in, m);
	struct filled out = { .where = mem_alloc(in->n_items, sizeof(int32_t)) };
	uint32_t *items = mem_alloc(in->n_items, sizeof(*items));
	struct fill x;
	struct rng rng;
	struct plan *p;

	for (uint32_t i = 0; i < in->n_items; i++)
		items[i] = i;
	rng_seed(&rng, 5);
	fill_init(&x, f, threads, steps);
	assert_int_equal(fill_place(&x, st, items, in->n_items, &rng), 0);
	memcpy(out.where, st->item_node, in->n_items * sizeof(int32_t));
	p = judge_placed(in, m, out.where);
	assert_true(judge_holds(p, m));
	out.nodes = p->nodes_used;
	plan_free(p);
	fill_fini(&x);
	free(items);
	state_free(st);
	fine_free(f);
	blocks_free(k);
	return out;
}

static struct instance *fleet(uint32_t services, uint32_t kinds, int32_t **planted)
{
	struct planted_shape shape = { .services = services, .nodes = services / 5, .slots = 4, .resources = 3, .per_node = 8, .spreads = services / 20,
				       .conflicts = services / 10, .fill = 0.98, .kinds = kinds, .seed = 2 };

	return planted_finished(&shape, planted);
}

static void effort_pays(void **unused)
{
	(void)unused;
	for (uint32_t kinds = 1; kinds <= 3; kinds += 2) {
		struct instance *in = fleet(1600, kinds, NULL);
		struct filled little = filled_by(in, NULL, 1, 4), much = filled_by(in, NULL, 1, 800);

		assert_true(much.nodes < little.nodes);
		free(little.where);
		free(much.where);
		instance_free(in);
	}
}

/* Large enough for several pools. */
static void threads_do_not_show(void **unused)
{
	struct instance *in = fleet(36000, 1, NULL);
	struct filled one = filled_by(in, NULL, 1, 10), two = filled_by(in, NULL, 3, 10);

	(void)unused;
	assert_memory_equal(one.where, two.where, in->n_items * sizeof(int32_t));
	free(one.where);
	free(two.where);
	instance_free(in);
}

static void limits_hold(void **unused)
{
	int32_t *planted;
	struct instance *in = fleet(1600, 1, &planted);
	struct model *m = planted_model(in, planted, 20, 1);

	(void)unused;
	instance_bind(in, m);
	free(filled_by(in, m, 2, 100).where);
	free(planted);
	model_free(m);
	instance_free(in);
}

/* What waits, by every way of asking, is what was put in and not taken. */
static void check_pool(const struct pool *p, const bool *waits)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < p->in->n_items; i++)
		n += waits[i];
	assert_int_equal(p->n, n);
	for (uint32_t i = 0; i < p->n; i++)
		assert_true(waits[p->waiting[i]]);
	for (uint32_t s = 0; s < p->in->n_services; s++) {
		uint32_t here = 0;

		for (uint32_t r = 0; r < p->in->services[s].replicas; r++)
			here += waits[p->in->services[s].first_item + r];
		assert_int_equal(p->left[s], here);
	}
	for (uint32_t t = 1; n && t < 2000; t++) { /* leaves, by any row */
		struct rng rng;
		uint32_t first, found;

		rng_seed(&rng, t);
		found = kin_near(p->kin, p->kin->rows + (size_t)(t % p->kin->n) * p->kin->stride, &rng, &first);
		for (uint32_t i = 0; i < found; i++)
			assert_true(p->left[p->kin->service[first + i]] > 0);
	}
}

static void pool_gives_each_once(void **unused)
{
	struct instance *in = fleet(400, 1, NULL);
	struct blocks *k = blocks_new(in, NULL);
	uint32_t *items = mem_alloc(in->n_items, sizeof(*items)), n = 0;
	bool *waits = mem_alloc(in->n_items, sizeof(*waits));
	struct pool *p;
	struct rng rng;

	(void)unused;
	rng_seed(&rng, 9);
	for (uint32_t i = 0; i < in->n_items; i++)
		if (rng_below(&rng, 4)) {
			items[n++] = i;
			waits[i] = true;
		}
	p = pool_new(k, items, n);
	for (uint32_t t = 0; t < 3000; t++) {
		uint32_t item = rng_below(&rng, n);

		if (p->n && rng_below(&rng, 2)) {
			item = pool_take(p, pool_draw(p, &rng));
			assert_true(waits[item]);
			waits[item] = false;
		} else if (!waits[items[item]]) {
			pool_give(p, items[item]);
			waits[items[item]] = true;
		}
		if (t % 500 == 0)
			check_pool(p, waits);
	}
	while (p->n)
		waits[pool_take(p, pool_draw(p, &rng))] = false;
	check_pool(p, waits);
	pool_free(p);
	free(items);
	free(waits);
	blocks_free(k);
	instance_free(in);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(effort_pays),
		cmocka_unit_test(threads_do_not_show),
		cmocka_unit_test(limits_hold),
		cmocka_unit_test(pool_gives_each_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
