/*
 * The cost of one node's load as vectors see it: shared by curve.c (every slot) and curve_region.c (blocks of slots).
 *
 * exp(x) - 1 on [0, 1] is x times a polynomial of the fifth degree, fitted for least relative error: 1.2e-7 (Remez-like
 * fit by reweighted least squares); utilisation cannot exceed 1, so x cannot either.
 */
#ifndef PLANNER_SOLVE_CURVE_CURVE_COST_H
#define PLANNER_SOLVE_CURVE_CURVE_COST_H

#include <stddef.h>

#include "planner/solve/curve/curve.h"

#define CURVE_CLONES __attribute__((target_clones("arch=x86-64-v3", "default"))) /* AVX2 and FMA, where there are */
#define CURVE_INLINE static inline __attribute__((always_inline))

typedef int32_t curve_ints __attribute__((vector_size(CURVE_LANES * 4)));
typedef float curve_floats __attribute__((vector_size(CURVE_LANES * 4)));

/* Slots that share one lane of a coarse row. */
CURVE_INLINE uint32_t curve_block_length(uint32_t slots)
{
	return (slots + CURVE_BLOCKS - 1) / CURVE_BLOCKS;
}

/* *x becomes f(max(0, *x)); vectors go by pointer, since how they would be passed by value depends on the target */
CURVE_INLINE void curve_spend(curve_floats *x, bool exponential)
{
	curve_floats over = (curve_floats)((curve_ints)*x & (*x > 0));

	*x = !exponential ? over
			  : over * (0.99999988f + over * (0.50000882f + over * (0.16656026f + over * (0.04212792f + over * (0.00745023f + over * 0.00213452f)))));
}

CURVE_INLINE float curve_lanes_sum(const curve_floats *v)
{
	return (((*v)[0] + (*v)[4]) + ((*v)[1] + (*v)[5])) + (((*v)[2] + (*v)[6]) + ((*v)[3] + (*v)[7]));
}

/* +1 when the item would count as moved on this node and is at home now, and so on. */
CURVE_INLINE int curve_move_change(const struct curve *c, uint32_t item, uint32_t to)
{
	int32_t home = c->in->item_node[item];

	if (home == NO_NODE)
		return 0;
	return (home != (int32_t)to) - (c->item_node[item] != NO_NODE && c->item_node[item] != home);
}

/* By old and new node: what standing on `node` costs. */
CURVE_INLINE float curve_pair_price(const struct curve *c, uint32_t item, int32_t node)
{
	int32_t home = c->in->item_node[item];

	return c->pair <= 0 || home == NO_NODE || node == NO_NODE || node == home ? 0 :
		c->pair * (float)c->in->move_pair[(size_t)home * c->in->n_nodes + (size_t)node];
}

CURVE_INLINE bool curve_moves_cost(const struct curve *c)
{
	return c->move > 0 || c->toll > 0 || c->pair > 0;
}

CURVE_INLINE float curve_move_price(const struct curve *c, uint32_t item, uint32_t to)
{
	float each = c->toll;

	if (!curve_moves_cost(c))
		return 0;
	if (c->move > 0)
		each += c->move * (float)c->in->services[c->in->item_service[item]].move_cost;
	return each * (float)curve_move_change(c, item, to) + curve_pair_price(c, item, (int32_t)to) -
	       curve_pair_price(c, item, c->item_node[item]);
}

/* Adds the coarse cost of a node with `in` added and `out` taken away (coarse rows of services). */
CURVE_INLINE void curve_coarse(const struct curve *c, uint32_t node, const float *const rows[2], curve_floats *sum)
{
	const curve_floats *over = (const curve_floats *)(c->coarse_over + (size_t)node * c->coarse_width);
	const curve_floats *in = (const curve_floats *)rows[0], *out = (const curve_floats *)rows[1];
	const curve_floats *price = (const curve_floats *)c->coarse_price;

	for (uint32_t p = 0, k = 0; p < c->n_paid; p++) {
		float scale = c->scale[(size_t)node * c->n_paid + p];

		for (uint32_t end = k + c->paid[p].coarse_width / CURVE_LANES; k < end; k++) {
			curve_floats x = over[k] + (in[k] - out[k]) * scale;

			curve_spend(&x, c->paid[p].exponential);
			*sum += price[k] * x;
		}
	}
}

#endif
