/*
 * Compiling an instance for incremental evaluation; see scalar.h.
 */
#include "planner/solve/walk/scalar.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

#define MAX_COUNTERS ((size_t)1 << 30) /* node x group counters, two bytes each */

static bool term_fits(const struct instance *in, const struct term *t)
{
	switch (t->kind) {
	case TERM_HINGE:
		return in->soft != NULL;
	case TERM_BALANCE:
		return in->resources[t->resource].slots == in->resources[t->resource2].slots;
	case TERM_NODE_COST:
	case TERM_MOVE:
	case TERM_MOVE_GROUP:
		return true;
	case TERM_MOVE_PAIR:
		return in->move_pair != NULL;
	default:
		return false;
	}
}

bool scalar_applies(const struct instance *in)
{
	bool any = false;

	for (uint32_t i = 0; i < in->n_terms; i++) {
		if (!term_fits(in, &in->terms[i]))
			return false;
		any |= in->terms[i].kind == TERM_HINGE || in->terms[i].kind == TERM_BALANCE;
	}
	return any && (size_t)in->n_nodes * in->n_groups <= MAX_COUNTERS && in->n_items > 0 && in->n_nodes > 1;
}

static uint32_t vectors(uint32_t n)
{
	return (n + LANES - 1) / LANES;
}

static double column_weight(const struct instance *in, const struct term *t)
{
	return t->weight / in->resources[t->resource].slots;
}

/* One soft column per slot of each hinge and balance. */
static uint32_t count_soft(const struct instance *in)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < in->n_terms; i++)
		if (in->terms[i].kind == TERM_HINGE || in->terms[i].kind == TERM_BALANCE)
			n += in->resources[in->terms[i].resource].slots;
	return n;
}

static double *as_doubles(lanes *v)
{
	return (double *)v;
}

static void fill_need(struct scalar *sc, uint32_t s)
{
	const struct instance *in = sc->in;
	const int64_t *d = in->demand + (size_t)s * in->n_columns;
	double *full = as_doubles(sc->need + (size_t)s * (2 * sc->hard + sc->soft));
	double *stay = full + sc->hard * LANES, *soft = stay + sc->hard * LANES;

	for (uint32_t r = 0; r < in->n_resources; r++)
		for (uint32_t k = 0; k < in->resources[r].slots; k++) {
			uint32_t c = in->resources[r].column + k;

			full[c] = (double)d[c];
			stay[c] = in->resources[r].transient ? 0 : (double)d[c];
		}
	for (uint32_t i = 0; i < in->n_terms; i++) {
		const struct term *t = &in->terms[i];

		if (t->kind != TERM_HINGE && t->kind != TERM_BALANCE)
			continue;
		for (uint32_t k = 0; k < in->resources[t->resource].slots; k++) {
			double use = (double)d[in->resources[t->resource].column + k];

			if (t->kind == TERM_BALANCE)
				use = (double)d[in->resources[t->resource2].column + k] - (double)t->target * use;
			*soft++ = column_weight(in, t) * use;
		}
	}
}

static void fill_empty(struct scalar *sc, uint32_t m)
{
	const struct instance *in = sc->in;
	const int64_t *cap = in->capacity + (size_t)m * in->n_columns;
	double *hard = as_doubles(sc->empty + (size_t)m * (sc->hard + sc->soft)), *soft = hard + sc->hard * LANES;

	for (uint32_t c = 0; c < in->n_columns; c++)
		hard[c] = (double)cap[c];
	for (uint32_t i = 0; i < in->n_terms; i++) {
		const struct term *t = &in->terms[i];

		if (t->kind != TERM_HINGE && t->kind != TERM_BALANCE)
			continue;
		for (uint32_t k = 0; k < in->resources[t->resource].slots; k++) {
			uint32_t c = in->resources[t->resource].column + k, c2 = in->resources[t->resource2].column + k;
			double limit = t->kind == TERM_HINGE ? (double)in->soft[(size_t)m * in->n_columns + c]
							     : (double)cap[c2] - (double)t->target * (double)cap[c];

			*soft++ = -column_weight(in, t) * limit;
		}
	}
}

static void fill_weights(struct scalar *sc)
{
	for (uint32_t i = 0; i < sc->in->n_terms; i++) {
		const struct term *t = &sc->in->terms[i];

		for (uint32_t k = 0; k < sc->in->n_items && t->kind == TERM_MOVE; k++)
			sc->move_cost[k] += t->weight * (double)sc->in->services[sc->in->item_service[k]].move_cost;
		sc->move_group += t->kind == TERM_MOVE_GROUP ? t->weight : 0;
		sc->move_pair += t->kind == TERM_MOVE_PAIR ? t->weight : 0;
		sc->node_cost += t->kind == TERM_NODE_COST ? t->weight : 0;
	}
}

lanes *lanes_new(size_t n)
{
	return mem_aligned(n, sizeof(lanes), sizeof(lanes));
}

/* Items and overloads are measured against the mean node. */
static void fill_sizes(struct scalar *sc)
{
	const struct instance *in = sc->in;

	sc->size = mem_alloc(in->n_services, sizeof(double));
	for (uint32_t c = 0; c < in->n_columns; c++) {
		double mean = 0;

		for (uint32_t m = 0; m < in->n_nodes; m++)
			mean += (double)in->capacity[(size_t)m * in->n_columns + c] / in->n_nodes;
		as_doubles(sc->unit)[c] = 1 / fmax(mean, 1);
		sc->widest = fmax(sc->widest, mean);
		for (uint32_t s = 0; s < in->n_services; s++)
			sc->size[s] += (double)in->demand[(size_t)s * in->n_columns + c] / fmax(mean, 1) / in->n_columns;
	}
}

static bool any_limit(const struct instance *in)
{
	for (uint32_t s = 0; s < in->n_services; s++)
		if (in->services[s].model_service >= 0 && isfinite(in->services[s].limit_ratio))
			return true;
	return false;
}

struct scalar *scalar_new(const struct instance *in, const struct model *model)
{
	struct scalar *sc;

	if (!scalar_applies(in))
		return NULL;
	sc = mem_alloc(1, sizeof(*sc));
	sc->in = in;
	sc->model = model && any_limit(in) ? model : NULL;
	sc->hard = vectors(in->n_columns);
	sc->n_soft = count_soft(in);
	sc->soft = vectors(sc->n_soft);
	sc->need = lanes_new(((size_t)in->n_services + 1) * (2 * sc->hard + sc->soft));
	sc->empty = lanes_new((size_t)in->n_nodes * (sc->hard + sc->soft));
	for (uint32_t s = 0; s < in->n_services; s++)
		fill_need(sc, s);
	for (uint32_t m = 0; m < in->n_nodes; m++)
		fill_empty(sc, m);
	sc->unit = lanes_new(sc->hard);
	fill_sizes(sc);
	sc->move_cost = mem_alloc(in->n_items, sizeof(double));
	sc->group = mem_alloc(in->n_items, sizeof(uint32_t));
	for (uint32_t i = 0; i < in->n_items; i++)
		sc->group[i] = in->services[in->item_service[i]].group;
	fill_weights(sc);
	scalar_rules_init(sc);
	return sc;
}

void scalar_free(struct scalar *sc)
{
	if (!sc)
		return;
	scalar_rules_fini(sc);
	free(sc->need);
	free(sc->size);
	free(sc->unit);
	free(sc->group);
	free(sc->move_cost);
	free(sc->empty);
	free(sc);
}
