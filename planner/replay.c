/* Replaying placements: see replay.h. Series slots map to instance slots in proportion. */
#include "planner/replay.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "planner/names.h"

static uint32_t planned_slot(const struct resource *r, uint32_t slot, uint32_t n_slots)
{
	return (uint32_t)((uint64_t)slot * r->slots / n_slots);
}

static int64_t *cell(const struct series *s, const struct instance *in, uint32_t service, uint32_t resource)
{
	return s->demand + ((size_t)service * in->n_resources + resource) * s->n_slots;
}

static void copy_service(struct series *s, const struct instance *in, uint32_t service, const struct instance *from, uint32_t other,
			 const int32_t *match)
{
	for (uint32_t r = 0; r < in->n_resources; r++) {
		const struct resource *res = match ? &from->resources[match[r]] : &in->resources[r];
		const int64_t *row = from->demand + (size_t)other * from->n_columns + res->column;

		for (uint32_t t = 0; t < s->n_slots; t++)
			cell(s, in, service, r)[t] = row[planned_slot(res, t, s->n_slots)];
	}
}

static int match_resources(const struct instance *in, const struct instance *recorded, int32_t *match, struct err *e)
{
	for (uint32_t r = 0; r < in->n_resources; r++) {
		match[r] = -1;
		for (uint32_t k = 0; k < recorded->n_resources; k++)
			if (!strcmp(in->resources[r].name, recorded->resources[k].name))
				match[r] = (int32_t)k;
		if (match[r] < 0)
			return err_set(e, -EINVAL, "the series has no resource \"%s\"", in->resources[r].name);
	}
	return 0;
}

int series_make(struct series *s, const struct instance *in, const struct instance *recorded, struct err *e)
{
	int32_t *match = mem_alloc(in->n_resources, sizeof(*match));
	struct names ids = { 0 };
	int err;

	*s = (struct series){ .n_slots = recorded->n_slots > in->n_slots ? recorded->n_slots : in->n_slots };
	if ((err = match_resources(in, recorded, match, e)) < 0)
		goto out;
	s->demand = mem_alloc((size_t)in->n_services * in->n_resources * s->n_slots, sizeof(*s->demand));
	for (uint32_t k = 0; k < recorded->n_services; k++)
		names_add(&ids, recorded->services[k].id);
	for (uint32_t k = 0; k < in->n_services; k++) {
		int64_t other = names_find(&ids, in->services[k].id);

		if (other >= 0)
			copy_service(s, in, k, recorded, (uint32_t)other, match);
		else
			copy_service(s, in, k, in, k, NULL);
		s->n_missing += other < 0;
	}
out:
	names_fini(&ids);
	free(match);
	return err;
}

void series_fini(struct series *s)
{
	free(s->demand);
	*s = (struct series){ 0 };
}

/* One resource at one slot: loads of all nodes, marks of those that break. */
static void replay_slot(struct replay *out, const struct instance *in, const int64_t *load, uint32_t r, uint32_t slot, uint32_t n_slots,
			const bool *used, bool *broken)
{
	uint32_t column = in->resources[r].column + planned_slot(&in->resources[r], slot, n_slots);

	for (uint32_t n = 0; n < in->n_nodes; n++) {
		int64_t capacity = in->capacity[(size_t)n * in->n_columns + column];
		double ratio = capacity ? (double)load[n] / (double)capacity : load[n] ? INFINITY : 0;

		if (!used[n])
			continue;
		out->mean_ratio[r] += isfinite(ratio) ? ratio : 0;
		broken[n] |= load[n] > capacity;
		if (ratio > out->worst_ratio) {
			out->worst_ratio = ratio;
			out->worst_node = (int32_t)n;
			out->worst_resource = r;
			out->worst_slot = slot;
		}
	}
}

void replay_run(struct replay *out, const struct instance *in, const struct series *s, const int32_t *item_node)
{
	int64_t *load = mem_alloc(in->n_nodes, sizeof(*load));
	bool *used = mem_alloc(in->n_nodes, 1), *broken = mem_alloc(in->n_nodes, 1), *ever = mem_alloc(in->n_nodes, 1);

	*out = (struct replay){ .worst_node = NO_NODE, .mean_ratio = mem_alloc(in->n_resources, sizeof(double)) };
	for (uint32_t i = 0; i < in->n_items; i++) {
		out->n_unplaced += item_node[i] < 0;
		if (item_node[i] >= 0 && !used[item_node[i]]) {
			used[item_node[i]] = true;
			out->nodes_used++;
			out->cost += (double)in->nodes[item_node[i]].cost;
		}
	}
	for (uint32_t t = 0; t < s->n_slots; t++) {
		memset(broken, 0, in->n_nodes);
		for (uint32_t r = 0; r < in->n_resources; r++) {
			memset(load, 0, in->n_nodes * sizeof(*load));
			for (uint32_t i = 0; i < in->n_items; i++)
				if (item_node[i] >= 0)
					load[item_node[i]] += cell(s, in, in->item_service[i], r)[t];
			replay_slot(out, in, load, r, t, s->n_slots, used, broken);
		}
		for (uint32_t n = 0; n < in->n_nodes; n++) {
			out->broken_node_slots += broken[n];
			ever[n] |= broken[n];
		}
	}
	out->node_slots = (uint64_t)out->nodes_used * s->n_slots;
	for (uint32_t n = 0; n < in->n_nodes; n++)
		out->broken_nodes += ever[n];
	for (uint32_t r = 0; r < in->n_resources && out->node_slots; r++)
		out->mean_ratio[r] /= (double)out->node_slots;
	free(load);
	free(used);
	free(broken);
	free(ever);
}

static int by_amount(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

void replay_flatten(struct instance *in, double q)
{
	int64_t *sorted = mem_alloc(in->n_slots, sizeof(*sorted));

	for (uint32_t k = 0; k < in->n_services; k++)
		for (uint32_t r = 0; r < in->n_resources; r++) {
			int64_t *row = in->demand + (size_t)k * in->n_columns + in->resources[r].column;
			uint32_t n = in->resources[r].slots, at = (uint32_t)ceil(q * n);

			memcpy(sorted, row, n * sizeof(*row));
			qsort(sorted, n, sizeof(*sorted), by_amount);
			for (uint32_t t = 0; t < n; t++)
				row[t] = sorted[at ? at - 1 : 0];
		}
	free(sorted);
}

void replay_foresee(struct instance *in, const struct series *s)
{
	for (uint32_t k = 0; k < in->n_services; k++)
		for (uint32_t r = 0; r < in->n_resources; r++) {
			int64_t *row = in->demand + (size_t)k * in->n_columns + in->resources[r].column;

			memset(row, 0, in->resources[r].slots * sizeof(*row));
			for (uint32_t t = 0; t < s->n_slots; t++) {
				uint32_t to = planned_slot(&in->resources[r], t, s->n_slots);
				int64_t d = cell(s, in, k, r)[t];

				row[to] = row[to] > d ? row[to] : d;
			}
		}
}
