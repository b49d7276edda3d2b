/*
 * Can these few services be placed at all? See conflict_sub.h. Of nodes that are alike for them (capacities, labels, type, who is
 * allowed) as many are kept as there are replicas, and of those that are empty only the first is tried: so the search does not
 * depend on the size of the fleet.
 */
#include "planner/conflict_sub.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "planner/state.h"

#define ITEMS_MAX 40      /* replicas in an exhaustive search */
#define NODES_MAX 400     /* and nodes, after like ones are merged */
#define STEPS_MAX 20000   /* of one search: about a tenth of a second */

static bool in_group(const struct conflict_sub *sub, uint32_t group, bool must_be_on)
{
	for (uint32_t i = 0; i < sub->n_services; i++)
		if (sub->in->services[sub->services[i]].group == group && (sub->service_on[i] || !must_be_on))
			return true;
	return false;
}

/* Is all of the group there and on? */
static bool is_whole(const struct conflict_sub *sub, uint32_t group)
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
		return in->spreads[at].max_per_value ? in_group(sub, in->spreads[at].group, true) : is_whole(sub, in->spreads[at].group);
	default:
		return is_whole(sub, in->nears[at].a) && is_whole(sub, in->nears[at].b);
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

/* The small instance: its strings, resources and labels are the large one's. */
struct small {
	struct instance in;
	uint32_t *kind;      /* [node]: number of its kind */
};

static void small_fini(struct small *t)
{
	for (uint32_t s = 0; s < t->in.n_services; s++)
		free(t->in.allow[s]);
	free(t->in.allow);
	free(t->in.services);
	free(t->in.demand);
	free(t->in.nodes);
	free(t->in.node_label);
	free(t->in.capacity);
	free(t->in.caps);
	free(t->in.spreads);
	free(t->in.nears);
	free(t->in.item_service);
	free(t->in.item_node);
	free(t->kind);
}

/* Number of a group among those of the services that are on. */
static uint32_t group_number(const struct conflict_sub *sub, uint32_t group)
{
	for (uint32_t i = 0; i < sub->n_services; i++)
		if (sub->in->services[sub->services[i]].group == group)
			return i;
	return 0;
}

static bool same_kind(const struct conflict_sub *sub, uint32_t a, uint32_t b)
{
	const struct instance *in = sub->in;
	size_t labels = in->n_labels * sizeof(uint32_t), row = in->n_columns * sizeof(int64_t);

	if (in->nodes[a].model_type != in->nodes[b].model_type ||
	    memcmp(in->capacity + (size_t)a * in->n_columns, in->capacity + (size_t)b * in->n_columns, row) ||
	    (labels && memcmp(in->node_label + (size_t)a * in->n_labels, in->node_label + (size_t)b * in->n_labels, labels)))
		return false;
	for (uint32_t i = 0; i < sub->n_services; i++)
		if (sub->service_on[i] && instance_allows(in, sub->services[i], a) != instance_allows(in, sub->services[i], b))
			return false;
	return true;
}

/* Which nodes take part: at most n_items of a kind. kept: [NODES_MAX]. Returns their number, or UINT32_MAX for too many. */
static uint32_t choose_nodes(const struct conflict_sub *sub, uint32_t n_items, uint32_t *kept, uint32_t *kind)
{
	uint32_t first[NODES_MAX], of_kind[NODES_MAX] = { 0 }, kinds = 0, n = 0;

	for (uint32_t node = 0; node < sub->in->n_nodes; node++) {
		uint32_t k = 0;

		if (!conflict_uses(sub, node))
			continue;
		while (k < kinds && !same_kind(sub, first[k], node))
			k++;
		if (k == kinds) {
			if (kinds == NODES_MAX)
				return UINT32_MAX;
			first[kinds++] = node;
		}
		if (of_kind[k] == n_items)
			continue;
		if (n == NODES_MAX)
			return UINT32_MAX;
		of_kind[k]++;
		kind[n] = k;
		kept[n++] = node;
	}
	return n;
}

static void copy_services(struct small *t, const struct conflict_sub *sub)
{
	const struct instance *in = sub->in;

	t->in.services = mem_alloc(sub->n_services, sizeof(struct service));
	t->in.demand = mem_alloc((size_t)sub->n_services * in->n_columns, sizeof(int64_t));
	t->in.n_services = 0;
	for (uint32_t i = 0; i < sub->n_services; i++) {
		if (!sub->service_on[i])
			continue;
		t->in.services[t->in.n_services] = in->services[sub->services[i]];
		t->in.services[t->in.n_services].group = group_number(sub, in->services[sub->services[i]].group);
		memcpy(t->in.demand + (size_t)t->in.n_services * in->n_columns, in->demand + (size_t)sub->services[i] * in->n_columns,
		       in->n_columns * sizeof(int64_t));
		t->in.n_services++;
	}
	t->in.n_groups = sub->n_services;
}

static void copy_nodes(struct small *t, const struct conflict_sub *sub, const uint32_t *kept, uint32_t n)
{
	const struct instance *in = sub->in;
	uint32_t k = 0;

	t->in.n_nodes = n;
	t->in.nodes = mem_alloc(n, sizeof(struct node));
	t->in.capacity = mem_alloc((size_t)n * in->n_columns, sizeof(int64_t));
	t->in.node_label = mem_alloc((size_t)n * in->n_labels, sizeof(uint32_t));
	t->in.allow = mem_alloc(t->in.n_services, sizeof(uint64_t *));
	for (uint32_t i = 0; i < n; i++) {
		t->in.nodes[i] = in->nodes[kept[i]];
		memcpy(t->in.capacity + (size_t)i * in->n_columns, in->capacity + (size_t)kept[i] * in->n_columns, in->n_columns * sizeof(int64_t));
		for (uint32_t l = 0; l < in->n_labels; l++)
			t->in.node_label[(size_t)i * in->n_labels + l] = in->node_label[(size_t)kept[i] * in->n_labels + l];
	}
	for (uint32_t i = 0; i < sub->n_services; i++) {
		if (!sub->service_on[i])
			continue;
		t->in.allow[k] = mem_alloc((n + 63) / 64, sizeof(uint64_t));
		for (uint32_t m = 0; m < n; m++)
			t->in.allow[k][m / 64] |= (uint64_t)instance_allows(in, sub->services[i], kept[m]) << (m % 64);
		k++;
	}
}

static void copy_rules(struct small *t, const struct conflict_sub *sub)
{
	const struct instance *in = sub->in;

	t->in.caps = mem_alloc(sub->n_rules, sizeof(struct rule_cap));
	t->in.spreads = mem_alloc(sub->n_rules, sizeof(struct rule_spread));
	t->in.nears = mem_alloc(sub->n_rules, sizeof(struct rule_near));
	t->in.n_caps = t->in.n_spreads = t->in.n_nears = 0;
	for (uint32_t i = 0; i < sub->n_rules; i++) {
		uint32_t at = sub->rules[i].at;

		if (!sub->rule_on[i] || !conflict_applies(sub, i))
			continue;
		if (sub->rules[i].kind == CONFLICT_CAP) {
			t->in.caps[t->in.n_caps++] = (struct rule_cap){ group_number(sub, in->caps[at].a), group_number(sub, in->caps[at].b), in->caps[at].k };
		} else if (sub->rules[i].kind == CONFLICT_SPREAD) {
			struct rule_spread r = in->spreads[at];

			if (!is_whole(sub, r.group))
				r.min_distinct = 0;
			r.group = group_number(sub, r.group);
			t->in.spreads[t->in.n_spreads++] = r;
		} else {
			t->in.nears[t->in.n_nears++] = (struct rule_near){ group_number(sub, in->nears[at].a), group_number(sub, in->nears[at].b),
									   in->nears[at].label };
		}
	}
}

static bool small_make(struct small *t, const struct conflict_sub *sub)
{
	uint32_t items = 0, n, kept[NODES_MAX], kind[NODES_MAX];

	for (uint32_t i = 0; i < sub->n_services; i++)
		items += sub->service_on[i] ? sub->in->services[sub->services[i]].replicas : 0;
	if (items > ITEMS_MAX || (n = choose_nodes(sub, items, kept, kind)) == UINT32_MAX)
		return false;
	*t = (struct small){ .in = *sub->in };
	t->in.item_service = NULL;
	t->in.item_node = NULL;
	t->in.max_moves = -1;
	t->in.n_terms = 0;
	copy_services(t, sub);
	copy_nodes(t, sub, kept, n);
	copy_rules(t, sub);
	instance_number(&t->in);
	t->kind = mem_alloc(n, sizeof(*t->kind));
	memcpy(t->kind, kind, n * sizeof(*kind));
	return true;
}

struct dive { struct small *t; struct state *st; uint32_t steps; };

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
	struct small t;
	struct dive d = { .t = &t };
	enum conflict_proof proof;

	if (too_much(sub))
		return CONFLICT_VOLUME;
	if (!small_make(&t, sub))
		return CONFLICT_UNKNOWN;
	d.st = state_new(&t.in, sub->model);
	proof = dive(&d, 0);
	state_free(d.st);
	small_fini(&t);
	return proof;
}
