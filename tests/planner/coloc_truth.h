/*
 * Made-up co-locations whose truth is known: services with hidden pressures and sensitivities on a few resources, a law by
 * which they add up, and noise. For tests and benchmarks of the model on laws it was not written for.
 */
#ifndef TESTS_PLANNER_COLOC_TRUTH_H
#define TESTS_PLANNER_COLOC_TRUTH_H

#include <stdint.h>

#include "base/rng.h"
#include "planner/model/coloc.h"
#include "planner/model/latent.h"

enum coloc_law { LAW_ADDITIVE, LAW_MULTIPLICATIVE, LAW_MAX, LAW_QUEUE, LAW_SATURATING, LAW_FAIR_SHARE, LAWS };
extern const char *const coloc_law_names[LAWS];

struct coloc_plan {
	enum coloc_law law;
	int services, types, group_max, repeats;
	double density_ratio;    /* share of all pairs that were measured */
	double groups_ratio;     /* groups of 3 .. group_max, as a share of the measured pairs */
	double noise_ratio;
	uint64_t seed;
};

struct coloc_truth;

struct coloc_truth *coloc_truth_new(const struct coloc_plan *plan);
void coloc_truth_free(struct coloc_truth *t);
double coloc_truth_slowdown(const struct coloc_truth *t, int victim, const int *neighbours, int n, int type);
/* Measures one group on one node type: a row per member and repeat. */
void coloc_truth_measure(struct coloc_truth *t, struct coloc *c, const int *member, int n, int type);
/* Everything the plan asks for, sealed. */
struct coloc *coloc_truth_campaign(struct coloc_truth *t);

/* Mean error over all pairs of the plan's campaign, after one more run of a and b (services of the campaign; a < 0: none). */
double coloc_truth_error_after(const struct coloc_plan *plan, const struct latent_blend *blend, int a, int b);

#endif
