/*
 * Which model for whom, by cross-validation that leaves out whole co-locations.
 *
 * The table of kinds: one row = one way in which neighbours add up, that is one link (model.h). For every kind the forms of
 * latent.h are fitted with several strengths of shrinkage on the visible runs without one fold, and predict that fold; the
 * best strength of each form is kept and the forms are weighted by their held-out predictions (stacking, Wolpert 1992; Breiman
 * 1996). The first kind is everybody's unless another's held-out runs are better by a standard error; a service leaves it for another
 * when its own held-out runs speak for that beyond doubt.
 */
#ifndef PLANNER_MODEL_CHOOSE_H
#define PLANNER_MODEL_CHOOSE_H

#include <stdint.h>

#include "planner/model/coloc.h"
#include "planner/model/latent.h"

struct kind_row { const char *name, *help; double link; };
extern const struct kind_row model_kinds[]; /* ends with a row whose name is NULL */

struct choice {
	struct latent_blend blend;
	int *kind;                 /* per service, row of model_kinds */
};

/* hidden[row]: not to be looked at; NULL = all visible. Free with choice_free(). */
struct choice choose_model(const struct coloc *c, const bool *hidden, uint64_t seed);
void choice_free(struct choice *ch);

/* The baseline: rank and shrinkage of a plain matrix factorisation. */
struct latent_spec choose_plain(const struct coloc *c, const bool *hidden, uint64_t seed);

#endif
