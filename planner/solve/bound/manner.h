/*
 * Services told apart by what they exert and what they accept: the model's service, the limit and its confidence. Fleets have many
 * services and few manners, so bounds ask the model once for each. What is said of a manner holds on the best type of node for it.
 */
#ifndef PLANNER_SOLVE_BOUND_MANNER_H
#define PLANNER_SOLVE_BOUND_MANNER_H

#include "planner/instance/instance.h"
#include "planner/predict.h"

#define MANNERS_MAX 400   /* of more nothing is said */
#define NO_MANNER UINT32_MAX

struct manner { int model_service; double limit_ratio, confidence; };

struct manners {
	const struct model *model; /* NULL = no limits: no service has a manner */
	int *types;                /* model types of the nodes, each once */
	uint32_t n_types, n;
	struct manner v[MANNERS_MAX];
};

void manners_init(struct manners *m, const struct instance *in, const struct model *model);
void manners_fini(struct manners *m);

uint32_t manners_find(struct manners *m, const struct service *s); /* NO_MANNER: the model does not know it, or it is one too many */
/* Has it more than it accepts under this pressure of others ([model_n_pressures()]) on a node of the type? Never without a limit. */
bool manners_suffers(const struct manners *m, uint32_t manner, const double *pressure, int type);

#endif
