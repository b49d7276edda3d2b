/* Instances of identical nodes, made by hand: see small_pack.h. */
#include "tests/planner/small_pack.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

struct instance *small_new(uint32_t services, uint32_t columns, int64_t capacity)
{
	struct instance *in = mem_alloc(1, sizeof(*in));

	in->n_columns = in->n_resources = columns;
	in->n_services = services;
	in->max_moves = -1;
	in->services = mem_alloc(services, sizeof(*in->services));
	in->demand = mem_alloc((size_t)services * columns, sizeof(int64_t));
	for (uint32_t s = 0; s < services; s++)
		in->services[s].limit_ratio = INFINITY;
	in->n_nodes = 1;
	in->nodes = mem_alloc(1, sizeof(*in->nodes));
	in->nodes[0].cost = 1;
	in->capacity = mem_alloc(columns, sizeof(int64_t));
	for (uint32_t c = 0; c < columns; c++)
		in->capacity[c] = capacity;
	return in;
}

/* Number the items; there may be as many nodes as items (their rows are not looked at by pack_new). */
void small_close(struct instance *in)
{
	for (uint32_t s = 0; s < in->n_services; s++) {
		in->services[s].first_item = in->n_items;
		in->n_items += in->services[s].replicas;
	}
	in->item_node = mem_alloc(in->n_items, sizeof(int32_t));
}

void small_free(struct instance *in)
{
	free(in->services);
	free(in->demand);
	free(in->nodes);
	free(in->capacity);
	free(in->item_node);
	free(in);
}
