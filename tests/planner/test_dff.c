/*
 * The dual feasible functions' bound, which sums sizes by stretches, against a twin that applies the functions to every size, one by
 * one, for every edge and every k (Fekete & Schepers 2001: f, then u).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/rng.h"
#include "planner/search.h"

extern const struct bound bound_dff;

enum { SERVICES = 60, NODES = 80, K_LAST = 16, ROUNDS = 400 };

/* One column, one kind of node of cost 1: the bound is a plain ratio of weights. */
struct fleet { struct instance in; struct service services[SERVICES]; struct node nodes[NODES]; int64_t demand[SERVICES], capacity[NODES]; };

static void draw(struct fleet *f, struct rng *rng)
{
	int64_t c = 2 + rng_below(rng, rng_below(rng, 3) ? 40 : 1000000);
	int64_t most = 1 + rng_below(rng, (uint32_t)c), least = rng_below(rng, (uint32_t)most);

	*f = (struct fleet){ .in = { .n_slots = 1, .n_columns = 1, .n_services = SERVICES, .n_groups = SERVICES, .n_items = SERVICES, .n_nodes = NODES, .max_moves = -1 } };
	f->in.services = f->services;
	f->in.nodes = f->nodes;
	f->in.demand = f->demand;
	f->in.capacity = f->capacity;
	for (uint32_t s = 0; s < SERVICES; s++) {
		f->services[s] = (struct service){ .group = s, .replicas = 1, .first_item = s };
		f->demand[s] = least + rng_below(rng, (uint32_t)(most - least + 1));
	}
	for (uint32_t n = 0; n < NODES; n++) {
		f->nodes[n].cost = 1;
		f->capacity[n] = c;
	}
}

/* Share of a node that a size counts for; in units of 1 / (k (k + 1) c), or 1 / c for k = 0. */
static int64_t weight(int64_t x, int64_t c, int64_t e, int64_t k)
{
	int64_t f = x > c - e ? c : x < e ? 0 : x;

	if (!k)
		return f;
	return (k + 1) * f % c ? (k + 1) * f / c * (k + 1) * c : k * (k + 1) * f;
}

static int64_t twin(const struct fleet *f)
{
	int64_t c = f->capacity[0], best = 0;

	for (uint32_t edge = 0; edge <= SERVICES; edge++) {
		int64_t e = edge < SERVICES ? f->demand[edge] : 0;

		for (int64_t k = 0; k <= K_LAST && e <= c / 2; k++) {
			int64_t sum = 0, whole = k ? k * (k + 1) * c : c;

			for (uint32_t s = 0; s < SERVICES; s++)
				sum += weight(f->demand[s], c, e, k);
			best = (sum + whole - 1) / whole > best ? (sum + whole - 1) / whole : best;
		}
	}
	return best;
}

static void sums_by_stretches_are_sums_one_by_one(void **unused)
{
	struct fleet *f = mem_alloc(1, sizeof(*f));
	uint32_t above_volume = 0;
	struct rng rng;

	(void)unused;
	rng_seed(&rng, 11);
	for (uint32_t round = 0; round < ROUNDS; round++) {
		struct search s = { .deadline_ns = UINT64_MAX, .max_iterations = UINT64_MAX, .lower_bound = -INFINITY };
		int64_t sum = 0, want;

		draw(f, &rng);
		s.in = &f->in;
		s.best = incumbent_new(&f->in, false);
		want = twin(f);
		for (uint32_t k = 0; k < SERVICES; k++)
			sum += f->demand[k];
		above_volume += want > (sum + f->capacity[0] - 1) / f->capacity[0];
		if ((int64_t)bound_dff.run(&s) != want)
			fail_msg("round %u: the bound says %g, one by one %lld", round, bound_dff.run(&s), (long long)want);
		incumbent_free(s.best);
	}
	assert_in_range(above_volume, ROUNDS / 4, ROUNDS);
	free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(sums_by_stretches_are_sums_one_by_one) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
