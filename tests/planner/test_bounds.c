/*
 * Bounds against a slow twin: every placement of small random instances (nodes of two kinds with costs, one to three columns,
 * anti-affinity, slowdown limits) is tried; no bound may exceed the least cost. Planted cases where one bound is tight and others are not. The
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
#include "planner/model/model.h"
#include "planner/search.h"
#include "planner/solve/fewest/cover.h"

extern const struct bound bound_volume, bound_clique, bound_company, bound_dff, bound_priced;

enum { SERVICES = 7, NODES = 5, COLUMNS = 3, MANNERS = 3, PRESSURES = 2 };

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

/* What each manner exerts on, and takes from, the pressures; the last is the one beside manner 0, which may relieve a little. */
struct taste { double exerts[PRESSURES + 1], takes[PRESSURES + 1]; };

static struct model *model_draw(struct instance *in, struct taste *taste, struct rng *rng)
{
	struct model *m = model_new(MANNERS, 0, PRESSURES + 1);

	for (int p = 0; p <= PRESSURES; p++)
		m->pressures[p] = str_fmt(p < PRESSURES ? "p%d" : MODEL_BESIDE "m0", p);
	m->metric = str_dup("time");
	m->source = str_dup("drawn");
	m->advice = str_dup("");
	m->scores = mem_alloc(1, sizeof(*m->scores));
	for (int i = 0; i < MANNERS; i++) {
		struct response *r = m->responses + i;
		char *name = str_fmt("m%d", i);

		model_name(m, i, name);
		free(name);
		m->services[i].kind = str_dup("linear");
		*r = (struct response){ .known = true, .link = 1 };
		for (int p = 0; p < PRESSURES; p++) {
			taste[i].exerts[p] = r->pressure[p] = rng_unit(rng);
			taste[i].takes[p] = r->sensitivity[p] = rng_unit(rng);
			r->range[p] = 100;
		}
		taste[i].exerts[PRESSURES] = r->pressure[PRESSURES] = i == 0;
		r->range[PRESSURES] = 100;
	}
	for (int i = 0; i < MANNERS; i++)
		taste[i].takes[PRESSURES] = m->responses[i].sensitivity[PRESSURES] =
			-rng_unit(rng) * (taste[0].exerts[0] * taste[i].takes[0] + taste[0].exerts[1] * taste[i].takes[1]);
	for (uint32_t s = 0; s < in->n_services; s++) {
		in->services[s].model_service = (int)rng_below(rng, MANNERS + 1) - 1;
		in->services[s].limit_ratio = rng_below(rng, 4) ? 1 + 2 * rng_unit(rng) : INFINITY;
	}
	for (uint32_t n = 0; n < in->n_nodes; n++)
		in->nodes[n].model_type = -1;
	return m;
}

static bool twin_bears(const struct instance *in, const struct taste *taste, const uint32_t *at, uint32_t victim)
{
	double slowdown = 1;

	for (uint32_t s = 0; s < in->n_services; s++)
		for (int p = 0; p <= PRESSURES && s != victim && at[s] == at[victim] && in->services[s].model_service >= 0; p++)
			slowdown += taste[in->services[victim].model_service].takes[p] * taste[in->services[s].model_service].exerts[p];
	return slowdown <= in->services[victim].limit_ratio + 1e-9;
}

static bool twin_limits_hold(const struct instance *in, const struct taste *taste, const uint32_t *at)
{
	for (uint32_t s = 0; s < in->n_services; s++)
		if (in->services[s].model_service >= 0 && !twin_bears(in, taste, at, s))
			return false;
	return true;
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

/* Least cost of all placements, INFINITY when none is allowed. taste: NULL = no limits. */
static double twin_cost(const struct instance *in, const struct taste *taste)
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
		if (cost < best && twin_allowed(in, at) && (!taste || twin_limits_hold(in, taste, at)))
			best = cost;
		for (s = 0; s < in->n_services && ++at[s] == in->n_nodes; s++)
			at[s] = 0;
	} while (s < in->n_services);
	return best;
}

static double bound_of(const struct bound *b, const struct instance *in, const struct model *model)
{
	struct search s = { .in = in, .model = model, .deadline_ns = UINT64_MAX, .max_iterations = UINT64_MAX, .lower_bound = -INFINITY };

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
		truth = twin_cost(&x.in, NULL);
		if (!isfinite(truth))
			continue;
		volume = bound_of(&bound_volume, &x.in, NULL);
		clique = bound_of(&bound_clique, &x.in, NULL);
		dff = bound_of(&bound_dff, &x.in, NULL);
		priced = bound_of(&bound_priced, &x.in, NULL);
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

static void nor_with_slowdown_limits(void **state)
{
	uint32_t feasible = 0, clique_wins = 0, company_wins = 0, tight = 0;
	struct rng rng;

	(void)state;
	rng_seed(&rng, 32);
	for (int round = 0; round < 600; round++) {
		struct taste taste[MANNERS];
		struct small x;
		struct model *m;
		double truth, volume, clique, company;

		small_draw(&x, &rng);
		for (uint32_t i = 0; i < x.in.n_services * x.in.n_columns; i++)
			x.demand[i] = 1 + x.demand[i] / 4; /* limits decide, mostly */
		m = model_draw(&x.in, taste, &rng);
		truth = twin_cost(&x.in, taste);
		volume = bound_of(&bound_volume, &x.in, m);
		clique = bound_of(&bound_clique, &x.in, m);
		company = bound_of(&bound_company, &x.in, m);
		model_free(m);
		if (!isfinite(truth))
			continue;
		assert_true(clique <= truth && company <= truth);
		feasible++;
		clique_wins += clique > fmax(volume, company);
		company_wins += company > fmax(volume, clique);
		tight += fmax(clique, company) >= truth;
	}
	assert_in_range(feasible, 100, 600);
	assert_in_range(clique_wins, 20, 600);
	assert_in_range(company_wins, 3, 600);
	assert_in_range(tight, 50, 600);
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
		cmocka_unit_test(bounds_never_exceed_the_optimum), cmocka_unit_test(nor_with_slowdown_limits),
		cmocka_unit_test(cover_agrees_with_glpk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
