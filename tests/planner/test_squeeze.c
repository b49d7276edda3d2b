/*
 * Squeezing planted fleets: every rule and limit holds, the result under an iteration budget does not depend on threads, and fewer
 * nodes are needed than the first plan took; the tree of alike services holds each once, and what it gives is nearer than chance.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "planner/model/model.h"
#include "planner/solve/fleet/kin.h"
#include "planner/verify/verify.h"
#include "tests/planner/judge.h"
#include "tests/planner/planted.h"

extern const struct packer packer_greedy, packer_squeeze;

struct squeezed { uint32_t first, last; int32_t *where; bool holds; };

/* The first plan, then squeeze alone; the caller frees where. */
static struct squeezed squeeze(const struct instance *in, const struct model *m, unsigned threads, uint64_t iterations)
{
	struct search s = { .in = in, .model = m, .seed = 3, .deadline_ns = UINT64_MAX, .max_iterations = iterations, .threads = threads,
			    .lower_bound = -INFINITY };
	struct squeezed out = { .where = mem_alloc(in->n_items, sizeof(int32_t)) };
	struct plan *p;

	s.best = incumbent_new(in, false);
	packer_greedy.run(&s);
	search_best(&s, out.where, NULL);
	p = judge_placed(in, m, out.where);
	out.first = p->nodes_used;
	plan_free(p);
	assert_true(packer_squeeze.applies(&s));
	packer_squeeze.run(&s);
	search_best(&s, out.where, NULL);
	p = judge_placed(in, m, out.where);
	out.last = p->nodes_used;
	out.holds = judge_holds(p, m);
	plan_free(p);
	incumbent_free(s.best);
	return out;
}

static struct instance *fleet(uint64_t seed, uint32_t slots, int32_t **planted)
{
	struct planted_shape shape = { .services = 1600, .nodes = 260, .slots = slots, .resources = 3, .per_node = 8, .spreads = 60, .conflicts = 200,
				       .fill = 0.98, .kinds = seed % 2 ? 1 : 3, .seed = seed };

	return planted_finished(&shape, planted);
}

static void fewer_nodes_whatever_the_threads(void **unused)
{
	(void)unused;
	for (uint64_t seed = 1; seed <= 3; seed++) {
		struct instance *in = fleet(seed, 6, NULL);
		struct squeezed one = squeeze(in, NULL, 1, 20000000), two = squeeze(in, NULL, 2, 20000000);

		assert_true(one.holds && two.holds);
		assert_true(one.last < one.first);
		assert_memory_equal(one.where, two.where, in->n_items * sizeof(int32_t));
		free(one.where);
		free(two.where);
		instance_free(in);
	}
}

static void limits_hold_all_the_time(void **unused)
{
	int32_t *planted;
	struct instance *in = fleet(1, 6, &planted);
	struct model *m = planted_model(in, planted, 20, 1);
	struct squeezed x;

	(void)unused;
	instance_bind(in, m);
	x = squeeze(in, m, 2, 5000000);
	assert_true(x.holds);
	assert_true(x.last <= x.first);
	free(x.where);
	free(planted);
	model_free(m);
	instance_free(in);
}

static double distance(const struct blocks *k, const float *a, const float *b)
{
	double sum = 0;

	for (uint32_t i = 0; i < k->n; i++)
		sum += (double)((a[i] - b[i]) * (a[i] - b[i]));
	return sum;
}

static void kin_are_near(void **unused)
{
	struct instance *in = fleet(1, 6, NULL);
	struct blocks *k = blocks_new(in, NULL);
	uint32_t *services = mem_alloc(in->n_services, sizeof(*services));
	struct kin *x;
	bool *seen = mem_alloc(in->n_services, sizeof(*seen));
	double near = 0, any = 0;
	struct rng rng;

	(void)unused;
	for (uint32_t s = 0; s < in->n_services; s++)
		services[s] = s;
	x = kin_new(k, services, in->n_services);
	assert_int_equal(x->n, in->n_services);
	for (uint32_t i = 0; i < x->n; i++) {
		assert_false(seen[x->service[i]]);
		seen[x->service[i]] = true;
	}
	rng_seed(&rng, 1);
	for (uint32_t s = 0; s < in->n_services; s++) {
		const float *row = k->share + (size_t)s * k->stride;
		uint32_t first, n = kin_near(x, row, &rng, &first);

		assert_in_range(n, KIN_LEAF / 2, KIN_LEAF);
		assert_true(first + n <= x->n);
		near += distance(k, row, x->rows + (size_t)(first + rng_below(&rng, n)) * k->stride);
		any += distance(k, row, x->rows + (size_t)rng_below(&rng, x->n) * k->stride);
	}
	assert_true(near < any * 0.8);
	free(seen);
	free(services);
	kin_free(x);
	blocks_free(k);
	instance_free(in);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fewer_nodes_whatever_the_threads), cmocka_unit_test(limits_hold_all_the_time), cmocka_unit_test(kin_are_near),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
