/*
 * How full each node is, before and after: stacked by service while the nodes fit on a page, sorted curves for a fleet.
 */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "reports/section.h"
#include "reports/sections/load.h"

#define STACKED_NODES 48u /* more nodes: one curve per resource instead */

static const struct column columns[] = {
	{ "node", "Node", UNIT_TEXT, NULL },
	{ "when", "When", UNIT_TEXT, NULL },
	{ "resource", "Resource", UNIT_TEXT, NULL },
	{ "utilisation_ratio", "Full", UNIT_RATIO, "at the node's busiest time" },
	{ "load", "Load", UNIT_NUMBER, "in the resource's unit, at that time" },
	{ "capacity", "Capacity", UNIT_NUMBER, "in the resource's unit" },
	{ "replicas_count", "Replicas", UNIT_COUNT, NULL },
	{ 0 }
};

static const struct column stack_columns[] = {
	{ "node", "Node", UNIT_TEXT, NULL },
	{ "when", "When", UNIT_TEXT, NULL },
	{ "resource", "Resource", UNIT_TEXT, NULL },
	{ "service", "Service", UNIT_TEXT, NULL },
	{ "share_ratio", "Share of capacity", UNIT_RATIO, "at the node's busiest time" },
	{ "replicas_count", "Replicas", UNIT_COUNT, NULL },
	{ 0 }
};

static const char *const whens[] = { "today", "planned" };

static void add_node(struct table *t, const struct load *l, uint32_t node, const char *when)
{
	for (uint32_t r = 0; r < l->in->n_resources; r++) {
		uint32_t slot = 0;
		double v = load_peak(l, node, r, &slot);
		size_t k = (size_t)node * l->in->n_columns + l->in->resources[r].column + slot;

		table_text(t, l->in->nodes[node].id);
		table_text(t, when);
		table_text(t, l->in->resources[r].name);
		table_real(t, v);
		table_int(t, l->v[k]);
		table_int(t, l->in->capacity[k]);
		table_int(t, l->items[node]);
	}
}

static void add_stack(struct table *t, const struct load *l, uint32_t node, const char *when)
{
	uint32_t *count = mem_alloc(l->in->n_services + 1, sizeof(*count));

	for (uint32_t i = 0; i < l->in->n_items; i++)
		count[l->in->item_service[i]] += l->item_node[i] == (int32_t)node;
	for (uint32_t r = 0; r < l->in->n_resources; r++) {
		uint32_t slot = 0;
		double peak = load_peak(l, node, r, &slot);
		size_t column = l->in->resources[r].column + slot;
		double room = (double)l->in->capacity[(size_t)node * l->in->n_columns + column];

		for (uint32_t s = 0; !isnan(peak) && s < l->in->n_services; s++) {
			if (!count[s])
				continue;
			table_text(t, l->in->nodes[node].id);
			table_text(t, when);
			table_text(t, l->in->resources[r].name);
			table_text(t, l->in->services[s].id);
			table_real(t, (double)count[s] * (double)l->in->demand[(size_t)s * l->in->n_columns + column] / room);
			table_int(t, count[s]);
		}
	}
	free(count);
}

static void build_one(const struct input_plan *ip, size_t at, struct doc_section *sec)
{
	const struct instance *in = ip->plan->instance;
	struct load *loads[2] = { load_new(in, in->item_node), load_new(in, ip->plan->item_node) };
	char *id = at ? str_fmt("nodes@%s", ip->name) : str_dup("nodes"), *stack_id = at ? str_fmt("packing@%s", ip->name) : str_dup("packing");
	struct table *t = table_new(id, "Nodes, before and after", ip->name, columns);
	struct table *u = table_new(stack_id, "Share of each node by service", ip->name, stack_columns);
	bool stacked = loads[0]->used <= STACKED_NODES && loads[1]->used <= STACKED_NODES;
	struct chart c = chart_of(stacked ? CHART_STACK : CHART_FLEET, "Packing, today and planned", stacked ? "full width = the node's capacity" : NULL,
				  stacked ? u : t);

	for (uint32_t n = 0; n < in->n_nodes; n++)
		for (int k = loads[0]->used ? 0 : 1; k < 2; k++)
			if (loads[k]->items[n] || loads[1 - k]->items[n]) {
				add_node(t, loads[k], n, whens[k]);
				if (stacked)
					add_stack(u, loads[k], n, whens[k]);
			}
	c.row = 0, c.panel = 1, c.lane = 2, c.full = 1;
	c.series = stacked ? 3 : 2, c.value = stacked ? 4 : 3;
	section_chart(sec, c);
	section_table_take(sec, t, true);
	if (stacked)
		section_table_take(sec, u, true);
	else
		table_free(u);
	free(id);
	free(stack_id);
	load_free(loads[0]);
	load_free(loads[1]);
}

void build_packing(const struct input *in, struct doc *d, struct doc_section *sec)
{
	(void)d;
	for (size_t i = 0; i < in->n_plans; i++)
		build_one(&in->plans[i], i, sec);
}
