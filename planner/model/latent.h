/*
 * Learning pressures and sensitivities from slowdowns alone.
 *
 * z[run] = sum over neighbours j, components k of s[k][victim] * p[k][j], all >= 0, on the link's scale (model.h). Components:
 *   count   p = 1 for everyone, s free: a service's answer to the number of its neighbours
 *   load    s = 1 for everyone, p free: what a neighbour does to anybody
 *   shared  both free: rank >= 1, the resources themselves
 *   named   one per kind of synthetic pressure in the data (neighbours called press-KIND-LEVEL): those exert level / 100 on
 *           their own resource and nothing else, so sensitivities get names, and others' pressures are found from them
 * Every parameter is shrunk towards its service's value over all node types, and that towards the mean of all services
 * (a hierarchical ridge), so that what a run does not tell is filled in from what services have in common. Fitted by
 * non-negative coordinate descent on relative errors, then twice with Huber weights against wild runs. An averaged fit is the mean, on
 * the link's scale, of several forms; its components stand side by side, so it is evaluated like any other.
 */
#ifndef PLANNER_MODEL_LATENT_H
#define PLANNER_MODEL_LATENT_H

#include <stdbool.h>

#include "planner/model/coloc.h"
#include "planner/predict.h"

#define LATENT_NAME_MAX 16

struct latent_spec {
	const char *name;      /* row of the table of models */
	int link;              /* 1 linear, 0 log, -1 queue */
	bool count, load;
	int shared;            /* rank */
	bool named;
	double ridge;          /* strength of the shrinkage, in runs */
	bool average;          /* mean of the forms in latent.c's table, each with this link and ridge */
	bool plain;            /* plain matrix factorisation: signs free, shrunk towards 0, no robustness: a baseline */
};

struct latent {
	struct latent_spec spec;
	int k, n_services, n_types;
	char kinds[MODEL_MAX_PRESSURES]; /* 's'hared, 'c'ount, 'l'oad, 'n'amed */
	char names[MODEL_MAX_PRESSURES][LATENT_NAME_MAX]; /* of named components: "cpu", "disk" … */
	double *s, *p;         /* [(k * n_services + service) * (n_types + 1) + type]; the last is all types pooled */
};

/* hidden[row] true = left out; NULL = none. */
struct latent *latent_fit(const struct coloc *c, const bool *hidden, const struct latent_spec *spec);
void latent_free(struct latent *l);
bool latent_is_load(const struct latent *l, int k);  /* which kind of component k is; neither = shared */
bool latent_is_count(const struct latent *l, int k);
double latent_predict(const struct latent *l, const struct coloc_row *r); /* slowdown >= 1 */

#endif
