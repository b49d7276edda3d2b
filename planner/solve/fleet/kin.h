/*
 * Services that are alike: a tree of halvings over their coarse rows (blocks.h; k-d tree, Bentley 1975). Rows never change, so it is
 * made once, whoever stands where. A leaf holds what lies near a wanted row in those blocks in which services differ most: where
 * a wanted item is one of thousands, a random one of the leaf is some thousand times as likely to suit as any random one.
 * Services may be taken out and put back, as a pool of what is not placed yet wants it (pool.h).
 */
#ifndef PLANNER_SOLVE_FLEET_KIN_H
#define PLANNER_SOLVE_FLEET_KIN_H

#include "base/rng.h"
#include "planner/solve/fleet/blocks.h"

#define KIN_LEAF 32 /* most services in a leaf */

struct kin {
	uint32_t n, stride;
	uint32_t *service;  /* [n]: leaf by leaf, in each those that are out last */
	uint32_t *at;       /* [service]: where in it */
	uint32_t *present;  /* [tree node]: of a leaf, how many are not out */
	float *rows;        /* [n * stride]: theirs, side by side */
	uint16_t *block;    /* [tree node, root 1]: where it is cut in two halves */
	float *cut;
};

struct kin *kin_new(const struct blocks *k, const uint32_t *services, uint32_t n); /* of these services; borrowed */
void kin_free(struct kin *x);
/* The leaf of a row, or now and then, by luck, one beside it. Returns how many; they stand from *first on. */
uint32_t kin_near(const struct kin *x, const float *row, struct rng *rng, uint32_t *first);
void kin_remove(struct kin *x, uint32_t service);
void kin_restore(struct kin *x, uint32_t service);

#endif
