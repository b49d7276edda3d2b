/* Shared by the files that fit latent pressures (latent*.c); nobody else includes it. */
#ifndef PLANNER_MODEL_LATENT_WORK_H
#define PLANNER_MODEL_LATENT_WORK_H

#include "planner/model/latent.h"

#define TYPE_TIE 2.0       /* node types of one service are tied this much more strongly than services among each other */
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

/* Equal runs together: their median, and how many they were. */
struct latent_cell { const struct coloc_row *row; double slowdown, runs; };

/* Visible cells with neighbours; out has room for c->n_rows. Returns how many. */
size_t latent_cells_take(const struct coloc *c, const bool *hidden, struct latent_cell *out);
double latent_weight(double link, double slowdown); /* what a squared miss in z weighs, so that relative errors count */

/* Where (component, service, type) stands in latent.s and latent.p. */
static inline size_t latent_at(const struct latent *l, int k, int service, int type)
{
	return ((size_t)k * (size_t)l->n_services + (size_t)service) * (size_t)(l->n_types + 1) + (size_t)type;
}

bool latent_press_parse(const char *service, char *kind, double *level); /* "press-cpu-30" -> "cpu", 0.3 */
void latent_pairs_add(struct latent *l, const struct coloc *c, const bool *hidden, const struct latent_blend *blend); /* see latent_pair.c */
void latent_descend(struct latent_work *w);  /* from its start to a local minimum */
void latent_pins_find(struct latent_work *w);       /* adds the named components */
void latent_pins_set(struct latent_work *w, int k);
void latent_curves_fit(struct latent_work *w);      /* from the runs under synthetic pressure; see latent_curve.c */
double latent_effect(const struct latent *l, int k, int victim, double x);      /* curve or straight */
double latent_effect_slope(const struct latent *l, int k, int victim, double x);
double latent_sum_p(const struct latent *l, int k, const struct coloc_row *r);

#endif
