/*
 * Corrections of what the components of latent.h say, solved one victim at a time (latent_pair.c) and kept as further components
 * (latent_pair_keep.c); nobody else includes it.
 */
#ifndef PLANNER_MODEL_LATENT_PAIR_H
#define PLANNER_MODEL_LATENT_PAIR_H

#include "planner/model/latent_work.h"

struct pair_work {
	struct latent *l;
	double ridge, group_trust;  /* of latent_blend */
	bool *press;                /* per service: synthetic pressure */
	double *noise;              /* per victim: variance of its repeats, 1 = everybody's */
	size_t n;
	struct latent_cell *cells;  /* of one victim side by side */
	double *rest, *weight;      /* per cell: what the components leave, and what it counts */
	double *num, *den;          /* per neighbour and type */
	double *own;                /* [neighbour * (types + 1) + type]: corrections of the victim under way; the last is pooled */
	double crowd;               /* the same victim's answer to each neighbour after the first, on all types */
};

void pair_work_init(struct pair_work *w, struct latent *l, const struct coloc *c, const bool *hidden, const struct latent_blend *blend);
void pair_work_fini(struct pair_work *w);
/* Calls back with every victim's corrections in w->own and w->crowd. */
void pair_victims_each(struct pair_work *w, void (*visit)(struct pair_work *, int victim, void *), void *arg);
double *pair_own(const struct pair_work *w, int neighbour, int type); /* type n_types: pooled */
/* The least that any neighbour adds, crowd left out; kept: whose corrections count, NULL = everybody's. Never below 0. */
double pair_addition_least(const struct pair_work *w, int victim, const bool *kept);

#endif
