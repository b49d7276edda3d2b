/*
 * See conflict_small.h. Of nodes that are alike for the services (capacities, labels, type, who is allowed) as many are kept as
 * there are replicas.
 */
#include "planner/explain/conflict_small.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define ITEMS_MAX 40      /* replicas in an exhaustive search */
#define NODES_MAX 400     /* and nodes, after like ones are merged */

void conflict_small_fini(struct conflict_small *t)
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

static void copy_services(struct conflict_small *t, const struct conflict_sub *sub)
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

static void copy_nodes(struct conflict_small *t, const struct conflict_sub *sub, const uint32_t *kept, uint32_t n)
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

static void copy_rules(struct conflict_small *t, const struct conflict_sub *sub)
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

			if (!conflict_whole(sub, r.group))
				r.min_distinct = 0;
			r.group = group_number(sub, r.group);
			t->in.spreads[t->in.n_spreads++] = r;
		} else {
			t->in.nears[t->in.n_nears++] = (struct rule_near){ group_number(sub, in->nears[at].a), group_number(sub, in->nears[at].b),
									   in->nears[at].label };
		}
	}
}

bool conflict_small_init(struct conflict_small *t, const struct conflict_sub *sub)
{
	uint32_t items = 0, n, kept[NODES_MAX], kind[NODES_MAX];

	for (uint32_t i = 0; i < sub->n_services; i++)
		items += sub->service_on[i] ? sub->in->services[sub->services[i]].replicas : 0;
	if (items > ITEMS_MAX || (n = choose_nodes(sub, items, kept, kind)) == UINT32_MAX)
		return false;
	*t = (struct conflict_small){ .in = *sub->in };
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
