/*
 * Volume bound: in every column the nodes in use must hold the sum of the demands. Cheapest fractional cover per column.
 */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "planner/search.h"
#include "planner/solve/bound/weigh.h"

static double run(const struct search *s)
{
	const struct instance *in = s->in;
	double *need = mem_alloc(in->n_columns, sizeof(*need)), best = 0;

	for (uint32_t k = 0; k < in->n_services; k++)
		for (uint32_t c = 0; c < in->n_columns; c++)
			need[c] += (double)in->demand[(size_t)k * in->n_columns + c] * in->services[k].replicas;
	for (uint32_t c = 0; c < in->n_columns; c++) {
		struct offer *v;
		uint32_t n = weigh_offers(in, c, &v);
		double b = weigh_cover(v, n, need[c]);

		if (isfinite(b))
			best = fmax(best, b);
		free(v);
	}
	free(need);
	return weigh_round(in, best) * weigh_factor(in);
}

static bool applies(const struct search *s)
{
	(void)s;
	return true;
}

extern const struct bound bound_volume;
const struct bound bound_volume = { .name = "volume", .help = "sum of demands per resource and slot", .applies = applies, .run = run };
