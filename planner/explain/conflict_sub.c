/*
 * Can these few services be placed at all? See conflict_sub.h. Of empty nodes that are alike for them only the first is tried: so
 * the search does not depend on the size of the fleet.
 */
#include "planner/explain/conflict_sub.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "planner/explain/conflict_small.h"
#include "planner/state.h"

#define STEPS_MAX 20000   /* of one search: about a tenth of a second */

static bool in_group(const struct conflict_sub *sub, uint32_t group, bool must_be_on)
{
	for (uint32_t i = 0; i < sub->n_services; i++)
		if (sub->in->services[sub->services[i]].group == group && (sub->service_on[i] || !must_be_on))
			return true;
	return false;
}

bool conflict_whole(const struct conflict_sub *sub, uint32_t group)
{
	uint32_t on = 0, all = 0;

	for (uint32_t i = 0; i < sub->n_services; i++)
		on += sub->service_on[i] && sub->in->services[sub->services[i]].group == group;
	for (uint32_t s = 0; s < sub->in->n_services; s++)
		all += sub->in->services[s].group == group;
	return on == all;
}

static void add_rule(struct conflict_sub *sub, enum conflict_kind kind, uint32_t at)
{
	sub->rules = mem_resize(sub->rules, sub->n_rules + 1, sizeof(*sub->rules));
	sub->rules[sub->n_rules++] = (struct conflict_rule){ kind, at };
}

struct conflict_sub *conflict_sub_new(const struct instance *in, const struct model *model, const uint32_t *services, uint32_t n)
{
	struct conflict_sub *sub = mem_alloc(1, sizeof(*sub));

	*sub = (struct conflict_sub){ .in = in, .model = model, .n_services = n };
	sub->services = mem_alloc(n, sizeof(*services));
	memcpy(sub->services, services, n * sizeof(*services));
	sub->service_on = mem_alloc(n, sizeof(bool));
	memset(sub->service_on, 1, n * sizeof(bool));
	for (uint32_t i = 0; i < in->n_caps; i++)
		if (in_group(sub, in->caps[i].a, false) && in_group(sub, in->caps[i].b, false))
			add_rule(sub, CONFLICT_CAP, i);
	for (uint32_t i = 0; i < in->n_spreads; i++)
		if (in_group(sub, in->spreads[i].group, false))
			add_rule(sub, CONFLICT_SPREAD, i);
	for (uint32_t i = 0; i < in->n_nears; i++)
		if (in_group(sub, in->nears[i].a, false) && in_group(sub, in->nears[i].b, false))
			add_rule(sub, CONFLICT_NEAR, i);
	sub->rule_on = mem_alloc(sub->n_rules, sizeof(bool));
	memset(sub->rule_on, 1, sub->n_rules * sizeof(bool));
	return sub;
}

void conflict_sub_free(struct conflict_sub *sub)
{
	free(sub->services);
	free(sub->service_on);
	free(sub->rules);
	free(sub->rule_on);
	free(sub);
}

bool conflict_applies(const struct conflict_sub *sub, uint32_t rule)
{
	const struct instance *in = sub->in;
	uint32_t at = sub->rules[rule].at;

	switch (sub->rules[rule].kind) {
	case CONFLICT_CAP:
		return in_group(sub, in->caps[at].a, true) && in_group(sub, in->caps[at].b, true);
	case CONFLICT_SPREAD:
		return in->spreads[at].max_per_value ? in_group(sub, in->spreads[at].group, true) : conflict_whole(sub, in->spreads[at].group);
	default:
		return conflict_whole(sub, in->nears[at].a) && conflict_whole(sub, in->nears[at].b);
	}
}

bool conflict_uses(const struct conflict_sub *sub, uint32_t node)
{
	for (uint32_t i = 0; i < sub->n_services; i++)
		if (sub->service_on[i] && instance_allows(sub->in, sub->services[i], node))
			return true;
	return false;
}

char *conflict_rule_text(const struct conflict_sub *sub, uint32_t rule)
{
	const struct instance *in = sub->in;
	uint32_t at = sub->rules[rule].at;
	const struct rule_spread *s;
	const char *label;

	if (sub->rules[rule].kind == CONFLICT_CAP)
		return str_fmt("at most %u of %s on a node that runs %s", in->caps[at].k, in->group_ids[in->caps[at].b], in->group_ids[in->caps[at].a]);
	if (sub->rules[rule].kind == CONFLICT_NEAR)
		return str_fmt("%s needs %s on its %s", in->group_ids[in->nears[at].a], in->group_ids[in->nears[at].b],
			       in->nears[at].label == LABEL_NODE ? "node" : in->label_names[in->nears[at].label]);
	s = &in->spreads[at];
	label = s->label == LABEL_NODE ? "node" : in->label_names[s->label];
	if (s->max_per_value && s->min_distinct)
		return str_fmt("%s on at least %u values of %s, at most %u on each", in->group_ids[s->group], s->min_distinct, label, s->max_per_value);
	return s->max_per_value ? str_fmt("at most %u of %s per %s", s->max_per_value, in->group_ids[s->group], label)
				: str_fmt("%s on at least %u values of %s", in->group_ids[s->group], s->min_distinct, label);
}

static bool too_much(const struct conflict_sub *sub)
{
	const struct instance *in = sub->in;
	bool *uses = mem_alloc(in->n_nodes, sizeof(*uses)), over = false;

	for (uint32_t n = 0; n < in->n_nodes; n++)
		uses[n] = conflict_uses(sub, n);
	for (uint32_t c = 0; c < in->n_columns && !over; c++) {
		int64_t need = 0, room = 0; /* instance_finish(): the sum of all demands fits */

		for (uint32_t i = 0; i < sub->n_services; i++)
			if (sub->service_on[i])
				need += in->demand[(size_t)sub->services[i] * in->n_columns + c] * in->services[sub->services[i]].replicas;
		for (uint32_t n = 0; n < in->n_nodes && room < need; n++)
			room += uses[n] ? in->capacity[(size_t)n * in->n_columns + c] : 0;
		over = room < need;
	}
	free(uses);
	return over;
}

struct dive { struct conflict_small *t; struct state *st; uint32_t steps; };

static bool like_one_is_empty(const struct dive *d, uint32_t node)
{
	for (uint32_t n = 0; n < node; n++)
		if (!d->st->items[n].n && d->t->kind[n] == d->t->kind[node])
			return true;
	return false;
}

static enum conflict_proof dive(struct dive *d, uint32_t item)
{
	const struct instance *in = &d->t->in;
	uint32_t service;

	if (item == in->n_items)
		return state_whole_ok(d->st) ? CONFLICT_PLACED : CONFLICT_SEARCH;
	service = in->item_service[item];
	for (uint32_t n = 0; n < in->n_nodes; n++) {
		enum conflict_proof below;

		if (d->steps++ > STEPS_MAX)
			return CONFLICT_UNKNOWN;
		if ((!d->st->items[n].n && like_one_is_empty(d, n)) || !state_fits(d->st, service, n))
			continue;
		state_put(d->st, item, n);
		below = dive(d, item + 1);
		state_take(d->st, item);
		if (below != CONFLICT_SEARCH)
			return below;
	}
	return CONFLICT_SEARCH;
}

enum conflict_proof conflict_prove(const struct conflict_sub *sub)
{
	struct conflict_small t;
	struct dive d = { .t = &t };
	enum conflict_proof proof;

	if (too_much(sub))
		return CONFLICT_VOLUME;
	if (!conflict_small_init(&t, sub))
		return CONFLICT_UNKNOWN;
	d.st = state_new(&t.in, sub->model);
	proof = dive(&d, 0);
	state_free(d.st);
	conflict_small_fini(&t);
	return proof;
}
