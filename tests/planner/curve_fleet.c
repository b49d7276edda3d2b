/* See curve_fleet.h. */
#include "tests/planner/curve_fleet.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"
#include "planner/plan.h"
#include "planner/term.h"
#include "tests/planner/judge.h"
#include "tests/planner/planted.h"

static const struct term cpu_only[] = {
	{ .kind = TERM_NODE_COST, .weight = 1 }, { .kind = TERM_EXPONENTIAL, .resource = 0, .weight = 1, .threshold = 0.5, .scale = 10 },
};
static const struct term two_curves[] = {
	{ .kind = TERM_NODE_COST, .weight = 3 }, { .kind = TERM_EXPONENTIAL, .resource = 1, .weight = 2, .threshold = 0.3, .scale = 4 },
	{ .kind = TERM_HINGE, .resource = 0, .weight = 0.001 }, { .kind = TERM_MOVE, .weight = 0.25 },
};
static const struct term mixed[] = {
	{ .kind = TERM_NODE_COST, .weight = 2 }, { .kind = TERM_EXPONENTIAL, .resource = 1, .weight = 1, .threshold = 0.4, .scale = 6 },
	{ .kind = TERM_BALANCE, .resource = 0, .resource2 = 1, .weight = 0.002, .target = 2 }, { .kind = TERM_SLOWDOWN, .weight = 0.5 },
	{ .kind = TERM_MOVE, .weight = 0.25 }, { .kind = TERM_MOVE_PAIR, .weight = 0.1 },
};
static const struct term slowdown_only[] = { { .kind = TERM_SLOWDOWN, .weight = 1 } };
static const struct term hinge_only[] = { { .kind = TERM_NODE_COST, .weight = 1 }, { .kind = TERM_HINGE, .resource = 1, .weight = 0.01 } };

const struct curve_shape curve_shapes[N_CURVE_SHAPES] = {
	{ 1, cpu_only, 2 }, { 7, two_curves, 4 }, { 24, cpu_only, 2 }, { 24, two_curves, 4 }, { 24, hinge_only, 2 }, { 98, cpu_only, 2 }, { 288, two_curves, 4 },
	{ 24, mixed, 6 }, { 1, mixed, 6 }, { 24, slowdown_only, 1 },
};

/* Two dependencies and a wish for two zones, which the planted packing holds. */
static void add_rules(struct instance *in, const int32_t *planted)
{
	in->nears = mem_alloc(2, sizeof(*in->nears));
	in->nears[in->n_nears++] = (struct rule_near){ in->services[10].group, in->services[11].group, 0 };
	in->nears[in->n_nears++] = (struct rule_near){ in->services[20].group, in->services[21].group, LABEL_NODE };
	assert_int_equal(planted[10], planted[11]);
	for (uint32_t i = 0; i < in->n_spreads; i++)
		in->spreads[i].min_distinct = 2;
}

struct instance *curve_fleet_new(const struct curve_shape *shape, uint64_t seed, int32_t **planted)
{
	struct planted_shape f = { .services = CURVE_FLEET_SERVICES, .nodes = CURVE_FLEET_NODES, .slots = shape->slots, .resources = 2, .per_node = 6,
				   .spreads = 6, .conflicts = 60, .fill = 0.7, .seed = seed };
	struct instance *in = planted_new(&f, planted);

	in->terms = mem_alloc(shape->n_terms, sizeof(*in->terms));
	for (uint32_t i = 0; i < shape->n_terms; i++)
		in->terms[in->n_terms++] = shape->terms[i];
	in->soft = mem_alloc((size_t)CURVE_FLEET_NODES * in->n_columns, sizeof(int64_t));
	for (size_t k = 0; k < (size_t)CURVE_FLEET_NODES * in->n_columns; k++)
		in->soft[k] = 20000 + (int64_t)(k % 5) * 1000;
	for (uint32_t i = 0; i < in->n_items; i += 2)
		in->item_node[i] = (*planted)[i];
	in->move_pair = mem_alloc((size_t)CURVE_FLEET_NODES * CURVE_FLEET_NODES, sizeof(int32_t));
	for (int32_t k = 0; k < CURVE_FLEET_NODES * CURVE_FLEET_NODES; k++)
		in->move_pair[k] = k % (CURVE_FLEET_NODES + 1) ? k % 7 : 0;
	add_rules(in, *planted);
	return in;
}

void assert_curve_holds(const struct instance *in, const struct model *model, const struct curve *c)
{
	int32_t *where = mem_alloc(in->n_items, sizeof(*where));
	struct plan *p;

	for (uint32_t i = 0; i < in->n_items; i++)
		where[i] = c->item_node[i];
	p = judge_placed(in, model, where);
	assert_true(judge_holds(p, model));
	plan_free(p);
	free(where);
}

void assert_curve_costs(const struct instance *in, const struct model *model, struct curve *c)
{
	double exact = objective_value(in, model, c->item_node);

	assert_true(fabs(exact - curve_total(c)) < 1e-4 * fmax(1, exact));
	for (uint32_t m = 0; m < in->n_nodes; m++)
		assert_true(c->coarse_sum[m] <= c->node_sum[m] + 1e-4f * fmaxf(1, c->node_sum[m]));
}
