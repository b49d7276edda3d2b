/*
 * See curve_rules.h. A change is judged group by group, as if everything else stayed; the other half of a swap is taken into
 * account where both speak of the same node (caps, limits). Two groups tied by a dependency do not swap across values.
 */
#include "planner/solve/curve/curve_rules.h"

#include <math.h>
#include <string.h>

#define STALE_MOST 8  /* departures until a node's bits are made anew, which costs as much as some tens of looks at them */
#define ROUNDING 1e-9 /* pressures are sums of doubles, added in another order by verify */

/* Half of a change: item arrives on node while `leaves` (or NO_ITEM) goes. */
struct arrival { uint32_t item, node, leaves; };

static uint32_t group_of(const struct curve_rules *r, uint32_t item)
{
	return item == NO_ITEM ? UINT32_MAX : r->item_group[item];
}

static uint64_t *sign_of(const struct curve_rules *r, uint32_t node)
{
	return r->sign + (size_t)node * CURVE_SIGN_WORDS;
}

/* How many of the group the node holds; most often none, which the bits tell. */
static inline uint32_t count_of(const struct curve *c, uint32_t node, uint32_t group)
{
	const struct curve_rules *r = c->rules;
	const struct curve_list *l = &c->items[node];
	uint32_t n = 0;

	if (!curve_sign_has(sign_of(r, node), group))
		return 0;
	for (uint32_t i = 0; i < l->n; i++)
		n += l->group[i] == group;
	return n;
}

/* Does the node hold no group that a cap ties to this one? Bits are shared, so a yes is certain, a no is not. */
static inline bool untied(const struct curve_rules *r, uint32_t node, uint32_t group)
{
	const uint64_t *tied = r->tied + (size_t)group * CURVE_SIGN_WORDS, *sign = sign_of(r, node);
	uint64_t common = 0;

	for (int i = 0; i < CURVE_SIGN_WORDS; i++)
		common |= tied[i] & sign[i];
	return !common;
}

static bool caps_allow(const struct curve *c, const struct arrival *a)
{
	const struct curve_rules *r = c->rules;
	uint32_t g = group_of(r, a->item), leaving = group_of(r, a->leaves), mine;
	const uint32_t *start = r->caps_start + 2 * (size_t)g;

	if (untied(r, a->node, g))
		return true;
	mine = count_of(c, a->node, g) - (leaving == g);
	if (mine >= r->self_cap[g])
		return false;
	for (uint32_t i = start[0]; i < start[1]; i++)
		if (count_of(c, a->node, r->caps[i].other) - (leaving == r->caps[i].other) > r->caps[i].k)
			return false;
	for (uint32_t i = start[1]; i < start[2]; i++)
		if (mine >= r->caps[i].k && count_of(c, a->node, r->caps[i].other) > (leaving == r->caps[i].other))
			return false;
	return true;
}

static uint32_t value_of(const struct instance *in, uint32_t label, int32_t node)
{
	if (node == NO_NODE)
		return UINT32_MAX;
	return label == LABEL_NODE ? (uint32_t)node : in->node_label[(size_t)node * in->n_labels + label];
}

/* Spread: no value above its most, and as many distinct values as asked, or at least no fewer than now. */
static bool tally_allows(const struct curve_tally *t, uint32_t from, uint32_t to)
{
	uint32_t after = t->distinct + !t->count[to], left = t->size - t->placed, missing;

	if (t->max_per_value && t->count[to] >= t->max_per_value)
		return false;
	if (from == UINT32_MAX)
		left--;
	else
		after -= t->count[from] == 1;
	missing = t->min_distinct > after ? t->min_distinct - after : 0;
	return left >= missing || after >= t->distinct;
}

/* A dependency: the replica's new value holds what it needs, its old one is not left without what others need there. */
static bool near_allows(const struct curve_rules *r, const struct curve_near *n, uint32_t tally, const uint32_t *values)
{
	const struct curve_tally *a = &r->tallies[n->a], *b = &r->tallies[n->b];
	uint32_t from = values[0], to = values[1];

	if (tally == n->a && n->a != n->b && !b->count[to])
		return false;
	return tally != n->b || n->a == n->b || from == UINT32_MAX || b->count[from] > 1 || !a->count[from];
}

static bool tied(const struct curve_rules *r, uint32_t item, uint32_t other)
{
	return other != NO_ITEM && r->cluster[group_of(r, item)] == r->cluster[group_of(r, other)] && group_of(r, item) != group_of(r, other);
}

static bool values_allow(const struct curve *c, const struct arrival *a, uint32_t region)
{
	const struct curve_rules *r = c->rules;
	uint32_t g = group_of(r, a->item);

	if (!r->n_clusters || r->cluster[g] == CURVE_ANY || (a->leaves != NO_ITEM && group_of(r, a->leaves) == g))
		return true;
	for (uint32_t i = r->tallies_of.start[g]; i < r->tallies_of.start[g + 1]; i++) {
		uint32_t tally = r->tallies_of.v[i], owner = r->cluster_owner[r->cluster[g]];
		const struct curve_tally *t = &r->tallies[tally];
		uint32_t values[2] = { value_of(r->in, t->label, c->item_node[a->item]), value_of(r->in, t->label, (int32_t)a->node) };

		if (values[0] == values[1])
			continue;
		if ((owner != CURVE_ANY && region != CURVE_ANY && owner != region) || tied(r, a->item, a->leaves) || !tally_allows(t, values[0], values[1]))
			return false;
		for (uint32_t k = r->nears_of.start[g]; k < r->nears_of.start[g + 1]; k++)
			if (!near_allows(r, &r->nears[r->nears_of.v[k]], tally, values))
				return false;
	}
	return true;
}

static bool within(const struct curve_rules *r, uint32_t item, uint32_t node, const double *sum)
{
	const struct service *s = &r->in->services[r->in->item_service[item]];
	int32_t type = r->in->nodes[node].model_type;
	double others[MODEL_MAX_PRESSURES];
	const double *own;

	if (s->model_service < 0 || !isfinite(s->limit_ratio))
		return true;
	own = model_pressure(r->model, s->model_service, type);
	for (int p = 0; p < model_n_pressures(r->model); p++)
		others[p] = fmax(0, sum[p] - own[p]) * (1 + ROUNDING);
	return model_upper(r->model, s->model_service, type, others, s->limit_confidence) <= s->limit_ratio;
}

static void add_pressure(const struct curve_rules *r, uint32_t item, uint32_t node, double *sum)
{
	const struct service *s = &r->in->services[r->in->item_service[item]];

	if (s->model_service < 0)
		return;
	for (int p = 0; p < model_n_pressures(r->model); p++)
		sum[p] += model_pressure(r->model, s->model_service, r->in->nodes[node].model_type)[p];
}

void curve_rules_pressure(const struct curve *c, uint32_t node, uint32_t enters, uint32_t leaves, double *sum)
{
	const struct curve_list *l = &c->items[node];

	memset(sum, 0, MODEL_MAX_PRESSURES * sizeof(*sum));
	if (enters != NO_ITEM)
		add_pressure(c->rules, enters, node, sum);
	for (uint32_t i = 0; i < l->n; i++)
		if (l->v[i] != leaves)
			add_pressure(c->rules, l->v[i], node, sum);
}

/* Where there is a model. */
__attribute__((noinline)) static bool limits_allow(const struct curve *c, const struct arrival *a)
{
	const struct curve_rules *r = c->rules;
	const struct curve_list *l = &c->items[a->node];
	double sum[MODEL_MAX_PRESSURES];

	if (r->in->services[r->in->item_service[a->item]].model_service < 0)
		return true;
	curve_rules_pressure(c, a->node, a->item, a->leaves, sum);
	if (!within(r, a->item, a->node, sum))
		return false;
	for (uint32_t i = 0; i < l->n; i++)
		if (l->v[i] != a->leaves && !within(r, l->v[i], a->node, sum))
			return false;
	return true;
}

static bool arrival_allowed(const struct curve *c, const struct arrival *a, uint32_t region)
{
	return instance_allows(c->in, c->in->item_service[a->item], a->node) && caps_allow(c, a) && values_allow(c, a, region) &&
	       (!c->rules->model || limits_allow(c, a));
}

bool curve_rules_allow(const struct curve *c, uint32_t a, uint32_t b, uint32_t to, uint32_t region)
{
	if (!arrival_allowed(c, &(struct arrival){ a, to, b }, region))
		return false;
	return b == NO_ITEM || arrival_allowed(c, &(struct arrival){ b, (uint32_t)c->item_node[a], a }, region);
}

static void resign(struct curve *c, uint32_t node)
{
	struct curve_rules *r = c->rules;

	r->stale[node] = 0;
	memset(sign_of(r, node), 0, CURVE_SIGN_WORDS * sizeof(uint64_t));
	for (uint32_t i = 0; i < c->items[node].n; i++)
		curve_sign_add(sign_of(r, node), c->items[node].group[i]);
}

static void tally_moved(struct curve_tally *t, uint32_t from, uint32_t to)
{
	if (from == to)
		return;
	if (from != UINT32_MAX) {
		t->distinct -= !--t->count[from];
		t->placed--;
	}
	if (to != UINT32_MAX) {
		t->distinct += !t->count[to]++;
		t->placed++;
	}
}

void curve_rules_moved(struct curve *c, uint32_t item, int32_t from, int32_t to)
{
	struct curve_rules *r = c->rules;
	uint32_t g = group_of(r, item);

	if (from != NO_NODE && ++r->stale[from] >= STALE_MOST)
		resign(c, (uint32_t)from);
	if (to != NO_NODE)
		curve_sign_add(sign_of(r, (uint32_t)to), g);
	if (!r->n_tallies)
		return;
	for (uint32_t i = r->tallies_of.start[g]; i < r->tallies_of.start[g + 1]; i++) {
		struct curve_tally *t = &r->tallies[r->tallies_of.v[i]];

		tally_moved(t, value_of(r->in, t->label, from), value_of(r->in, t->label, to));
	}
}
