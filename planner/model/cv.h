/*
 * Honest errors. Whole co-locations are left out (a pair's two directions together), the model is chosen anew inside what
 * is left (nested cross-validation), and what was left out is predicted beside three plain alternatives.
 */
#ifndef PLANNER_MODEL_CV_H
#define PLANNER_MODEL_CV_H

#include <stdint.h>

#include "planner/model/coloc.h"
#include "planner/model/choose.h"

enum rival { RIVAL_MODEL, RIVAL_NOTHING, RIVAL_MEAN, RIVAL_FACTORISATION, RIVALS };
extern const char *const rival_names[RIVALS];

struct cv {
	size_t n;              /* predictions made */
	size_t *row;           /* which run */
	double *predicted[RIVALS];
	double *half_width;    /* of log(predicted), at 0.90, from the errors on all other co-locations */
	double error_ratio[RIVALS];   /* mean |predicted - measured| / measured */
	double coverage_ratio;        /* of 90 % intervals made without the run's co-location */
};

struct cv *cv_leave_colocation(const struct coloc *c, uint64_t seed);  /* each in turn; many: in 20 folds */
struct cv *cv_leave_half(const struct coloc *c, uint64_t seed);        /* half of each service's co-locations in turn */
void cv_free(struct cv *cv);

/*
 * Widths and scores from held-out errors: |log(predicted / measured)| ~ width[service] * (alpha + beta * log(predicted)).
 * skip: a co-location left out of it, or -1. scores: sorted, caller frees.
 */
struct widths { double alpha, beta, *factor, *scores; size_t n_scores, n_groups; };
void widths_fit(const struct coloc *c, const struct cv *cv, int skip, struct widths *w);
void widths_free(struct widths *w);
double widths_at(const struct widths *w, int service, double predicted);

#endif
