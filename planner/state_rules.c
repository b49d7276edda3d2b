/* Rules over a placement under construction: see state_rules.h. */
#include "planner/state_rules.h"

#include <stdlib.h>

#include "base/mem.h"
#include "planner/state.h"

static uint32_t value_of(const struct instance *in, uint32_t label, uint32_t node)
{
	return label == LABEL_NODE ? node : in->node_label[(size_t)node * in->n_labels + label];
}

/* Pairs (group, rule) into lists per group. groups_of() gives the rule's one or two groups. */
static struct rule_index index_make(const struct instance *in, uint32_t n_rules, void (*groups_of)(const struct instance *in, uint32_t rule, uint32_t *g))
{
	struct rule_index x = { mem_alloc((size_t)in->n_groups + 2, sizeof(uint32_t)), mem_alloc((size_t)n_rules * 2, sizeof(uint32_t)) };
	uint32_t g[2];

	for (uint32_t i = 0; i < n_rules; i++) {
		groups_of(in, i, g);
		x.first[g[0] + 2]++;
		x.first[g[1] + 2] += g[1] != g[0];
	}
	for (uint32_t k = 0; k < in->n_groups; k++)
		x.first[k + 2] += x.first[k + 1];
	for (uint32_t i = 0; i < n_rules; i++) {
		groups_of(in, i, g);
		x.list[x.first[g[0] + 1]++] = i;
		if (g[1] != g[0])
			x.list[x.first[g[1] + 1]++] = i;
	}
	return x;
}

static void groups_of_cap(const struct instance *in, uint32_t i, uint32_t *g)
{
	g[0] = in->caps[i].a;
	g[1] = in->caps[i].b;
}

static void groups_of_spread(const struct instance *in, uint32_t i, uint32_t *g)
{
	g[0] = g[1] = in->spreads[i].group;
}

static void group_of_service(const struct instance *in, uint32_t i, uint32_t *g)
{
	g[0] = g[1] = in->services[i].group;
}

static void groups_of_near(const struct instance *in, uint32_t i, uint32_t *g)
{
	g[0] = in->nears[i].a;
	g[1] = in->nears[i].b;
}

void state_rules_init(struct state_rules *r, const struct instance *in)
{
	r->caps = index_make(in, in->n_caps, groups_of_cap);
	r->spreads = index_make(in, in->n_spreads, groups_of_spread);
	r->nears = index_make(in, in->n_nears, groups_of_near);
	r->members = index_make(in, in->n_nears ? in->n_services : 0, group_of_service);
	r->spread_count = mem_alloc(in->n_spreads, sizeof(*r->spread_count));
	r->spread_distinct = mem_alloc(in->n_spreads, sizeof(*r->spread_distinct));
	r->near_count = mem_alloc(in->n_nears, sizeof(*r->near_count));
	r->near_orphans = mem_alloc(in->n_nears, sizeof(*r->near_orphans));
	for (uint32_t i = 0; i < in->n_spreads; i++)
		if (in->spreads[i].label != LABEL_NODE)
			r->spread_count[i] = mem_alloc(in->label_counts[in->spreads[i].label], sizeof(uint32_t));
	for (uint32_t i = 0; i < in->n_nears; i++)
		if (in->nears[i].label != LABEL_NODE)
			r->near_count[i] = mem_alloc((size_t)in->label_counts[in->nears[i].label] * 2, sizeof(uint32_t));
	r->group_size = mem_alloc(in->n_groups, sizeof(uint32_t));
	r->group_placed = mem_alloc(in->n_groups, sizeof(uint32_t));
	for (uint32_t s = 0; s < in->n_services; s++)
		r->group_size[in->services[s].group] += in->services[s].replicas;
}

void state_rules_fini(struct state_rules *r, const struct instance *in)
{
	for (uint32_t i = 0; i < in->n_spreads; i++)
		free(r->spread_count[i]);
	for (uint32_t i = 0; i < in->n_nears; i++)
		free(r->near_count[i]);
	free(r->caps.first);
	free(r->caps.list);
	free(r->spreads.first);
	free(r->spreads.list);
	free(r->nears.first);
	free(r->nears.list);
	free(r->members.first);
	free(r->members.list);
	free(r->spread_count);
	free(r->spread_distinct);
	free(r->near_count);
	free(r->near_orphans);
	free(r->group_size);
	free(r->group_placed);
}

static uint32_t group_on(const struct state *st, uint32_t group, uint32_t node)
{
	const struct state_list *l = &st->items[node];
	uint32_t n = 0;

	for (uint32_t i = 0; i < l->n; i++)
		n += st->in->services[st->in->item_service[l->v[i]]].group == group;
	return n;
}

/* Replicas of the rule's groups on the node's value, not counting one that is on its way. */
static void near_counts(const struct state *st, uint32_t rule, uint32_t node, uint32_t *a, uint32_t *b)
{
	const struct rule_near *r = &st->in->nears[rule];
	const uint32_t *n;

	if (r->label == LABEL_NODE) {
		*a = group_on(st, r->a, node);
		*b = group_on(st, r->b, node);
		return;
	}
	n = st->rules.near_count[rule] + 2 * (size_t)value_of(st->in, r->label, node);
	*a = n[0];
	*b = n[1];
}

static void count_near(struct state *st, uint32_t rule, uint32_t group, uint32_t node, int sign)
{
	const struct rule_near *r = &st->in->nears[rule];
	bool is_a = r->a == group, is_b = r->b == group;
	uint32_t a, b, *n;
	bool with, without;

	if (r->label != LABEL_NODE && sign < 0) {
		n = st->rules.near_count[rule] + 2 * (size_t)value_of(st->in, r->label, node);
		n[0] -= is_a;
		n[1] -= is_b;
	}
	near_counts(st, rule, node, &a, &b);
	without = a && !b;
	with = (a || is_a) && !(b || is_b);
	st->rules.near_orphans[rule] += (uint32_t)(sign * ((int)with - (int)without));
	if (r->label != LABEL_NODE && sign > 0) {
		n = st->rules.near_count[rule] + 2 * (size_t)value_of(st->in, r->label, node);
		n[0] += is_a;
		n[1] += is_b;
	}
}

void state_rules_count(struct state *st, uint32_t group, uint32_t node, int sign)
{
	const struct instance *in = st->in;
	struct state_rules *r = &st->rules;

	for (uint32_t i = r->spreads.first[group]; i < r->spreads.first[group + 1]; i++) {
		uint32_t rule = r->spreads.list[i], *n, before;

		if (in->spreads[rule].label == LABEL_NODE) {
			if (in->spreads[rule].min_distinct)
				r->spread_distinct[rule] += group_on(st, group, node) ? 0 : (uint32_t)sign;
			continue;
		}
		n = &r->spread_count[rule][value_of(in, in->spreads[rule].label, node)];
		before = sign > 0 ? *n : *n - 1;
		*n += (uint32_t)sign;
		r->spread_distinct[rule] += before ? 0 : (uint32_t)sign;
	}
	for (uint32_t i = r->nears.first[group]; i < r->nears.first[group + 1]; i++)
		count_near(st, r->nears.list[i], group, node, sign);
	__atomic_fetch_add(&r->group_placed[group], (uint32_t)sign, __ATOMIC_RELAXED); /* squeeze.c moves a group without rules across nodes in several regions */
}

static bool fits_cap(const struct state *st, const struct rule_cap *c, uint32_t group, uint32_t node)
{
	if (c->a == c->b)
		return group_on(st, group, node) + 1 <= c->k;
	if (c->b == group)
		return group_on(st, c->b, node) + 1 <= c->k || !group_on(st, c->a, node);
	return group_on(st, c->b, node) <= c->k;
}

static bool fits_spread(const struct state *st, uint32_t rule, uint32_t node)
{
	const struct rule_spread *r = &st->in->spreads[rule];
	uint32_t here, distinct = st->rules.spread_distinct[rule];

	here = r->label == LABEL_NODE ? group_on(st, r->group, node) : st->rules.spread_count[rule][value_of(st->in, r->label, node)];
	if (r->max_per_value && here + 1 > r->max_per_value)
		return false;
	if (!here || distinct >= r->min_distinct)
		return true;
	return st->rules.group_size[r->group] - st->rules.group_placed[r->group] - 1 >= r->min_distinct - distinct;
}

/* May anybody of the group follow to the node? */
static bool may_follow(const struct state *st, uint32_t group, uint32_t node)
{
	const struct rule_index *x = &st->rules.members;

	for (uint32_t i = x->first[group]; i < x->first[group + 1]; i++)
		if (instance_allows(st->in, x->list[i], node))
			return true;
	return false;
}

static bool fits_near(const struct state *st, uint32_t rule, uint32_t group, uint32_t node)
{
	const struct rule_near *r = &st->in->nears[rule];
	uint32_t orphans = st->rules.near_orphans[rule], left = st->rules.group_size[r->b] - st->rules.group_placed[r->b], a, b;

	if (r->a == r->b)
		return true;
	near_counts(st, rule, node, &a, &b);
	if (group == r->a)
		return b || (a && left) || (left > orphans && (r->label != LABEL_NODE || may_follow(st, r->b, node)));
	return (a && !b) || left > orphans;
}

bool state_fits_rules(const struct state *st, uint32_t service, uint32_t node)
{
	const struct instance *in = st->in;
	const struct state_rules *r = &st->rules;
	uint32_t g = in->services[service].group;

	if (!instance_allows(in, service, node))
		return false;
	for (uint32_t i = r->spreads.first[g]; i < r->spreads.first[g + 1]; i++)
		if (!fits_spread(st, r->spreads.list[i], node))
			return false;
	for (uint32_t i = r->caps.first[g]; st->items[node].n && i < r->caps.first[g + 1]; i++)
		if (!fits_cap(st, &in->caps[r->caps.list[i]], g, node))
			return false;
	for (uint32_t i = r->nears.first[g]; i < r->nears.first[g + 1]; i++)
		if (!fits_near(st, r->nears.list[i], g, node))
			return false;
	return true;
}

bool state_is_orphan(const struct state *st, uint32_t item)
{
	uint32_t g = st->in->services[st->in->item_service[item]].group, a, b;
	const struct rule_index *x = &st->rules.nears;

	for (uint32_t i = x->first[g]; i < x->first[g + 1]; i++) {
		if (st->in->nears[x->list[i]].a != g || st->in->nears[x->list[i]].b == g)
			continue;
		near_counts(st, x->list[i], (uint32_t)st->item_node[item], &a, &b);
		if (!b)
			return true;
	}
	return false;
}

bool state_near_ok(const struct state *st)
{
	for (uint32_t i = 0; i < st->in->n_nears; i++)
		if (st->rules.near_orphans[i])
			return false;
	return true;
}

bool state_whole_ok(const struct state *st)
{
	for (uint32_t i = 0; i < st->in->n_spreads; i++)
		if (st->in->spreads[i].min_distinct > st->rules.spread_distinct[i])
			return false;
	return state_near_ok(st);
}
