/*
 * Amounts seen coarsely: neighbouring slots of a resource are one block, which stands for its mean, in shares of a mean node.
 * A sixth of the memory for day curves of 24 slots, and vectors short enough to weigh many candidates per microsecond. A mean can
 * say that something does not fit, never that it fits: the columns of struct state have the last word.
 *
 *   share[service * stride + b]; row n_services is all zeros ("nobody")
 *   ideal[b]   how full a block is when the scarcest one is full, over all services and nodes: 0 .. 1
 */
#ifndef PLANNER_SOLVE_BLOCKS_H
#define PLANNER_SOLVE_BLOCKS_H

#include <stddef.h>
#include <stdint.h>

#include "planner/instance.h"

#define BLOCK_LANES 8 /* stride is a multiple; rows are aligned to it */

typedef float block_lanes __attribute__((vector_size(BLOCK_LANES * sizeof(float))));
typedef int32_t block_masks __attribute__((vector_size(BLOCK_LANES * sizeof(int32_t))));

struct blocks {
	const struct instance *in;
	uint32_t n, stride;
	uint32_t *first;      /* [n + 1]: columns first[b] .. first[b + 1] */
	float *scale;         /* [n]: amounts to shares, the mean over columns included */
	float *share, *ideal, *size; /* size[service]: mean of its shares, weighted by ideal */
};

struct blocks *blocks_new(const struct instance *in);
void blocks_free(struct blocks *k);
float *blocks_rows(const struct blocks *k, size_t n);  /* n rows of zeros, aligned; free() */
/* A node's room (capacity - load) as shares. */
void blocks_room(const struct blocks *k, const int64_t *load, const int64_t *capacity, float *out);

#endif
