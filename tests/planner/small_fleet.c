/* See small_fleet.h. */
#include "tests/planner/small_fleet.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

struct instance *small_fleet_new(struct rng *r, uint32_t slots, const struct term *terms, uint32_t n_terms)
{
	struct instance *in = mem_alloc(1, sizeof(*in));
	uint32_t columns = 2 * slots;

	*in = (struct instance){ .n_resources = 2, .n_slots = slots, .n_columns = columns, .n_nodes = SMALL_FLEET_NODES, .n_services = SMALL_FLEET_ITEMS,
				 .n_items = SMALL_FLEET_ITEMS, .n_groups = SMALL_FLEET_GROUPS, .n_labels = 1, .max_moves = -1, .n_terms = n_terms };
	in->resources = mem_alloc(2, sizeof(*in->resources));
	in->nodes = mem_alloc(SMALL_FLEET_NODES, sizeof(*in->nodes));
	in->services = mem_alloc(SMALL_FLEET_ITEMS, sizeof(*in->services));
	in->node_label = mem_alloc(SMALL_FLEET_NODES, sizeof(uint32_t));
	in->label_counts = mem_alloc(1, sizeof(uint32_t));
	in->label_counts[0] = 3;
	in->label_values = mem_alloc(1, sizeof(char **));
	in->label_values[0] = mem_alloc(3, sizeof(char *));
	in->label_names = mem_alloc(1, sizeof(char *));
	in->group_ids = mem_alloc(SMALL_FLEET_GROUPS, sizeof(char *));
	in->capacity = mem_alloc((size_t)SMALL_FLEET_NODES * columns, sizeof(int64_t));
	in->soft = mem_alloc((size_t)SMALL_FLEET_NODES * columns, sizeof(int64_t));
	in->demand = mem_alloc((size_t)SMALL_FLEET_ITEMS * columns, sizeof(int64_t));
	in->item_service = mem_alloc(SMALL_FLEET_ITEMS, sizeof(uint32_t));
	in->item_node = mem_alloc(SMALL_FLEET_ITEMS, sizeof(int32_t));
	in->move_pair = mem_alloc((size_t)SMALL_FLEET_NODES * SMALL_FLEET_NODES, sizeof(int32_t));
	in->terms = mem_alloc(n_terms, sizeof(*in->terms));
	memcpy(in->terms, terms, n_terms * sizeof(*terms));
	in->caps = mem_alloc(2, sizeof(*in->caps));
	in->caps[in->n_caps++] = (struct rule_cap){ 0, 0, 1 };
	in->caps[in->n_caps++] = (struct rule_cap){ 1, 2, 1 };
	for (uint32_t k = 0; k < 2; k++)
		in->resources[k] = (struct resource){ .slots = slots, .column = k * slots, .transient = k && slots == 1 };
	for (uint32_t m = 0; m < SMALL_FLEET_NODES; m++) {
		in->nodes[m].cost = 1 + m % 2;
		in->node_label[m] = m % 3;
		for (uint32_t c = 0; c < columns; c++) {
			in->capacity[m * columns + c] = 900 + 50 * m;
			in->soft[m * columns + c] = 400;
		}
		for (uint32_t k = 0; k < SMALL_FLEET_NODES; k++)
			in->move_pair[m * SMALL_FLEET_NODES + k] = m == k ? 0 : (int32_t)rng_below(r, 20);
	}
	for (uint32_t i = 0; i < SMALL_FLEET_ITEMS; i++) {
		in->services[i] = (struct service){ .group = i % SMALL_FLEET_GROUPS, .first_item = i, .replicas = 1, .move_cost = 1 + i % 4,
						    .limit_ratio = INFINITY, .model_service = -1 };
		in->item_service[i] = i;
		in->item_node[i] = (int32_t)(i / SMALL_FLEET_GROUPS + i % 2 * 3);
		for (uint32_t c = 0; c < columns; c++)
			in->demand[i * columns + c] = 20 + rng_below(r, 100);
	}
	return in;
}

static int64_t load(const struct instance *in, const int32_t *item_node, int32_t node, uint32_t column, bool transient)
{
	int64_t sum = 0;

	for (uint32_t i = 0; i < in->n_items; i++)
		if (item_node[i] == node || (transient && in->item_node[i] == node))
			sum += in->demand[i * in->n_columns + column];
	return sum;
}

bool small_fleet_capacity_holds(const struct instance *in, const int32_t *item_node)
{
	for (uint32_t m = 0; m < in->n_nodes; m++)
		for (uint32_t r = 0; r < in->n_resources; r++)
			for (uint32_t c = in->resources[r].column; c < in->resources[r].column + in->resources[r].slots; c++)
				if (load(in, item_node, (int32_t)m, c, in->resources[r].transient) > in->capacity[m * in->n_columns + c])
					return false;
	return true;
}

static uint32_t on_node(const struct instance *in, const int32_t *item_node, uint32_t node, uint32_t group)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < in->n_items; i++)
		n += item_node[i] == (int32_t)node && in->services[i].group == group;
	return n;
}

bool small_fleet_caps_hold(const struct instance *in, const int32_t *item_node)
{
	for (uint32_t i = 0; i < in->n_caps; i++)
		for (uint32_t m = 0; m < in->n_nodes; m++)
			if (on_node(in, item_node, m, in->caps[i].a) && on_node(in, item_node, m, in->caps[i].b) > in->caps[i].k)
				return false;
	return true;
}
