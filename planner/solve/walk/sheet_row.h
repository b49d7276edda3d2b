/* Rows of a sheet, for the files that make it up (sheet*.c). */
#ifndef PLANNER_SOLVE_WALK_SHEET_ROW_H
#define PLANNER_SOLVE_WALK_SHEET_ROW_H

#include "planner/solve/walk/place_row.h"
#include "planner/solve/walk/sheet.h"

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

static inline uint32_t sheet_first_item(const struct sheet *s)
{
	return s->items.first * SHEET_LANES;
}

static inline uint32_t sheet_end_item(const struct sheet *s)
{
	uint32_t end = (s->items.first + s->items.n) * SHEET_LANES, all = s->p->sc->in->n_items;

	return end < all ? end : all;
}

/* Where in value[] is the shift to a node, the swap or the making of room with a replica? False: outside the spans. */
static inline bool sheet_at_node(const struct sheet *s, uint32_t node, float **shift)
{
	uint32_t k = node - s->nodes.first * SHEET_LANES;

	*shift = s->value + k;
	return k < s->nodes.n * SHEET_LANES;
}

static inline bool sheet_at_item(const struct sheet *s, uint32_t item, float **swap, float **room)
{
	uint32_t k = item - s->items.first * SHEET_LANES;

	*swap = s->value + s->nodes.n * SHEET_LANES + k;
	*room = *swap + s->items.n * SHEET_LANES;
	return k < s->items.n * SHEET_LANES;
}

/* What rules forbid, for the last sweep: whatever would come to a's node or to one where a may not be (sheet_rule.c). */
void sheet_forbid(struct sheet *s, uint32_t node);
/* Crowded: the replica's row and cost of going home as they are now (sheet.c). */
void sheet_refresh(struct sheet *s, uint32_t item);

/* What it costs that an empty node comes into use. */
static inline float sheet_opens(const struct sheet *s, uint32_t node)
{
	return s->p->node_items[node] ? 0 : (float)use_cost(s->p->sc, node, 1);
}

#endif
