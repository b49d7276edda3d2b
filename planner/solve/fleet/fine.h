/*
 * Amounts seen column by column, as blocks.h sees them coarsely: rows of demands, then pressures, so scaled that squares over a block's
 * columns add up to the mean of the squared shares. The pain of a room (what a node has left, in the same scale) is the sum of squares
 * of what is below zero.
 */
#ifndef PLANNER_SOLVE_FLEET_FINE_H
#define PLANNER_SOLVE_FLEET_FINE_H

#include "planner/solve/fleet/blocks.h"

#define FINE_PRESSURE_EVEN 1.03f /* of the even pressure: what is above hurts, though the limits alone forbid; 1.0 .. 1.1 made no difference */

struct fine {
	const struct blocks *k;
	uint32_t width;          /* of a row: n_columns, n_pressures, padded */
	float *scale;            /* [column] */
	float *need;             /* [service * width + column]; the row after the last is nobody's */
};

struct fine *fine_new(const struct blocks *k);
void fine_free(struct fine *f);
static inline const float *fine_row(const struct fine *f, uint32_t service) { return f->need + (size_t)service * f->width; }
/* What a node has left, `margin` of its capacity kept back. True when a column is over, by the integers. */
bool fine_room(const struct fine *f, const struct state *st, uint32_t node, float margin, float *out);
/* The least room in each block, as a share: from which a candidate's mean is taken. Pressures as they are. */
void fine_least(const struct fine *f, const float *room, float *out);
float fine_pain(const struct fine *f, const float *room, uint32_t service);         /* with one of the service more */
float fine_pain_without(const struct fine *f, const float *room, uint32_t service); /* with one less */
/* The item without which the node hurts least; of those that leave it well, the smallest. The node is not empty. */
uint32_t fine_least_missed(const struct fine *f, const struct state *st, uint32_t node, const float *room);

#endif
