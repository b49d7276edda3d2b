/* Life of an instance, numbering of its columns and items, and its binding to a model: see instance.h. */
#include "planner/instance/instance.h"

#include <stdlib.h>

#include "base/mem.h"
#include "planner/predict.h"

struct instance *instance_new(void)
{
	struct instance *in = mem_alloc(1, sizeof(*in));

	in->n_slots = 1;
	in->max_moves = -1;
	return in;
}

void instance_number(struct instance *in)
{
	uint64_t items = 0;

	in->n_columns = 0;
	for (uint32_t r = 0; r < in->n_resources; r++) {
		in->resources[r].column = in->n_columns;
		in->n_columns += in->resources[r].slots;
	}
	for (uint32_t s = 0; s < in->n_services; s++) {
		in->services[s].first_item = (uint32_t)items;
		items += in->services[s].replicas;
	}
	in->n_items = (uint32_t)items;
	free(in->item_service);
	in->item_service = mem_alloc(items, sizeof(*in->item_service));
	for (uint32_t s = 0; s < in->n_services; s++)
		for (uint32_t r = 0; r < in->services[s].replicas; r++)
			in->item_service[in->services[s].first_item + r] = s;
	if (in->item_node)
		return;
	in->item_node = mem_alloc(items, sizeof(*in->item_node));
	for (uint32_t i = 0; i < in->n_items; i++)
		in->item_node[i] = NO_NODE;
}

uint32_t instance_bind(struct instance *in, const struct model *m)
{
	uint32_t known = 0;

	for (uint32_t s = 0; s < in->n_services; s++) {
		const char *name = in->services[s].profile ? in->services[s].profile : in->services[s].id;

		in->services[s].model_service = m ? model_find_service(m, name) : -1;
		known += in->services[s].model_service >= 0;
	}
	for (uint32_t n = 0; n < in->n_nodes; n++)
		in->nodes[n].model_type = m ? model_find_node_type(m, in->nodes[n].type) : -1;
	return known;
}

static void texts_free(char **v, uint32_t n)
{
	for (uint32_t i = 0; v && i < n; i++)
		free(v[i]);
	free(v);
}

void instance_free(struct instance *in)
{
	if (!in)
		return;
	for (uint32_t i = 0; in->resources && i < in->n_resources; i++) {
		free(in->resources[i].name);
		free(in->resources[i].unit);
	}
	for (uint32_t i = 0; in->nodes && i < in->n_nodes; i++) {
		free(in->nodes[i].id);
		free(in->nodes[i].type);
	}
	for (uint32_t i = 0; in->services && i < in->n_services; i++) {
		free(in->services[i].id);
		free(in->services[i].profile);
		if (in->allow)
			free(in->allow[i]);
	}
	for (uint32_t i = 0; in->label_values && i < in->n_labels; i++)
		texts_free(in->label_values[i], in->label_counts[i]);
	texts_free(in->group_ids, in->n_groups);
	texts_free(in->label_names, in->n_labels);
	free(in->label_values);
	free(in->label_counts);
	free(in->node_label);
	free(in->resources);
	free(in->nodes);
	free(in->services);
	free(in->allow);
	free(in->capacity);
	free(in->soft);
	free(in->demand);
	free(in->item_service);
	free(in->item_node);
	if (in->item_ids)
		texts_free(in->item_ids, in->n_items);
	free(in->caps);
	free(in->nears);
	free(in->spreads);
	free(in->terms);
	free(in->move_pair);
	free(in->name);
	free(in->cost_unit);
	free(in);
}
