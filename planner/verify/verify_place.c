/* Rules on who stands where: caps on one node, spread and nearness over the values of a label. See verify.h. */
#include "planner/verify/verify_part.h"

#include <stdlib.h>

#include "base/mem.h"

static uint32_t group_of(const struct instance *in, uint32_t item)
{
	return in->services[in->item_service[item]].group;
}

static uint32_t place_of(const struct instance *in, uint32_t label, int32_t node)
{
	return label == LABEL_NODE ? (uint32_t)node : in->node_label[(size_t)node * in->n_labels + label];
}

static const char *place_name(const struct instance *in, uint32_t label, uint32_t value)
{
	return label == LABEL_NODE ? in->nodes[value].id : in->label_values[label][value];
}

/* Items by (group, place), to be counted in runs. */
struct stand { uint32_t group, place; };

static int by_stand(const void *a, const void *b)
{
	const struct stand *x = a, *y = b;

	if (x->group != y->group)
		return x->group < y->group ? -1 : 1;
	return (x->place > y->place) - (x->place < y->place);
}

struct stands { struct stand *v; uint32_t n; uint32_t *first; };

static struct stands stands_make(const struct plan *p, uint32_t label)
{
	const struct instance *in = p->instance;
	struct stands s = { .v = mem_alloc(in->n_items, sizeof(*s.v)), .first = mem_alloc((size_t)in->n_groups + 1, sizeof(uint32_t)) };
	uint32_t k = 0;

	for (uint32_t i = 0; i < in->n_items; i++)
		if (p->item_node[i] >= 0)
			s.v[s.n++] = (struct stand){ group_of(in, i), place_of(in, label, p->item_node[i]) };
	qsort(s.v, s.n, sizeof(*s.v), by_stand);
	for (uint32_t g = 0; g <= in->n_groups; g++) {
		while (k < s.n && s.v[k].group < g)
			k++;
		s.first[g] = k;
	}
	return s;
}

static void stands_free(struct stands *s)
{
	free(s->v);
	free(s->first);
}

/* How many of the group stand on the place. */
static uint32_t stands_count(const struct stands *s, uint32_t group, uint32_t place)
{
	uint32_t lo = s->first[group], hi = s->first[group + 1], end;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (s->v[mid].place < place)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (end = lo; end < s->first[group + 1] && s->v[end].place == place; )
		end++;
	return end - lo;
}

void verify_caps(struct verify *v)
{
	const struct instance *in = v->plan->instance;
	struct stands s;

	if (!in->n_caps)
		return;
	s = stands_make(v->plan, LABEL_NODE);
	for (uint32_t i = 0; i < in->n_caps; i++) {
		const struct rule_cap *c = &in->caps[i];

		for (uint32_t k = s.first[c->a]; k < s.first[c->a + 1]; k++) {
			uint32_t n = s.v[k].place, b;

			if (k > s.first[c->a] && s.v[k - 1].place == n)
				continue;
			b = stands_count(&s, c->b, n);
			if (b > c->k)
				verify_break(v, BREACH_CAP, "node %s: holds %u of %s where %s runs, at most %u allowed", in->nodes[n].id, b,
					     in->group_ids[c->b], in->group_ids[c->a], c->k);
		}
	}
	stands_free(&s);
}

static void check_spread(struct verify *v, const struct rule_spread *r, const struct stands *s)
{
	const struct instance *in = v->plan->instance;
	const char *label = r->label == LABEL_NODE ? "node" : in->label_names[r->label];
	uint32_t distinct = 0;

	for (uint32_t k = s->first[r->group]; k < s->first[r->group + 1]; k++) {
		uint32_t n;

		if (k > s->first[r->group] && s->v[k - 1].place == s->v[k].place)
			continue;
		distinct++;
		n = stands_count(s, r->group, s->v[k].place);
		if (r->max_per_value && n > r->max_per_value)
			verify_break(v, BREACH_SPREAD, "%s %s: holds %u replicas of %s, at most %u allowed", label, place_name(in, r->label, s->v[k].place),
				     n, in->group_ids[r->group], r->max_per_value);
	}
	if (distinct < r->min_distinct)
		verify_break(v, BREACH_SPREAD, "group %s: stands on %u values of %s, at least %u needed", in->group_ids[r->group], distinct, label,
			     r->min_distinct);
}

static void check_near(struct verify *v, const struct rule_near *r, const struct stands *s)
{
	const struct instance *in = v->plan->instance;

	for (uint32_t k = s->first[r->a]; k < s->first[r->a + 1]; k++)
		if ((k == s->first[r->a] || s->v[k - 1].place != s->v[k].place) && !stands_count(s, r->b, s->v[k].place))
			verify_break(v, BREACH_NEAR, "%s %s: holds %s but none of %s, which it must be near",
				     r->label == LABEL_NODE ? "node" : in->label_names[r->label], place_name(in, r->label, s->v[k].place),
				     in->group_ids[r->a], in->group_ids[r->b]);
}

void verify_places(struct verify *v)
{
	const struct instance *in = v->plan->instance;

	for (uint32_t l = 0; (in->n_spreads || in->n_nears) && l <= in->n_labels; l++) {
		uint32_t label = l == in->n_labels ? LABEL_NODE : l;
		struct stands s = stands_make(v->plan, label);

		for (uint32_t i = 0; i < in->n_spreads; i++)
			if (in->spreads[i].label == label)
				check_spread(v, &in->spreads[i], &s);
		for (uint32_t i = 0; i < in->n_nears; i++)
			if (in->nears[i].label == label)
				check_near(v, &in->nears[i], &s);
		stands_free(&s);
	}
}
