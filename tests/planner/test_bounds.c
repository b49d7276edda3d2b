/*
 * Bounds against a slow twin: every placement of small random instances (nodes of two kinds with costs, one to three columns,
 * anti-affinity) is tried; no bound may exceed the least cost. Planted cases where one bound is tight and others are not. The
 * covering program against GLPK, also after demands have changed and columns have come.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <glpk.h>

#include "base/mem.h"
#include "base/rng.h"
#include "planner/search.h"
#include "planner/solve/cover.h"

extern const struct bound bound_volume, bound_clique, bound_dff, bound_priced;

enum { SERVICES = 7, NODES = 5, COLUMNS = 3 };

struct small {
	struct instance in;
	struct service services[SERVICES];
	struct node nodes[NODES];
	struct rule_cap caps[4];
	uint32_t item_service[SERVICES];
	int32_t item_node[SERVICES];
	int64_t demand[SERVICES * COLUMNS], capacity[NODES * COLUMNS];
};

static void small_draw(struct small *x, struct rng *rng)
{
	struct instance *in = &x->in;

	memset(x, 0, sizeof(*x));
	in->services = x->services;
	in->nodes = x->nodes;
	in->demand = x->demand;
	in->capacity = x->capacity;
	in->caps = x->caps;
	in->item_service = x->item_service;
	in->item_node = x->item_node;
	in->max_moves = -1;
	in->n_columns = 1 + rng_below(rng, COLUMNS);
	in->n_services = in->n_groups = 3 + rng_below(rng, SERVICES - 2);
	in->n_nodes = 3 + rng_below(rng, NODES - 2);
	for (uint32_t n = 0; n < in->n_nodes; n++) {
		bool large = rng_below(rng, 2);

		in->nodes[n].cost = large ? 7 : 4;
		for (uint32_t c = 0; c < in->n_columns; c++)
			in->capacity[n * in->n_columns + c] = large ? 35 : 20;
	}
	for (uint32_t s = 0; s < in->n_services; s++) {
		in->services[s] = (struct service){ .group = s, .replicas = 1, .first_item = in->n_items++, .limit_ratio = INFINITY };
		in->item_service[s] = s;
		for (uint32_t c = 0; c < in->n_columns; c++)
			in->demand[s * in->n_columns + c] = 1 + rng_below(rng, rng_below(rng, 2) ? 20 : 8);
	}
	for (uint32_t r = rng_below(rng, 5); r-- > 0; in->n_caps++)
		in->caps[in->n_caps] = (struct rule_cap){ rng_below(rng, in->n_services), rng_below(rng, in->n_services), 0 };
	for (uint32_t r = 0; r < in->n_caps; r++) {
		if (in->caps[r].a == in->caps[r].b)
			in->caps[r].k = 1;
		if (!rng_below(rng, 3))
			in->services[in->caps[r].a].group = in->caps[r].b;
	}
}

static bool twin_allowed(const struct instance *in, const uint32_t *at)
{
	for (uint32_t n = 0; n < in->n_nodes; n++) {
		for (uint32_t c = 0; c < in->n_columns; c++) {
			int64_t load = 0;

			for (uint32_t s = 0; s < in->n_services; s++)
				load += at[s] == n ? in->demand[s * in->n_columns + c] : 0;
			if (load > in->capacity[n * in->n_columns + c])
				return false;
		}
		for (uint32_t r = 0; r < in->n_caps; r++) {
			uint32_t a = 0, b = 0;

			for (uint32_t s = 0; s < in->n_services; s++) {
				a += at[s] == n && in->services[s].group == in->caps[r].a;
				b += at[s] == n && in->services[s].group == in->caps[r].b;
			}
			if (a && b > in->caps[r].k)
				return false;
		}
	}
	return true;
}

/* Least cost of all placements, INFINITY when none is allowed. */
static double twin_cost(const struct instance *in)
{
	uint32_t at[SERVICES] = { 0 }, s;
	double best = INFINITY;

	do {
		double cost = 0;

		for (uint32_t n = 0; n < in->n_nodes; n++)
			for (s = 0; s < in->n_services; s++)
				if (at[s] == n) {
					cost += (double)in->nodes[n].cost;
					break;
				}
		if (cost < best && twin_allowed(in, at))
			best = cost;
		for (s = 0; s < in->n_services && ++at[s] == in->n_nodes; s++)
			at[s] = 0;
	} while (s < in->n_services);
	return best;
}

static double bound_of(const struct bound *b, const struct instance *in)
{
	struct search s = { .in = in, .deadline_ns = UINT64_MAX, .max_iterations = UINT64_MAX, .lower_bound = -INFINITY };

	return b->applies(&s) ? b->run(&s) : -INFINITY;
}

static void bounds_never_exceed_the_optimum(void **state)
{
	uint32_t feasible = 0, dff_wins = 0, clique_wins = 0, tight = 0, priced_wins = 0;
	struct rng rng;

	(void)state;
	rng_seed(&rng, 31);
	for (int round = 0; round < 400; round++) {
		struct small x;
		double truth, volume, clique, dff, priced;

		small_draw(&x, &rng);
		truth = twin_cost(&x.in);
		if (!isfinite(truth))
			continue;
		volume = bound_of(&bound_volume, &x.in);
		clique = bound_of(&bound_clique, &x.in);
		dff = bound_of(&bound_dff, &x.in);
		priced = bound_of(&bound_priced, &x.in);
		assert_true(volume <= truth && clique <= truth && dff <= truth && priced <= truth);
		priced_wins += priced > fmax(dff, clique);
		assert_true(dff >= volume);
		feasible++;
		dff_wins += dff > volume;
		clique_wins += clique > dff;
		tight += fmax(priced, fmax(dff, clique)) >= truth;
	}
	assert_in_range(feasible, 100, 400);
	assert_in_range(dff_wins, 10, 400);
	assert_in_range(clique_wins, 10, 400);
	assert_in_range(priced_wins, 5, 400);
	assert_in_range(tight, 50, 400);
}

/* 0 = below, 1 = covered exactly once more: a random column. */
static uint32_t column_draw(struct rng *rng, uint32_t rows, uint32_t *out)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < rows && n < 6; i++)
		for (uint32_t k = rng_below(rng, 3) ? 0 : 1 + rng_below(rng, 2); k-- > 0 && n < 6;)
			out[n++] = i;
	return n;
}

static void twin_add(glp_prob *lp, const uint32_t *rows, uint32_t n)
{
	int index[8], j = glp_add_cols(lp, 1), m = 0;
	double many[8];

	for (uint32_t i = 0; i < n; i++) {
		if (!m || index[m] != (int)rows[i] + 1) {
			index[++m] = (int)rows[i] + 1;
			many[m] = 0;
		}
		many[m] += 1;
	}
	glp_set_col_bnds(lp, j, GLP_LO, 0, 0);
	glp_set_obj_coef(lp, j, 1);
	glp_set_mat_col(lp, j, m, index, many);
}

static double twin_solve(glp_prob *lp)
{
	glp_smcp parm;

	glp_init_smcp(&parm);
	parm.msg_lev = GLP_MSG_OFF;
	assert_int_equal(glp_simplex(lp, &parm), 0);
	return glp_get_obj_val(lp);
}

/* The duals are a certificate by themselves: no column costs less than they give, and they add up to the objective. */
static void assert_certified(const struct cover *c)
{
	double sum = 0;

	for (uint32_t j = 0; j < c->n; j++) {
		double worth = 0;

		for (size_t e = c->start[j]; e < c->start[j + 1]; e++)
			worth += c->many[e] * c->dual[c->row[e]];
		assert_true(worth < 1 + 1e-6);
	}
	for (uint32_t i = 0; i < c->rows; i++)
		sum += c->dual[i] * fmax(0, c->demand[i]);
	assert_true(fabs(sum - c->objective) < 1e-6);
}

static void cover_agrees_with_glpk(void **state)
{
	struct rng rng;

	(void)state;
	rng_seed(&rng, 9);
	for (int round = 0; round < 60; round++) {
		uint32_t rows = 2 + rng_below(&rng, 40), list[8];
		double *demand = mem_alloc(rows, sizeof(*demand)), truth;
		glp_prob *lp = glp_create_prob();
		struct cover_basis *root = NULL;
		struct cover *c;

		glp_add_rows(lp, (int)rows);
		for (uint32_t i = 0; i < rows; i++) {
			demand[i] = 1 + rng_below(&rng, 3);
			glp_set_row_bnds(lp, (int)i + 1, GLP_LO, demand[i], 0);
		}
		for (uint32_t i = 0; i < rows; i++)
			twin_add(lp, &i, 1);
		c = cover_new(rows, demand, (uint64_t)round);
		for (int step = 0; step < 12; step++) {
			for (int k = 0; k < 15; k++) {
				uint32_t n = column_draw(&rng, rows, list);

				if (!n)
					continue;
				cover_add(c, list, n);
				twin_add(lp, list, n);
			}
			if (step == 6)
				root = cover_save(c);
			for (int k = 0; step >= 6 && k < 3; k++) {
				uint32_t i = rng_below(&rng, rows);

				cover_demand(c, i, rng_below(&rng, 2));
				glp_set_row_bnds(lp, (int)i + 1, GLP_LO, c->demand[i], 0);
			}
			if (step == 9)
				cover_load(c, root);
			assert_true(cover_solve(c));
			truth = twin_solve(lp);
			assert_true(fabs(c->objective - truth) < 2e-3);
			assert_certified(c);
		}
		cover_trim(c, rows, 10);
		assert_true(cover_solve(c));
		assert_true(fabs(c->objective - truth) < 2e-3);
		cover_basis_free(root);
		cover_free(c);
		glp_delete_prob(lp);
		free(demand);
	}
	glp_free_env();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bounds_never_exceed_the_optimum),
		cmocka_unit_test(cover_agrees_with_glpk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
