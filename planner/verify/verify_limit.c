/* Slowdowns of the plan by the model, and the limits on them. See verify.h. */
#include "planner/verify/verify_part.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

double *verify_pressures(const struct verify *v)
{
	const struct instance *in = v->plan->instance;
	int width = v->model ? model_n_pressures(v->model) : 0;
	double *sum;

	if (!v->model)
		return NULL;
	sum = mem_alloc((size_t)in->n_nodes * (size_t)width, sizeof(*sum));
	for (uint32_t i = 0; i < in->n_items; i++) {
		const struct service *s = &in->services[in->item_service[i]];
		int32_t n = v->plan->item_node[i];

		for (int k = 0; n >= 0 && s->model_service >= 0 && k < width; k++)
			sum[n * width + k] += model_pressure(v->model, s->model_service, in->nodes[n].model_type)[k];
	}
	return sum;
}

void verify_slowdown(const struct verify *v, uint32_t item, const double *pressures, struct prediction *out)
{
	const struct instance *in = v->plan->instance;
	const struct service *s = &in->services[in->item_service[item]];
	int32_t n = v->plan->item_node[item];
	int width = model_n_pressures(v->model);
	const double *own = model_pressure(v->model, s->model_service, in->nodes[n].model_type);
	double others[MODEL_MAX_PRESSURES];

	for (int k = 0; k < width; k++)
		others[k] = fmax(0, pressures[n * width + k] - own[k]);
	model_predict(v->model, s->model_service, in->nodes[n].model_type, others, s->limit_confidence, out);
}

static void check_limit(struct verify *v, uint32_t item, const double *pressures)
{
	const struct instance *in = v->plan->instance;
	const struct service *s = &in->services[in->item_service[item]];
	struct prediction p;

	verify_slowdown(v, item, pressures, &p);
	if (p.high > s->limit_ratio * (1 + FIGURE_EPSILON))
		verify_break(v, BREACH_LIMIT, "service %s replica %u on node %s: predicted slowdown %.3f (%.0f %% upper edge %.3f) exceeds the limit %.3f, mostly by %s",
			     s->id, verify_replica(in, item), in->nodes[v->plan->item_node[item]].id, p.slowdown, s->limit_confidence * 100, p.high,
			     s->limit_ratio, p.binding >= 0 ? model_pressure_name(v->model, p.binding) : "its own spread");
}

void verify_limits(struct verify *v)
{
	const struct instance *in = v->plan->instance;
	double *pressures = verify_pressures(v);
	uint32_t *count = mem_alloc(in->n_nodes, sizeof(*count));

	for (uint32_t i = 0; i < in->n_items; i++)
		if (v->plan->item_node[i] >= 0)
			count[v->plan->item_node[i]]++;
	for (uint32_t i = 0; i < in->n_items; i++) {
		const struct service *s = &in->services[in->item_service[i]];
		int32_t n = v->plan->item_node[i];

		if (n < 0 || !isfinite(s->limit_ratio))
			continue;
		if (!v->model || s->model_service < 0)
			v->n_unjudged++;
		else if (count[n] > 1)
			check_limit(v, i, pressures);
	}
	free(pressures);
	free(count);
}
