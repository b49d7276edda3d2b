/* The instance's rules, indexed by group; see curve_rules.h. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "planner/solve/curve/curve_rules.h"

static void index_free(struct curve_index *x)
{
	free(x->start);
	free(x->v);
}

/* Two passes over pairs (group, value): counts first, then places. */
struct pair { uint32_t group, v; };

static void index_fill(struct curve_index *x, uint32_t n_groups, const struct pair *pairs, uint32_t n)
{
	uint32_t *at = mem_alloc((size_t)n_groups + 1, sizeof(*at));

	x->start = mem_alloc((size_t)n_groups + 1, sizeof(uint32_t));
	x->v = mem_alloc(n, sizeof(uint32_t));
	for (uint32_t i = 0; i < n; i++)
		x->start[pairs[i].group + 1]++;
	for (uint32_t g = 0; g < n_groups; g++)
		at[g + 1] = x->start[g + 1] += x->start[g];
	for (uint32_t i = 0; i < n; i++)
		x->v[at[pairs[i].group]++] = pairs[i].v;
	free(at);
}

static void tie(struct curve_rules *r, uint32_t group, uint32_t other)
{
	curve_sign_add(r->tied + (size_t)group * CURVE_SIGN_WORDS, other);
}

static void tie_groups(struct curve_rules *r)
{
	const struct instance *in = r->in;

	r->tied = mem_alloc((size_t)in->n_groups * CURVE_SIGN_WORDS, sizeof(uint64_t));
	for (uint32_t i = 0; i < in->n_caps; i++) {
		tie(r, in->caps[i].a, in->caps[i].b);
		tie(r, in->caps[i].b, in->caps[i].a);
	}
	for (uint32_t g = 0; g < in->n_groups; g++)
		if (r->self_cap[g] != UINT32_MAX)
			tie(r, g, g);
}

/* Both directions of a rule side by side, since an arrival asks for both. */
static void index_caps(struct curve_rules *r)
{
	const struct instance *in = r->in;
	uint32_t *at = mem_alloc(2 * (size_t)in->n_groups + 1, sizeof(*at));

	r->self_cap = mem_alloc(in->n_groups, sizeof(uint32_t));
	memset(r->self_cap, 0xff, in->n_groups * sizeof(uint32_t));
	r->caps_start = mem_alloc(2 * (size_t)in->n_groups + 1, sizeof(uint32_t));
	r->caps = mem_alloc(2 * (size_t)in->n_caps, sizeof(*r->caps));
	for (uint32_t i = 0; i < in->n_caps; i++) {
		const struct rule_cap *c = &in->caps[i];

		if (c->a == c->b && c->k < r->self_cap[c->a])
			r->self_cap[c->a] = c->k;
		r->caps_start[2 * c->a + 1] += c->a != c->b;
		r->caps_start[2 * c->b + 2] += c->a != c->b;
	}
	for (uint32_t g = 0; g < 2 * in->n_groups; g++)
		at[g + 1] = r->caps_start[g + 1] += r->caps_start[g];
	for (uint32_t i = 0; i < in->n_caps; i++) {
		const struct rule_cap *c = &in->caps[i];

		if (c->a == c->b)
			continue;
		r->caps[at[2 * c->a]++] = (struct curve_cap){ c->b, c->k };
		r->caps[at[2 * c->b + 1]++] = (struct curve_cap){ c->a, c->k };
	}
	free(at);
}

/* Under construction: which tallies a group has so far, as chains. */
struct compile {
	struct curve_rules *r;
	struct pair *pairs;            /* [tally]: group, tally */
	uint32_t *head, *next, *sizes; /* [group], [tally], [group]: replicas */
};

static uint32_t tally_of(struct compile *k, uint32_t group, uint32_t label)
{
	struct curve_rules *r = k->r;
	uint32_t n_values = label == LABEL_NODE ? r->in->n_nodes : r->in->label_counts[label];

	for (uint32_t i = k->head[group]; i != CURVE_ANY; i = k->next[i])
		if (r->tallies[i].label == label)
			return i;
	k->pairs[r->n_tallies] = (struct pair){ .group = group, .v = r->n_tallies };
	k->next[r->n_tallies] = k->head[group];
	k->head[group] = r->n_tallies;
	r->tallies[r->n_tallies] = (struct curve_tally){ .label = label, .size = k->sizes[group], .count = mem_alloc(n_values, sizeof(uint32_t)) };
	return r->n_tallies++;
}

static void add_spread(struct compile *k, const struct rule_spread *rule)
{
	struct curve_rules *r = k->r;
	struct curve_tally *t;

	if (rule->label == LABEL_NODE && rule->max_per_value && rule->max_per_value < r->self_cap[rule->group])
		r->self_cap[rule->group] = rule->max_per_value;
	if (rule->label == LABEL_NODE && rule->min_distinct < 2)
		return;
	t = &r->tallies[tally_of(k, rule->group, rule->label)];
	t->min_distinct = rule->min_distinct > t->min_distinct ? rule->min_distinct : t->min_distinct;
	if (rule->max_per_value && (!t->max_per_value || rule->max_per_value < t->max_per_value))
		t->max_per_value = rule->max_per_value;
}

static uint32_t root_of(uint32_t *parent, uint32_t g)
{
	while (parent[g] != g)
		g = parent[g] = parent[parent[g]];
	return g;
}

/* Groups that a dependency ties together are one cluster; a group with a tally and no dependency is its own. */
static void make_clusters(struct curve_rules *r, const struct pair *pairs)
{
	const struct instance *in = r->in;
	uint32_t *parent = mem_alloc(in->n_groups, sizeof(*parent));

	for (uint32_t g = 0; g < in->n_groups; g++)
		parent[g] = g;
	for (uint32_t i = 0; i < in->n_nears; i++)
		parent[root_of(parent, in->nears[i].a)] = root_of(parent, in->nears[i].b);
	r->cluster = mem_alloc(in->n_groups, sizeof(uint32_t));
	memset(r->cluster, 0xff, in->n_groups * sizeof(uint32_t));
	for (uint32_t i = 0; i < r->n_tallies; i++) {
		uint32_t root = root_of(parent, pairs[i].group);

		if (r->cluster[root] == CURVE_ANY)
			r->cluster[root] = r->n_clusters++;
		r->cluster[pairs[i].group] = r->cluster[root];
	}
	r->cluster_owner = mem_alloc(r->n_clusters, sizeof(uint32_t));
	memset(r->cluster_owner, 0xff, r->n_clusters * sizeof(uint32_t));
	free(parent);
}

/* Length of the longest chain of dependencies below each group; circles end where the passes do. */
static void rank_groups(struct curve_rules *r)
{
	const struct instance *in = r->in;
	bool changed = true;

	r->rank = mem_alloc(in->n_groups, sizeof(uint32_t));
	for (uint32_t pass = 0; changed && pass < in->n_nears; pass++) {
		changed = false;
		for (uint32_t i = 0; i < in->n_nears; i++)
			if (in->nears[i].a != in->nears[i].b && r->rank[in->nears[i].a] <= r->rank[in->nears[i].b]) {
				r->rank[in->nears[i].a] = r->rank[in->nears[i].b] + 1;
				changed = true;
			}
	}
}

static void add_nears(struct compile *k)
{
	const struct instance *in = k->r->in;
	struct pair *pairs = mem_alloc(2 * (size_t)in->n_nears, sizeof(*pairs));
	uint32_t n = 0;

	for (uint32_t i = 0; i < in->n_nears; i++) {
		const struct rule_near *near = &in->nears[i];

		k->r->nears[i] = (struct curve_near){ tally_of(k, near->a, near->label), tally_of(k, near->b, near->label) };
		pairs[n++] = (struct pair){ .group = near->a, .v = i };
		if (near->a != near->b)
			pairs[n++] = (struct pair){ .group = near->b, .v = i };
	}
	index_fill(&k->r->nears_of, in->n_groups, pairs, n);
	free(pairs);
}

static void index_values(struct curve_rules *r)
{
	const struct instance *in = r->in;
	size_t most = (size_t)in->n_spreads + 2 * (size_t)in->n_nears;
	struct compile k = { .r = r, .pairs = mem_alloc(most, sizeof(*k.pairs)), .head = mem_alloc(in->n_groups, sizeof(uint32_t)),
			     .next = mem_alloc(most, sizeof(uint32_t)), .sizes = mem_alloc(in->n_groups, sizeof(uint32_t)) };

	memset(k.head, 0xff, in->n_groups * sizeof(uint32_t));
	for (uint32_t i = 0; i < in->n_items; i++)
		k.sizes[r->item_group[i]]++;
	r->tallies = mem_alloc(most, sizeof(*r->tallies));
	r->nears = mem_alloc(in->n_nears, sizeof(*r->nears));
	for (uint32_t i = 0; i < in->n_spreads; i++)
		add_spread(&k, &in->spreads[i]);
	add_nears(&k);
	index_fill(&r->tallies_of, in->n_groups, k.pairs, r->n_tallies);
	make_clusters(r, k.pairs);
	free(k.pairs);
	free(k.head);
	free(k.next);
	free(k.sizes);
}

struct curve_rules *curve_rules_new(const struct instance *in, const struct model *model)
{
	struct curve_rules *r = mem_alloc(1, sizeof(*r));

	r->in = in;
	r->model = model;
	r->item_group = mem_alloc(in->n_items, sizeof(uint32_t));
	for (uint32_t i = 0; i < in->n_items; i++)
		r->item_group[i] = in->services[in->item_service[i]].group;
	r->sign = mem_alloc((size_t)in->n_nodes * CURVE_SIGN_WORDS, sizeof(uint64_t));
	r->stale = mem_alloc(in->n_nodes, sizeof(uint8_t));
	index_caps(r);
	index_values(r);
	rank_groups(r);
	tie_groups(r);
	return r;
}

void curve_rules_free(struct curve_rules *r)
{
	if (!r)
		return;
	for (uint32_t i = 0; i < r->n_tallies; i++)
		free(r->tallies[i].count);
	free(r->caps);
	free(r->caps_start);
	index_free(&r->tallies_of);
	index_free(&r->nears_of);
	free(r->tallies);
	free(r->nears);
	free(r->cluster);
	free(r->cluster_owner);
	free(r->rank);
	free(r->item_group);
	free(r->sign);
	free(r->stale);
	free(r->tied);
	free(r->self_cap);
	free(r);
}
