/*
 * Amounts seen coarsely: neighbouring slots of a resource are one block, which stands for its mean, in shares of a mean node.
 * A sixth of the memory for day curves of 24 slots, and vectors short enough to weigh many candidates per microsecond. A mean can
 * say that something does not fit, never that it fits: the columns of struct state have the last word.
 *
 * Where services have slowdown limits, each pressure of the model is one more block, after the n of the columns: in shares of the
 * pressure that a node would carry if all were spread evenly over as few nodes as the scarcest column needs, and of less weight
 * than a column: even pressure helps to keep limits; whether one breaks is for the model to say.
 *
 *   share[service * stride + b]; row n_services is all zeros ("nobody")
 *   ideal[b]   how full a block is when the scarcest one is full, over all services and nodes: 0 .. 1
 */
#ifndef PLANNER_SOLVE_FLEET_BLOCKS_H
#define PLANNER_SOLVE_FLEET_BLOCKS_H

#include <stddef.h>
#include <stdint.h>

#include "planner/state.h"

#define BLOCK_LANES 8 /* stride is a multiple; rows are aligned to it */
#define BLOCKS_NEVER 1e30f /* more than any share or sum of squares; finite, so that fast-math is right */

typedef float block_lanes __attribute__((vector_size(BLOCK_LANES * sizeof(float))));
typedef int32_t block_masks __attribute__((vector_size(BLOCK_LANES * sizeof(int32_t))));

struct blocks {
	const struct instance *in;
	uint32_t n, n_pressures, stride;
	uint32_t *first;      /* [n + 1]: columns first[b] .. first[b + 1] */
	float *scale;         /* [n + n_pressures]: amounts to shares, the mean over columns included */
	float *share, *ideal, *size; /* size[service]: mean of its shares, weighted by ideal */
};

struct blocks *blocks_new(const struct instance *in, const struct model *model); /* model may be NULL */
void blocks_free(struct blocks *k);
float *blocks_rows(const struct blocks *k, size_t n);  /* n rows of zeros, aligned; free() */
/* A node's room (capacity - load) and how far it is from the even pressure, as shares. */
void blocks_room(const struct blocks *k, const struct state *st, uint32_t node, float *out);
void blocks_capacity(const struct blocks *k, uint32_t node, float *out); /* its room when empty */

#endif
