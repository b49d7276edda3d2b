/*
 * Numbers of Gumbel's distribution drawn ahead, many times as many as are used at once. The least of value - temperature * G over
 * candidates is each of them by its Boltzmann weight (Gumbel 1954; Maddison, Tarlow & Minka, NIPS 2014).
 */
#ifndef PLANNER_SOLVE_GUMBEL_H
#define PLANNER_SOLVE_GUMBEL_H

#include "base/rng.h"

#define GUMBEL_STARTS 16384

struct gumbel { float *v, most; }; /* most: the largest of all */

/* For runs of up to `length` numbers. */
void gumbel_init(struct gumbel *g, uint32_t length, struct rng *rng);
void gumbel_fini(struct gumbel *g);

static inline const float *gumbel_run(const struct gumbel *g, struct rng *rng)
{
	return g->v + rng_below(rng, GUMBEL_STARTS);
}

#endif
