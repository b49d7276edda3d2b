/* Coarse view of amounts: see blocks.h. */
#include "planner/solve/fleet/blocks.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

#define PRESSURE_WEIGHT 0.5 /* against a column: 1 and 0.3 took 0.1 to 0.2 % more nodes */
#define BLOCKS 4 /* per resource: quarters of a day; on one planted fleet 3 .. 24 gave the same packings within 0.3 % */

static void make_blocks(struct blocks *k)
{
	const struct instance *in = k->in;

	k->first = mem_alloc((size_t)in->n_columns + 1, sizeof(*k->first));
	for (uint32_t r = 0; r < in->n_resources; r++) {
		uint32_t slots = in->resources[r].slots, n = slots < BLOCKS ? slots : BLOCKS;

		for (uint32_t b = 0; b < n; b++)
			k->first[k->n++] = in->resources[r].column + (uint32_t)(((uint64_t)b * slots + n - 1) / n);
	}
	k->first[k->n] = in->n_columns;
	k->stride = (k->n + k->n_pressures + BLOCK_LANES - 1) / BLOCK_LANES * BLOCK_LANES;
}

float *blocks_rows(const struct blocks *k, size_t n)
{
	return mem_aligned(n, k->stride * sizeof(float), sizeof(block_lanes));
}

static void make_scale(struct blocks *k)
{
	const struct instance *in = k->in;

	k->scale = mem_alloc(k->stride, sizeof(*k->scale));
	for (uint32_t b = 0; b < k->n; b++) {
		double sum = 0;

		for (uint32_t n = 0; n < in->n_nodes; n++)
			for (uint32_t c = k->first[b]; c < k->first[b + 1]; c++)
				sum += (double)in->capacity[(size_t)n * in->n_columns + c];
		k->scale[b] = sum > 0 ? (float)(in->n_nodes / sum) : 0;
	}
}

static void make_shares(struct blocks *k)
{
	const struct instance *in = k->in;
	double *total = mem_alloc(k->stride, sizeof(*total)), most = 1e-30;

	k->share = blocks_rows(k, (size_t)in->n_services + 1);
	k->ideal = blocks_rows(k, 1);
	k->size = mem_alloc((size_t)in->n_services + 1, sizeof(*k->size));
	for (uint32_t s = 0; s < in->n_services; s++)
		for (uint32_t b = 0; b < k->n; b++) {
			const int64_t *d = in->demand + (size_t)s * in->n_columns;
			double sum = 0;

			for (uint32_t c = k->first[b]; c < k->first[b + 1]; c++)
				sum += (double)d[c];
			k->share[(size_t)s * k->stride + b] = (float)sum * k->scale[b];
			total[b] += sum * k->scale[b] * in->services[s].replicas;
		}
	for (uint32_t b = 0; b < k->n; b++)
		most = fmax(most, total[b]);
	for (uint32_t b = 0; b < k->n; b++)
		k->ideal[b] = (float)(total[b] / most);
	for (uint32_t s = 0; s < in->n_services; s++) {
		for (uint32_t b = 0; b < k->n; b++)
			k->size[s] += k->share[(size_t)s * k->stride + b] * k->ideal[b];
		k->size[s] = k->size[s] / (float)k->n + 1e-9f;
	}
	free(total);
}

/* Total pressure over the nodes that the scarcest column needs. */
static void add_pressures(struct blocks *k, const struct model *model)
{
	const struct instance *in = k->in;
	double total[MODEL_MAX_PRESSURES] = { 0 }, nodes = 1e-30, column[MODEL_MAX_PRESSURES];

	for (uint32_t b = 0; b < k->n; b++) {
		double sum = 0;

		for (uint32_t s = 0; s < in->n_services; s++)
			sum += (double)k->share[(size_t)s * k->stride + b] * in->services[s].replicas;
		nodes = fmax(nodes, sum);
	}
	for (uint32_t s = 0; s < in->n_services; s++)
		for (uint32_t p = 0; p < k->n_pressures && in->services[s].model_service >= 0; p++)
			total[p] += model_pressure(model, in->services[s].model_service, -1)[p] * in->services[s].replicas;
	for (uint32_t p = 0; p < k->n_pressures; p++) {
		column[p] = total[p] > 0 ? PRESSURE_WEIGHT * nodes / total[p] : 0;
		k->scale[k->n + p] = (float)column[p];
		k->ideal[k->n + p] = total[p] > 0 ? (float)PRESSURE_WEIGHT : 0;
	}
	for (uint32_t s = 0; s < in->n_services; s++)
		for (uint32_t p = 0; p < k->n_pressures && in->services[s].model_service >= 0; p++)
			k->share[(size_t)s * k->stride + k->n + p] =
				(float)(model_pressure(model, in->services[s].model_service, -1)[p] * column[p]);
}

static bool has_limits(const struct instance *in)
{
	for (uint32_t s = 0; s < in->n_services; s++)
		if (isfinite(in->services[s].limit_ratio) && in->services[s].model_service >= 0)
			return true;
	return false;
}

struct blocks *blocks_new(const struct instance *in, const struct model *model)
{
	struct blocks *k = mem_alloc(1, sizeof(*k));

	k->in = in;
	k->n_pressures = model && has_limits(in) ? (uint32_t)model_n_pressures(model) : 0;
	make_blocks(k);
	make_scale(k);
	make_shares(k);
	if (k->n_pressures)
		add_pressures(k, model);
	return k;
}

void blocks_free(struct blocks *k)
{
	if (!k)
		return;
	free(k->first);
	free(k->scale);
	free(k->share);
	free(k->ideal);
	free(k->size);
	free(k);
}

void blocks_capacity(const struct blocks *k, uint32_t node, float *out)
{
	const int64_t *capacity = k->in->capacity + (size_t)node * k->in->n_columns;

	for (uint32_t b = 0; b < k->n; b++) {
		double sum = 0;

		for (uint32_t c = k->first[b]; c < k->first[b + 1]; c++)
			sum += (double)capacity[c];
		out[b] = (float)sum * k->scale[b];
	}
	for (uint32_t p = k->n; p < k->n + k->n_pressures; p++)
		out[p] = k->ideal[p];
}

void blocks_room(const struct blocks *k, const struct state *st, uint32_t node, float *out)
{
	const struct instance *in = k->in;
	const int64_t *load = st->load + (size_t)node * in->n_columns, *capacity = in->capacity + (size_t)node * in->n_columns;

	for (uint32_t b = 0; b < k->n; b++) {
		double sum = 0;

		for (uint32_t c = k->first[b]; c < k->first[b + 1]; c++)
			sum += (double)(capacity[c] - load[c]);
		out[b] = (float)sum * k->scale[b];
	}
	for (uint32_t p = 0; p < k->n_pressures; p++)
		out[k->n + p] = k->ideal[k->n + p] - (float)st->pressure[(size_t)node * k->n_pressures + p] * k->scale[k->n + p];
}
