/* Amounts column by column: see fine.h. */
#include "planner/solve/fleet/fine.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define CLONES __attribute__((target_clones("avx2,fma", "default"), optimize("fast-math")))
#define HURT_FIRST 1e6f      /* beyond any size */

struct fine *fine_new(const struct blocks *k)
{
	struct fine *f = mem_alloc(1, sizeof(*f));
	const struct instance *in = k->in;
	size_t width = (in->n_columns + k->n_pressures + BLOCK_LANES - 1) / BLOCK_LANES * BLOCK_LANES;

	f->k = k;
	f->width = (uint32_t)width;
	f->scale = mem_alloc(width, sizeof(float));
	f->need = mem_aligned((size_t)in->n_services + 1, width * sizeof(float), sizeof(block_lanes));
	for (uint32_t b = 0; b < k->n; b++)
		for (uint32_t c = k->first[b]; c < k->first[b + 1]; c++)
			f->scale[c] = k->scale[b] * sqrtf((float)(k->first[b + 1] - k->first[b]));
	for (size_t s = 0; s < in->n_services; s++) {
		for (uint32_t c = 0; c < in->n_columns; c++)
			f->need[s * width + c] = (float)in->demand[s * in->n_columns + c] * f->scale[c];
		memcpy(f->need + s * width + in->n_columns, k->share + s * k->stride + k->n, k->n_pressures * sizeof(float));
	}
	return f;
}

void fine_free(struct fine *f)
{
	if (!f)
		return;
	free(f->scale);
	free(f->need);
	free(f);
}

bool fine_room(const struct fine *f, const struct state *st, uint32_t node, float margin, float *out)
{
	const struct blocks *k = f->k;
	uint32_t columns = k->in->n_columns;
	const int64_t *load = st->load + (size_t)node * columns, *capacity = k->in->capacity + (size_t)node * columns;
	int64_t any = 0;

	for (uint32_t c = 0; c < columns; c++) {
		any |= capacity[c] - load[c];
		out[c] = ((float)(capacity[c] - load[c]) - (float)capacity[c] * margin) * f->scale[c];
	}
	for (uint32_t p = 0; p < k->n_pressures; p++)
		out[columns + p] = k->ideal[k->n + p] * FINE_PRESSURE_EVEN -
				   (float)st->pressure[(size_t)node * k->n_pressures + p] * k->scale[k->n + p];
	return any < 0;
}

CLONES void fine_least(const struct fine *f, const float *room, float *out)
{
	const struct blocks *k = f->k;

	for (uint32_t b = 0; b < k->n; b++) {
		float least = BLOCKS_NEVER;

		for (uint32_t c = k->first[b]; c < k->first[b + 1]; c++)
			least = room[c] < least ? room[c] : least;
		out[b] = least * sqrtf((float)(k->first[b + 1] - k->first[b]));
	}
	for (uint32_t p = 0; p < k->n_pressures; p++)
		out[k->n + p] = room[k->in->n_columns + p];
}

/* With `more` of the service: 1 or -1. */
static inline __attribute__((always_inline)) float pain(const struct fine *f, const float *room, uint32_t service, float more)
{
	const float *row = fine_row(f, service);
	float sum = 0;

	for (uint32_t c = 0; c < f->width; c++) {
		float x = room[c] - more * row[c];

		sum += x < 0 ? x * x : 0;
	}
	return sum;
}

CLONES float fine_pain(const struct fine *f, const float *room, uint32_t service)
{
	return pain(f, room, service, 1);
}

CLONES float fine_pain_without(const struct fine *f, const float *room, uint32_t service)
{
	return pain(f, room, service, -1);
}

uint32_t fine_least_missed(const struct fine *f, const struct state *st, uint32_t node, const float *room)
{
	const struct state_list *l = &st->items[node];
	uint32_t best = l->v[0];
	float least = BLOCKS_NEVER;

	for (uint32_t i = 0; i < l->n; i++) {
		uint32_t service = f->k->in->item_service[l->v[i]];
		float v = fine_pain_without(f, room, service) * HURT_FIRST + f->k->size[service];

		if (v < least) {
			least = v;
			best = l->v[i];
		}
	}
	return best;
}
