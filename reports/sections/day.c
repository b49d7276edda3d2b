/*
 * The plan over the day: fill of the nodes in use by resource and slot, and slot by slot for each node.
 */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "reports/section.h"
#include "reports/sections/load.h"

#define SINGLE_NODES 60u /* more nodes: the sum over nodes only */

static const struct column columns[] = {
	{ "resource", "Resource", UNIT_TEXT, NULL },
	{ "slot", "Slot", UNIT_COUNT, "of the instance's time slots" },
	{ "today_ratio", "Today", UNIT_RATIO, "load ÷ capacity of the nodes in use" },
	{ "planned_ratio", "Planned", UNIT_RATIO, "load ÷ capacity of the nodes in use" },
	{ 0 }
};

static const struct column node_columns[] = {
	{ "node_resource", "Node, resource", UNIT_TEXT, NULL },
	{ "slot", "Slot", UNIT_COUNT, "of the instance's time slots" },
	{ "planned_ratio", "Planned", UNIT_RATIO, "load ÷ capacity" },
	{ 0 }
};

/* Load over capacity of the nodes in use in one slot. */
static double slot_fill(const struct load *l, uint32_t resource, uint32_t slot)
{
	double load = 0, room = 0;

	for (uint32_t n = 0; n < l->in->n_nodes; n++) {
		size_t k = (size_t)n * l->in->n_columns + l->in->resources[resource].column + slot;

		if (!l->items[n])
			continue;
		load += (double)l->v[k];
		room += (double)l->in->capacity[k];
	}
	return room > 0 ? load / room : (double)NAN;
}

static void add_node(struct table *t, const struct load *l, uint32_t node, uint32_t resource)
{
	char *label = str_fmt("%s, %s", l->in->nodes[node].id, l->in->resources[resource].name);

	for (uint32_t s = 0; s < l->in->resources[resource].slots; s++) {
		size_t k = (size_t)node * l->in->n_columns + l->in->resources[resource].column + s;

		table_text(t, label);
		table_int(t, s);
		table_real(t, (double)l->v[k] / (double)l->in->capacity[k]);
	}
	free(label);
}

static void add_resource(struct table *t, struct table *nodes, const struct load *before, const struct load *after, uint32_t r)
{
	if (after->in->resources[r].slots < 2)
		return;
	for (uint32_t s = 0; s < after->in->resources[r].slots; s++) {
		table_text(t, after->in->resources[r].name);
		table_int(t, s);
		table_real(t, slot_fill(before, r, s));
		table_real(t, slot_fill(after, r, s));
	}
	for (uint32_t n = 0; after->used <= SINGLE_NODES && n < after->in->n_nodes; n++)
		if (after->items[n])
			add_node(nodes, after, n, r);
}

void build_day(const struct input *in, struct doc *d, struct doc_section *sec)
{
	(void)d;
	for (size_t i = 0; i < in->n_plans; i++) {
		const struct plan *p = in->plans[i].plan;
		struct load *before = load_new(p->instance, p->instance->item_node), *after = load_new(p->instance, p->item_node);
		char *id = i ? str_fmt("day@%s", in->plans[i].name) : str_dup("day"), *node_id = str_fmt("%s_nodes", id);
		struct table *t = table_new(id, "Nodes in use together, slot by slot", in->plans[i].name, columns);
		struct table *u = table_new(node_id, "Each node, slot by slot", in->plans[i].name, node_columns);
		struct chart c = chart_of(CHART_HEAT, "All nodes in use, planned", "full shade: capacity", t);
		struct chart v = chart_of(CHART_HEAT, "Node by node, planned", "full shade: capacity", u);

		for (uint32_t r = 0; r < p->instance->n_resources; r++)
			add_resource(t, u, before, after, r);
		c.row = 0, c.x = 1, c.value = 3, c.full = 1;
		v.row = 0, v.x = 1, v.value = 2, v.full = 1;
		section_chart(sec, c);
		section_table_take(sec, t, true);
		if (table_rows(u)) {
			section_chart(sec, v);
			section_table_take(sec, u, true);
		} else {
			table_free(u);
		}
		load_free(before);
		load_free(after);
		free(id);
		free(node_id);
	}
}
