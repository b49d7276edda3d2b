/*
 * Compiling an instance for incremental evaluation; see scalar.h.
 */
#include "planner/solve/scalar.h"

#include <stdlib.h>
#include <string.h>

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

		sc->move += t->kind == TERM_MOVE ? t->weight : 0;
		sc->move_group += t->kind == TERM_MOVE_GROUP ? t->weight : 0;
		sc->move_pair += t->kind == TERM_MOVE_PAIR ? t->weight : 0;
		sc->node_cost += t->kind == TERM_NODE_COST ? t->weight : 0;
	}
}

static uint32_t label_index(struct scalar *sc, uint32_t label)
{
	for (uint32_t i = 0; i < sc->n_labels; i++)
		if (sc->label[i] == label)
			return i;
	sc->label = mem_resize(sc->label, sc->n_labels + 1, sizeof(*sc->label));
	sc->label[sc->n_labels] = label;
	return sc->n_labels++;
}

/* Turns counts per group in start[g + 1] into offsets. */
static uint32_t offsets(uint32_t *start, uint32_t n_groups)
{
	for (uint32_t g = 0; g < n_groups; g++)
		start[g + 1] += start[g];
	return start[n_groups];
}

enum rule_side { SIDE_SPREAD, SIDE_NEEDS, SIDE_NEEDED };

static uint32_t rule_group(const struct instance *in, enum rule_side side, uint32_t i)
{
	return side == SIDE_SPREAD ? in->spreads[i].group : side == SIDE_NEEDS ? in->nears[i].a : in->nears[i].b;
}

static struct rule_list rule_list_new(struct scalar *sc, enum rule_side side)
{
	const struct instance *in = sc->in;
	uint32_t n = side == SIDE_SPREAD ? in->n_spreads : in->n_nears;
	struct rule_list l = { .start = mem_alloc(in->n_groups + 1, sizeof(uint32_t)), .rules = mem_alloc(n, sizeof(*l.rules)) };
	uint32_t *at = mem_alloc(in->n_groups + 1, sizeof(uint32_t));

	for (uint32_t i = 0; i < n; i++)
		l.start[rule_group(in, side, i) + 1]++;
	offsets(l.start, in->n_groups);
	memcpy(at, l.start, (in->n_groups + 1) * sizeof(uint32_t));
	for (uint32_t i = 0; i < n; i++) {
		uint32_t g = rule_group(in, side, i);
		struct group_rule *r = &l.rules[at[g]++];

		sc->ruled[g] = true;
		if (side == SIDE_SPREAD)
			*r = (struct group_rule){ label_index(sc, in->spreads[i].label), 0, in->spreads[i].min_distinct,
						  in->spreads[i].max_per_value };
		else
			*r = (struct group_rule){ .label = label_index(sc, in->nears[i].label),
						  .other = side == SIDE_NEEDS ? in->nears[i].b : in->nears[i].a };
	}
	free(at);
	return l;
}

static struct cap_list cap_list_new(struct scalar *sc, bool holder)
{
	const struct instance *in = sc->in;
	struct cap_list l = { .start = mem_alloc(in->n_groups + 1, sizeof(uint32_t)), .caps = mem_alloc(in->n_caps, sizeof(*l.caps)) };
	uint32_t *at = mem_alloc(in->n_groups + 1, sizeof(uint32_t));

	for (uint32_t i = 0; i < in->n_caps; i++)
		if (in->caps[i].a != in->caps[i].b)
			l.start[(holder ? in->caps[i].a : in->caps[i].b) + 1]++;
	sc->has_caps |= offsets(l.start, in->n_groups) > 0;
	memcpy(at, l.start, (in->n_groups + 1) * sizeof(uint32_t));
	for (uint32_t i = 0; i < in->n_caps; i++) {
		const struct rule_cap *c = &in->caps[i];
		uint32_t k;

		if (c->a == c->b)
			continue;
		k = at[holder ? c->a : c->b]++;
		l.caps[k].other = holder ? c->b : c->a;
		l.caps[k].k = c->k;
	}
	free(at);
	return l;
}

static void fill_rules(struct scalar *sc)
{
	const struct instance *in = sc->in;

	sc->ruled = mem_alloc(in->n_groups, sizeof(bool));
	sc->self_cap = mem_alloc(in->n_groups, sizeof(uint32_t));
	memset(sc->self_cap, 0xff, in->n_groups * sizeof(uint32_t));
	for (uint32_t i = 0; i < in->n_caps; i++)
		if (in->caps[i].a == in->caps[i].b && in->caps[i].k < sc->self_cap[in->caps[i].a])
			sc->self_cap[in->caps[i].a] = in->caps[i].k;
	sc->holds = cap_list_new(sc, true);
	sc->held = cap_list_new(sc, false);
	sc->spreads = rule_list_new(sc, SIDE_SPREAD);
	sc->needs = rule_list_new(sc, SIDE_NEEDS);
	sc->needed = rule_list_new(sc, SIDE_NEEDED);
}

static lanes *lanes_alloc(size_t n)
{
	size_t bytes = (n ? n : 1) * sizeof(lanes);
	lanes *v = aligned_alloc(sizeof(lanes), bytes);

	if (!v)
		abort();
	memset(v, 0, bytes);
	return v;
}

struct scalar *scalar_new(const struct instance *in)
{
	struct scalar *sc;

	if (!scalar_applies(in))
		return NULL;
	sc = mem_alloc(1, sizeof(*sc));
	sc->in = in;
	sc->hard = vectors(in->n_columns);
	sc->soft = vectors(count_soft(in));
	sc->need = lanes_alloc((size_t)in->n_services * (2 * sc->hard + sc->soft));
	sc->empty = lanes_alloc((size_t)in->n_nodes * (sc->hard + sc->soft));
	for (uint32_t s = 0; s < in->n_services; s++)
		fill_need(sc, s);
	for (uint32_t m = 0; m < in->n_nodes; m++)
		fill_empty(sc, m);
	fill_weights(sc);
	fill_rules(sc);
	return sc;
}

static void rule_list_free(struct rule_list *l)
{
	free(l->start);
	free(l->rules);
}

void scalar_free(struct scalar *sc)
{
	if (!sc)
		return;
	rule_list_free(&sc->spreads);
	rule_list_free(&sc->needs);
	rule_list_free(&sc->needed);
	free(sc->holds.start);
	free(sc->holds.caps);
	free(sc->held.start);
	free(sc->held.caps);
	free(sc->need);
	free(sc->empty);
	free(sc->self_cap);
	free(sc->label);
	free(sc->ruled);
	free(sc);
}
