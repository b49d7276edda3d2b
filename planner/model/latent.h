/*
 * Learning pressures and sensitivities from slowdowns alone.
 *
 * z[run] = sum over neighbours j, components k of s[k][victim] * p[k][j], all >= 0, on the link's scale (model.h). Components:
 *   count   p = 1 for everyone, s free: a service's answer to the number of its neighbours
 *   load    s = 1 for everyone, p free: what a neighbour does to anybody
 *   shared  both free: rank >= 1, the resources themselves
 *   named   one per kind of synthetic pressure in the data (neighbours called press-KIND-LEVEL): those exert level / 100 on
 *           their own resource and nothing else, so sensitivities get names, and others' pressures are found from them
 *   curved  the same, but a victim that was measured under several levels answers through the monotone curve through them
 *           (Bubble-Up, Mars et al., MICRO'11) instead of a straight line
 *   pair    one per neighbour, p = 1 for that one alone; s of either sign: what its pairs showed beyond the components above
 *   group   everybody's p = 1, but only what comes after the first neighbour counts; s of either sign: what the
 *           victim's groups showed beyond the sum of their neighbours
 * Every parameter is shrunk towards its service's value over all node types, and that towards the mean of all services
 * (a hierarchical ridge), so that what a run does not tell is filled in from what services have in common. Fitted by
 * non-negative coordinate descent on relative errors, then twice with Huber weights against wild runs.
 *
 * Each service as a victim has a link of its own (the kind of its model); pressures are shared by all. A blend is the weighted
 * mean, on the link's scale, of several forms; its components stand side by side, so it is evaluated like any other.
 */
#ifndef PLANNER_MODEL_LATENT_H
#define PLANNER_MODEL_LATENT_H

#include <stdbool.h>

#include "planner/model/coloc.h"
#include "planner/model/model.h"

#define LATENT_NAME_MAX 16
#define LATENT_FORMS 6

/* One form: which components. */
struct latent_spec {
	const char *name;
	bool count, load;
	int shared;            /* rank */
	bool named;
	bool curved;           /* named components act through monotone curves measured under synthetic pressure */
	bool plain;            /* plain matrix factorisation: signs free, shrunk towards 0, no robustness: a baseline */
	double ridge;          /* strength of the shrinkage, in runs */
};

/* How the forms of latent_forms[] are put together. */
struct latent_blend {
	double *links;                /* per service; owned */
	double weight[LATENT_FORMS];  /* >= 0, sum 1 */
	double ridge[LATENT_FORMS];
	double pair_ridge;            /* shrinkage of what is particular to a pair, in runs; 0 = nothing is */
	double group_trust;           /* what a group's run says about the pairs in it, against a pair's own: 0 to 1 */
};

struct latent {
	bool plain;
	int k, n_services, n_types;
	char kinds[MODEL_MAX_PRESSURES]; /* 's'hared, 'c'ount, 'l'oad, 'n'amed, 'b': named and bent, 'p'air, 'g'roup */
	char names[MODEL_MAX_PRESSURES][LATENT_NAME_MAX]; /* of named components: "cpu", "disk" … */
	int beside[MODEL_MAX_PRESSURES]; /* of pair components: the neighbour */
	double *links;         /* per service */
	double *s, *p;         /* [(k * n_services + service) * (n_types + 1) + type]; the last is all types pooled */
	struct curve *curves;  /* [k * n_services + service]; NULL = all straight */
};

extern const struct latent_spec latent_forms[LATENT_FORMS];

/* hidden[row] true = left out; NULL = none. links: per service; NULL = 1 for all. */
struct latent *latent_form_fit(const struct coloc *c, const bool *hidden, const struct latent_spec *form, const double *links);
struct latent *latent_fit(const struct coloc *c, const bool *hidden, const struct latent_blend *blend);
void latent_free(struct latent *l);
bool latent_is_load(const struct latent *l, int k);  /* which kind of component k is; neither = shared */
bool latent_is_count(const struct latent *l, int k);
double latent_z(const struct latent *l, const struct coloc_row *r);       /* on the link's scale */
double latent_predict(const struct latent *l, const struct coloc_row *r); /* slowdown >= 1 */

#endif
