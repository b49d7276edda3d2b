/*
 * Smallest conflicting set: see conflict.h. The set grows around a service without a place, by shared rules and shared pins,
 * until it is proven infeasible; then whatever can be left out without losing the proof is left out, services first, then rules.
 */
#include "planner/explain/conflict.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "planner/explain/conflict_sub.h"

#define SETS_SHOWN 3
#define SERVICES_MAX 24  /* an exhaustive search is hopeless beyond */
#define NAMES_SHOWN 8

struct set { uint32_t v[SERVICES_MAX], n; };

static bool holds(const struct set *s, uint32_t service)
{
	for (uint32_t i = 0; i < s->n; i++)
		if (s->v[i] == service)
			return true;
	return false;
}

static void add_group(const struct instance *in, struct set *s, uint32_t group)
{
	for (uint32_t k = 0; k < in->n_services && s->n < SERVICES_MAX; k++)
		if (in->services[k].group == group && !holds(s, k))
			s->v[s->n++] = k;
}

static bool in_set(const struct instance *in, const struct set *s, uint32_t group)
{
	for (uint32_t i = 0; i < s->n; i++)
		if (in->services[s->v[i]].group == group)
			return true;
	return false;
}

/* Services that share a rule with the set. */
static void grow_by_rules(const struct instance *in, struct set *s)
{
	struct set before = *s;

	for (uint32_t i = 0; i < before.n; i++)
		add_group(in, s, in->services[before.v[i]].group);
	for (uint32_t i = 0; i < in->n_caps; i++)
		if (in_set(in, &before, in->caps[i].a) || in_set(in, &before, in->caps[i].b)) {
			add_group(in, s, in->caps[i].a);
			add_group(in, s, in->caps[i].b);
		}
	for (uint32_t i = 0; i < in->n_nears; i++)
		if (in_set(in, &before, in->nears[i].a) || in_set(in, &before, in->nears[i].b)) {
			add_group(in, s, in->nears[i].a);
			add_group(in, s, in->nears[i].b);
		}
}

/* Services that may only run where some of the set may run. */
static void grow_by_nodes(const struct instance *in, struct set *s)
{
	struct set before = *s;

	for (uint32_t k = 0; k < in->n_services && s->n < SERVICES_MAX; k++) {
		bool inside = !holds(s, k);

		for (uint32_t n = 0; n < in->n_nodes && inside; n++) {
			bool theirs = false;

			for (uint32_t i = 0; i < before.n; i++)
				theirs |= instance_allows(in, before.v[i], n);
			inside = theirs || !instance_allows(in, k, n);
		}
		if (inside)
			s->v[s->n++] = k;
	}
}

/* Leave out what the proof does not need; the service that started it last. */
static void shrink(struct conflict_sub *sub)
{
	const struct model *model = sub->model;

	for (uint32_t i = sub->n_services; i-- > 0; ) {
		sub->service_on[i] = false;
		sub->service_on[i] = !conflict_proven(conflict_prove(sub));
	}
	for (uint32_t i = 0; i < sub->n_rules; i++) {
		bool concerned = conflict_applies(sub, i);

		sub->rule_on[i] = false;
		sub->rule_on[i] = concerned && !conflict_proven(conflict_prove(sub));
	}
	sub->model = NULL;
	if (!conflict_proven(conflict_prove(sub)))
		sub->model = model;
}

static char *append(char *text, const char *more, const char *between)
{
	char *both = str_fmt("%s%s%s", text, *text ? between : "", more);

	free(text);
	return both;
}

static int by_index(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* The services that are on, as the instance lists them. */
static uint32_t *in_order(const struct conflict_sub *sub, uint32_t *n)
{
	uint32_t *v = mem_alloc(sub->n_services, sizeof(*v));

	*n = 0;
	for (uint32_t i = 0; i < sub->n_services; i++)
		if (sub->service_on[i])
			v[(*n)++] = sub->services[i];
	qsort(v, *n, sizeof(*v), by_index);
	return v;
}

static void tell(struct plan *p, const struct conflict_sub *sub, enum conflict_proof proof)
{
	const struct instance *in = p->instance;
	char *names = str_dup(""), *rules = str_dup(""), *nodes = str_dup("");
	uint32_t n = 0, n_nodes = 0, *order = in_order(sub, &n);

	for (uint32_t i = 0; i < n && i < NAMES_SHOWN; i++) {
		const struct service *s = &in->services[order[i]];
		char *one = s->replicas > 1 ? str_fmt("%s (%u replicas)", s->id, s->replicas) : str_dup(s->id);

		names = append(names, one, ", ");
		free(one);
	}
	for (uint32_t k = 0; k < in->n_nodes; k++)
		if (conflict_uses(sub, k) && n_nodes++ < NAMES_SHOWN)
			nodes = append(nodes, in->nodes[k].id, ", ");
	for (uint32_t i = 0; i < sub->n_rules; i++)
		if (sub->rule_on[i]) {
			char *one = conflict_rule_text(sub, i);

			rules = append(rules, one, "; ");
			free(one);
		}
	if (sub->model)
		rules = append(rules, "their slowdown limits", "; ");
	plan_say(p, sub->services[0], "no plan can place all of: %s%s; %s the %u nodes that they may use (%s%s)%s%s", names, n > NAMES_SHOWN ? ", …" : "",
		 proof == CONFLICT_VOLUME ? "together they need more than the sum of" : "no arrangement fits", n_nodes, nodes,
		 n_nodes > NAMES_SHOWN ? ", …" : "", *rules ? " under: " : "", rules);
	free(order);
	free(names);
	free(rules);
	free(nodes);
}

static bool explain_one(struct plan *p, const struct model *model, uint32_t service)
{
	const struct instance *in = p->instance;
	struct set s = { .v = { service }, .n = 1 };
	enum conflict_proof proof = CONFLICT_UNKNOWN;

	for (unsigned ring = 0; ring < 6; ring++) {
		struct conflict_sub *sub = conflict_sub_new(in, model, s.v, s.n);
		uint32_t before = s.n;

		proof = conflict_prove(sub);
		if (conflict_proven(proof)) {
			shrink(sub);
			tell(p, sub, conflict_prove(sub));
		}
		conflict_sub_free(sub);
		if (conflict_proven(proof))
			return true;
		if (ring % 2)
			grow_by_nodes(in, &s);
		else
			grow_by_rules(in, &s);
		if (s.n == before && ring % 2)
			break;
	}
	return false;
}

unsigned conflict_explain(struct plan *p, const struct model *model)
{
	const struct instance *in = p->instance;
	unsigned found = 0, tried = 0;

	for (uint32_t i = 0; i < in->n_items && found < SETS_SHOWN && tried < 2 * SETS_SHOWN; i++) {
		uint32_t service = in->item_service[i];

		if (p->item_node[i] >= 0 || (i > in->services[service].first_item && p->item_node[i - 1] < 0))
			continue;
		tried++;
		found += explain_one(p, model, service);
	}
	if (p->n_unplaced && !found && in->max_moves < 0)
		plan_say(p, 0, "whether everything can be placed is not proven either way: no small conflicting set was found");
	return found;
}
