/* Shared by the files that fit latent pressures (latent.c, latent_named.c, latent_average.c); nobody else includes it. */
#ifndef PLANNER_MODEL_LATENT_WORK_H
#define PLANNER_MODEL_LATENT_WORK_H

#include "planner/model/latent.h"

#define LATENT_NAMED_MAX 7 /* two named forms and 10 other components fit MODEL_MAX_PRESSURES */

struct latent_work {
	struct latent *l;
	const struct latent_spec *form;
	const struct coloc *c;
	size_t n;
	const struct coloc_row **rows;
	double *z, *fit, *w, *base; /* target, fitted, weight now, weight of the link */
	double *part;               /* of fit: the component under way */
	double *num, *den;          /* per entity */
	int *pin_kind;              /* per service: the named component it presses on, or -1 */
	double *pin_level;
};

/* Where (component, service, type) stands in latent.s and latent.p. */
static inline size_t latent_at(const struct latent *l, int k, int service, int type)
{
	return ((size_t)k * (size_t)l->n_services + (size_t)service) * (size_t)(l->n_types + 1) + (size_t)type;
}

void latent_pins_find(struct latent_work *w);       /* adds the named components */
void latent_pins_set(struct latent_work *w, int k);
void latent_curves_fit(struct latent_work *w);      /* from the runs under synthetic pressure; see latent_curve.c */
double latent_effect(const struct latent *l, int k, int victim, double x);      /* curve or straight */
double latent_effect_slope(const struct latent *l, int k, int victim, double x);
double latent_sum_p(const struct latent *l, int k, const struct coloc_row *r);

#endif
