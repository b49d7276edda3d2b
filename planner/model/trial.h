/*
 * One inner cross-validation: the visible runs with neighbours, dealt by co-location into folds, each predicted by what was fitted
 * without its own. Shared by the files that choose models.
 */
#ifndef PLANNER_MODEL_TRIAL_H
#define PLANNER_MODEL_TRIAL_H

#include <stdint.h>

#include "planner/model/coloc.h"
#include "planner/model/latent.h"

struct trial {
	const struct coloc *c;
	const bool *hidden;
	int *fold;
	double *links;             /* per service, of the kind on trial */
	size_t n;
	size_t *row;               /* visible runs with neighbours */
};

void trial_begin(struct trial *t, const struct coloc *c, const bool *hidden, uint64_t seed); /* all links 1 */
void trial_end(struct trial *t);

/* Held-out predictions of one form, on the link's scale, into z[0..n); the mean relative error, INFINITY when the form has no components. */
double trial_form(const struct trial *t, const struct latent_spec *form, double *z);
/* The finished blend, pairs and all; relative errors into miss[0..n). Its links are the trial's. */
void trial_blend(const struct trial *t, struct latent_blend *blend, double *miss);
/* Relative variance of one run among its repeats; NAN without repeats. */
double trial_noise_variance(const struct trial *t);

/* Weights of the usable forms from their held-out predictions z[form][run]: see stack.c. */
void stack_weigh(const struct trial *t, double *const *z, const bool *usable, double *weight);

/* A seeded fold for every co-location; caller frees. */
int *folds_deal(int n_groups, int n_folds, uint64_t seed);

#endif
