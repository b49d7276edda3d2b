/* Rows of a sheet, for the files that make it up (sheet*.c). */
#ifndef PLANNER_SOLVE_SHEET_ROW_H
#define PLANNER_SOLVE_SHEET_ROW_H

#include "planner/solve/place_row.h"
#include "planner/solve/sheet.h"

typedef float sheet_lanes __attribute__((vector_size(SHEET_LANES * sizeof(float))));
typedef int32_t sheet_mask __attribute__((vector_size(SHEET_LANES * sizeof(int32_t))));

static inline uint32_t sheet_blocks(uint32_t n)
{
	return (n + SHEET_LANES - 1) / SHEET_LANES;
}

/* Column 0 of one node or replica; the next column lies SHEET_LANES further. */
static inline float *sheet_lane(float *rows, uint32_t columns, uint32_t index)
{
	return rows + (size_t)(index / SHEET_LANES) * columns * SHEET_LANES + index % SHEET_LANES;
}

/* What a row pays with `need` on it: need[k * stride], NULL for none. */
static inline float sheet_pays(const struct sheet *s, const float *row, const float *need, uint32_t stride)
{
	float sum = 0;

	for (uint32_t k = 0; k < s->columns; k++) {
		float v = row[k * SHEET_LANES] + (need ? need[k * stride] : 0);

		sum += s->price[k] * (v > 0 ? v : 0);
	}
	return sum;
}

static inline void sheet_need_home(const struct sheet *s, uint32_t item, float *need)
{
	const float *full = sheet_lane(s->item_need, s->columns, item);

	for (uint32_t k = 0; k < s->columns; k++)
		need[k] = k < s->hard ? s->home_need[(size_t)item * s->hard + k] : full[k * SHEET_LANES];
}

/* What it costs that an empty node comes into use. */
static inline float sheet_opens(const struct sheet *s, uint32_t node)
{
	const struct scalar *sc = s->p->sc;

	return sc->node_cost > 0 && !s->p->node_items[node] ? (float)(sc->node_cost * (double)sc->in->nodes[node].cost) : 0;
}

#endif
