/*
 * Which additional run would teach the model most: expected reduction of the predictive variance over all pairs (Cohn, Ghahramani
 * & Jordan 1996; "active learning C"), with the variance estimated by refitting on subsamples of co-locations.
 *
 * For a candidate pair j and targets i (every pair, both directions), with variances and covariances over the refits of
 * log(slowdown):  gain(j) = sum_i cov(i, j)^2 / (var(j) + noise^2). Both rows that a run gives count. What is particular to a pair
 * (latent_pair.c) adds its own variance to var(j), less what its runs have told, and covaries with nothing else.
 */
#ifndef PLANNER_MODEL_ADVISE_H
#define PLANNER_MODEL_ADVISE_H

#include <stdint.h>

#include "planner/model/coloc.h"
#include "planner/model/latent.h"

struct advice {
	int a, b;              /* services to run together; -1 = nothing to advise */
	int node_type;
	bool repeat;           /* this pair was measured before: a repeat teaches more than any new pair */
	double gain_ratio;     /* share of the predictive variance over all pairs that it is expected to remove */
};

/* noise_ratio: error of one measurement, e.g. repeat-to-repeat; NAN = not known, 5 % is assumed. */
struct advice advise_run(const struct coloc *c, const struct latent_blend *blend, double noise_ratio, uint64_t seed);

#endif
