/* See gumbel.h. */
#include "planner/solve/gumbel.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

void gumbel_init(struct gumbel *g, uint32_t length, struct rng *rng)
{
	g->most = 0;
	g->v = mem_alloc(GUMBEL_STARTS + (size_t)length, sizeof(float));
	for (uint32_t k = 0; k < GUMBEL_STARTS + length; k++) {
		g->v[k] = (float)-log(-log(((double)(rng_u64(rng) >> 11) + 0.5) * 0x1p-53));
		g->most = fmaxf(g->most, g->v[k]);
	}
}

void gumbel_fini(struct gumbel *g)
{
	free(g->v);
}
