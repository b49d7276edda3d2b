/*
 * The plan's own figures in one table, one row per plan.
 */
#include <math.h>

#include "reports/section.h"
#include "reports/sections/load.h"

static const struct column columns[] = {
	{ "plan", "Plan", UNIT_TEXT, NULL },
	{ "nodes_today_count", "Nodes today", UNIT_COUNT, NULL },
	{ "nodes_used_count", "Nodes planned", UNIT_COUNT, NULL },
	{ "unplaced_count", "Unplaced", UNIT_COUNT, "replicas without a place" },
	{ "cost", "Objective", UNIT_NUMBER, NULL },
	{ "lower_bound", "Lower bound", UNIT_NUMBER, "proven" },
	{ "gap_ratio", "Gap", UNIT_RATIO, "(objective − bound) ÷ bound" },
	{ "moves_count", "Moves", UNIT_COUNT, NULL },
	{ "bound_name", "Bound by", UNIT_TEXT, NULL },
	{ "solver", "Found by", UNIT_TEXT, NULL },
	{ "solve_time_ns", "Time", UNIT_NS, NULL },
	{ "seed", "Seed", UNIT_COUNT, NULL },
	{ 0 }
};

static const struct column fill_columns[] = {
	{ "plan", "Plan", UNIT_TEXT, NULL },
	{ "resource", "Resource", UNIT_TEXT, NULL },
	{ "unit", "Unit", UNIT_TEXT, NULL },
	{ "today_ratio", "Today", UNIT_RATIO, "all nodes in use together, busiest time" },
	{ "planned_ratio", "Planned", UNIT_RATIO, "all nodes in use together, busiest time" },
	{ "fullest_ratio", "Fullest node", UNIT_RATIO, "in the plan" },
	{ 0 }
};

static void add_fill(struct table *t, const struct input_plan *ip, const struct load *before, const struct load *after)
{
	const struct instance *in = ip->plan->instance;

	for (uint32_t r = 0; r < in->n_resources; r++) {
		double most = NAN;

		for (uint32_t n = 0; n < in->n_nodes; n++)
			most = fmax(most, load_peak(after, n, r, NULL));
		table_text(t, ip->name);
		table_text(t, in->resources[r].name);
		table_text(t, in->resources[r].unit);
		table_real(t, load_fill(before, r));
		table_real(t, load_fill(after, r));
		table_real(t, most);
	}
}

void build_plan(const struct input *in, struct doc *d, struct doc_section *sec)
{
	struct table *t = table_new("plan", "The plan in figures", in->instance_name, columns);
	struct table *u = table_new("utilisation", "Utilisation by resource, before and after", in->instance_name, fill_columns);

	(void)d;
	for (size_t i = 0; i < in->n_plans; i++) {
		const struct plan *p = in->plans[i].plan;
		struct load *before = load_new(p->instance, p->instance->item_node), *after = load_new(p->instance, p->item_node);

		table_text(t, in->plans[i].name);
		table_int(t, before->used);
		table_int(t, after->used);
		table_int(t, p->instance->n_items - after->placed);
		table_real(t, p->cost);
		table_real(t, p->lower_bound);
		table_real(t, p->gap_ratio);
		table_int(t, p->n_moves);
		table_text(t, p->bound_name);
		table_text(t, p->solver);
		table_int(t, (int64_t)p->solve_time_ns);
		table_int(t, (int64_t)p->seed);
		add_fill(u, &in->plans[i], before, after);
		load_free(before);
		load_free(after);
	}
	section_table_take(sec, u, false);
	section_table_take(sec, t, true);
}
