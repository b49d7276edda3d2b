/*
 * Interference limits of a placement under search: a node keeps the sum of pressures and a list of its items; after a change
 * every service with a limit on the nodes that changed is asked again. Agrees with planner/state.c and planner/verify/verify.c.
 */
#include <math.h>

#include "planner/solve/walk/place.h"

#define SLACK 1e-9 /* pressures are sums of doubles: entering and leaving leave rounding */

static const struct service *service_of(const struct place *p, uint32_t item)
{
	return &p->sc->in->services[p->sc->in->item_service[item]];
}

static double *pressure_of(const struct place *p, uint32_t node)
{
	return p->pressure + (size_t)node * (size_t)model_n_pressures(p->sc->model);
}

static void press(struct place *p, uint32_t item, uint32_t node, int sign)
{
	const struct service *s = service_of(p, item);
	double *sum = pressure_of(p, node);
	const double *own;

	if (s->model_service < 0)
		return;
	own = model_pressure(p->sc->model, s->model_service, p->sc->in->nodes[node].model_type);
	for (int k = 0; k < model_n_pressures(p->sc->model); k++)
		sum[k] += sign * own[k];
}

void place_limit_enter(struct place *p, uint32_t item, uint32_t node)
{
	press(p, item, node, 1);
	node_lists_enter(&p->by_node, item, node);
}

void place_limit_leave(struct place *p, uint32_t item, uint32_t node)
{
	press(p, item, node, -1);
	node_lists_leave(&p->by_node, item, node);
}

bool place_limit_holds(const struct place *p, uint32_t node)
{
	const struct model *m = p->sc->model;
	const double *sum = pressure_of(p, node);
	int32_t type = p->sc->in->nodes[node].model_type;

	for (int32_t i = p->by_node.first[node]; i >= 0; i = p->by_node.next[i]) {
		const struct service *s = service_of(p, (uint32_t)i);
		double others[MODEL_MAX_PRESSURES];
		const double *own;

		if (s->model_service < 0 || !isfinite(s->limit_ratio))
			continue;
		own = model_pressure(m, s->model_service, type);
		for (int k = 0; k < model_n_pressures(m); k++)
			others[k] = fmax(0, sum[k] - own[k]);
		if (model_upper(m, s->model_service, type, others, s->limit_confidence) > s->limit_ratio - SLACK)
			return false;
	}
	return true;
}
