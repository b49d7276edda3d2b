/*
 * The rules between groups, indexed by group, as part of the compiled instance; see scalar.h.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "planner/solve/walk/scalar.h"

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

void scalar_rules_init(struct scalar *sc)
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

static void rule_list_free(struct rule_list *l)
{
	free(l->start);
	free(l->rules);
}

void scalar_rules_fini(struct scalar *sc)
{
	rule_list_free(&sc->spreads);
	rule_list_free(&sc->needs);
	rule_list_free(&sc->needed);
	free(sc->holds.start);
	free(sc->holds.caps);
	free(sc->held.start);
	free(sc->held.caps);
	free(sc->self_cap);
	free(sc->label);
	free(sc->ruled);
}
