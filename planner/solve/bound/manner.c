/* See manner.h. */
#include "planner/solve/bound/manner.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

#define SLACK 1e-6        /* relative: what is exceeded by less is rounding */

void manners_init(struct manners *m, const struct instance *in, const struct model *model)
{
	*m = (struct manners){ .model = model, .types = mem_alloc((size_t)in->n_nodes + 1, sizeof(*m->types)) };
	for (uint32_t n = 0; n < in->n_nodes; n++) {
		uint32_t i = 0;

		while (i < m->n_types && m->types[i] != in->nodes[n].model_type)
			i++;
		if (i == m->n_types)
			m->types[m->n_types++] = in->nodes[n].model_type;
	}
}

void manners_fini(struct manners *m)
{
	free(m->types);
}

uint32_t manners_find(struct manners *m, const struct service *s)
{
	uint32_t i = 0;

	if (!m->model || s->model_service < 0)
		return NO_MANNER;
	while (i < m->n && (m->v[i].model_service != s->model_service || m->v[i].limit_ratio != s->limit_ratio || m->v[i].confidence != s->limit_confidence))
		i++;
	if (i == MANNERS_MAX)
		return NO_MANNER;
	if (i == m->n)
		m->v[m->n++] = (struct manner){ s->model_service, s->limit_ratio, s->limit_confidence };
	return i;
}

bool manners_suffers(const struct manners *m, uint32_t manner, const double *pressure, int type)
{
	const struct manner *v = m->v + manner;

	return isfinite(v->limit_ratio) && model_upper(m->model, v->model_service, type, pressure, v->confidence) > v->limit_ratio * (1 + SLACK);
}
