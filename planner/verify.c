/* Judgement of a plan from first principles, slow and plain on purpose: see verify.h. */
#include "planner/verify.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define FIGURE_EPSILON 1e-6 /* relative: a plan's figures are printed with 15 digits */

__attribute__((format(printf, 3, 4)))
static void violation(struct verify *v, enum breach kind, const char *fmt, ...)
{
	char *text;
	va_list ap;

	v->n_violations++;
	if (v->n_of[kind]++ && v->n_texts == VERIFY_TEXTS_MAX)
		return;
	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = str_dup("violation (no memory for its text)");
	va_end(ap);
	if (!v->first_of[kind])
		v->first_of[kind] = str_dup(text);
	if (v->n_texts == VERIFY_TEXTS_MAX) {
		free(text);
		return;
	}
	v->texts = mem_resize(v->texts, v->n_texts + 1, sizeof(*v->texts));
	v->texts[v->n_texts++] = text;
}

static const char *id_of(const struct instance *in, uint32_t item)
{
	return in->services[in->item_service[item]].id;
}

static uint32_t replica_of(const struct instance *in, uint32_t item)
{
	return item - in->services[in->item_service[item]].first_item;
}

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

static void check_placed(struct verify *v)
{
	const struct instance *in = v->plan->instance;

	for (uint32_t i = 0; i < in->n_items; i++) {
		int32_t n = v->plan->item_node[i];

		if (n < 0)
			violation(v, BREACH_UNPLACED, "service %s replica %u: is not placed", id_of(in, i), replica_of(in, i));
		else if (!instance_allows(in, in->item_service[i], (uint32_t)n))
			violation(v, BREACH_PLACE, "service %s replica %u: must not run on node %s", id_of(in, i), replica_of(in, i), in->nodes[n].id);
	}
}

/* The most that stands on each node: everything placed there, and what moved away but holds its transient resources meanwhile. */
static int64_t *loads(const struct plan *p)
{
	const struct instance *in = p->instance;
	int64_t *load = mem_alloc((size_t)in->n_nodes * in->n_columns, sizeof(*load));

	for (uint32_t i = 0; i < in->n_items; i++) {
		const int64_t *d = in->demand + (size_t)in->item_service[i] * in->n_columns;
		int32_t to = p->item_node[i], from = in->item_node[i];

		for (uint32_t c = 0; to >= 0 && c < in->n_columns; c++)
			load[(size_t)to * in->n_columns + c] += d[c];
		for (uint32_t r = 0; r < in->n_resources && from >= 0 && to >= 0 && from != to; r++)
			for (uint32_t c = in->resources[r].column; in->resources[r].transient && c < in->resources[r].column + in->resources[r].slots; c++)
				load[(size_t)from * in->n_columns + c] += d[c];
	}
	return load;
}

static void check_capacity(struct verify *v)
{
	const struct instance *in = v->plan->instance;
	int64_t *load = loads(v->plan);

	for (uint32_t n = 0; n < in->n_nodes; n++)
		for (uint32_t r = 0; r < in->n_resources; r++)
			for (uint32_t t = 0; t < in->resources[r].slots; t++) {
				size_t k = (size_t)n * in->n_columns + in->resources[r].column + t;

				if (load[k] > in->capacity[k])
					violation(v, BREACH_CAPACITY, "node %s: %s at slot %u: load %lld exceeds capacity %lld", in->nodes[n].id,
						  in->resources[r].name, t, (long long)load[k], (long long)in->capacity[k]);
			}
	free(load);
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

static void check_caps(struct verify *v)
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
				violation(v, BREACH_CAP, "node %s: holds %u of %s where %s runs, at most %u allowed", in->nodes[n].id, b,
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
			violation(v, BREACH_SPREAD, "%s %s: holds %u replicas of %s, at most %u allowed", label, place_name(in, r->label, s->v[k].place),
				  n, in->group_ids[r->group], r->max_per_value);
	}
	if (distinct < r->min_distinct)
		violation(v, BREACH_SPREAD, "group %s: stands on %u values of %s, at least %u needed", in->group_ids[r->group], distinct, label,
			  r->min_distinct);
}

static void check_near(struct verify *v, const struct rule_near *r, const struct stands *s)
{
	const struct instance *in = v->plan->instance;

	for (uint32_t k = s->first[r->a]; k < s->first[r->a + 1]; k++)
		if ((k == s->first[r->a] || s->v[k - 1].place != s->v[k].place) && !stands_count(s, r->b, s->v[k].place))
			violation(v, BREACH_NEAR, "%s %s: holds %s but none of %s, which it must be near",
				  r->label == LABEL_NODE ? "node" : in->label_names[r->label], place_name(in, r->label, s->v[k].place),
				  in->group_ids[r->a], in->group_ids[r->b]);
}

static void check_places(struct verify *v)
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

static void check_limit(struct verify *v, uint32_t item, const double *sum)
{
	const struct instance *in = v->plan->instance;
	const struct service *s = &in->services[in->item_service[item]];
	int32_t n = v->plan->item_node[item];
	double others[MODEL_MAX_PRESSURES];
	const double *own = model_pressure(v->model, s->model_service, in->nodes[n].model_type);
	struct prediction p;

	for (int k = 0; k < model_n_pressures(v->model); k++)
		others[k] = fmax(0, sum[k] - own[k]);
	model_predict(v->model, s->model_service, in->nodes[n].model_type, others, s->limit_confidence, &p);
	if (p.high > s->limit_ratio * (1 + FIGURE_EPSILON))
		violation(v, BREACH_LIMIT, "service %s replica %u on node %s: predicted slowdown %.3f (%.0f %% upper edge %.3f) exceeds the limit %.3f, mostly by %s",
			  s->id, replica_of(in, item), in->nodes[n].id, p.slowdown, s->limit_confidence * 100, p.high, s->limit_ratio,
			  p.binding >= 0 ? model_pressure_name(v->model, p.binding) : "its own spread");
}

static void check_limits(struct verify *v)
{
	const struct instance *in = v->plan->instance;
	int width = v->model ? model_n_pressures(v->model) : 0;
	double *sum = mem_alloc((size_t)in->n_nodes * (size_t)width, sizeof(*sum));
	uint32_t *count = mem_alloc(in->n_nodes, sizeof(*count));

	for (uint32_t i = 0; i < in->n_items; i++) {
		const struct service *s = &in->services[in->item_service[i]];
		int32_t n = v->plan->item_node[i];

		if (n < 0)
			continue;
		count[n]++;
		for (int k = 0; s->model_service >= 0 && k < width; k++)
			sum[n * width + k] += model_pressure(v->model, s->model_service, in->nodes[n].model_type)[k];
	}
	for (uint32_t i = 0; i < in->n_items; i++) {
		const struct service *s = &in->services[in->item_service[i]];
		int32_t n = v->plan->item_node[i];

		if (n < 0 || !isfinite(s->limit_ratio))
			continue;
		if (!v->model || s->model_service < 0)
			v->n_unjudged++;
		else if (count[n] > 1)
			check_limit(v, i, sum + n * width);
	}
	free(sum);
	free(count);
}

static uint32_t check_budget(struct verify *v)
{
	const struct instance *in = v->plan->instance;
	uint32_t moved = 0;

	for (uint32_t i = 0; i < in->n_items; i++)
		moved += in->item_node[i] >= 0 && v->plan->item_node[i] >= 0 && in->item_node[i] != v->plan->item_node[i];
	if (in->max_moves >= 0 && moved > in->max_moves)
		violation(v, BREACH_MOVES, "moves: %u replicas move, at most %lld allowed", moved, (long long)in->max_moves);
	return moved;
}

/* One step: arrivals are added before departures are taken away. bad_before: columns over capacity today do not count anew. */
static void check_step(struct verify *v, uint32_t first, uint32_t end, bool capacity, int64_t *load, int32_t *at)
{
	const struct instance *in = v->plan->instance;
	uint32_t width = in->n_columns;

	for (uint32_t k = first; k < end; k++) {
		const struct plan_move *m = &v->plan->moves[k];
		const int64_t *d = in->demand + (size_t)in->item_service[m->item] * width;

		if (at[m->item] != m->from)
			violation(v, BREACH_MOVES, "move %u (step %u): service %s replica %u does not stand on %s then", k, m->step, id_of(in, m->item),
				  replica_of(in, m->item), m->from < 0 ? "(nowhere)" : in->nodes[m->from].id);
		for (uint32_t c = 0; c < width; c++)
			load[(size_t)m->to * width + c] += d[c];
	}
	for (uint32_t k = first; capacity && k < end; k++) {
		const struct plan_move *m = &v->plan->moves[k];
		const int64_t *d = in->demand + (size_t)in->item_service[m->item] * width;

		for (uint32_t c = 0; c < width; c++)
			if (d[c] && load[(size_t)m->to * width + c] > in->capacity[(size_t)m->to * width + c]) {
				violation(v, BREACH_MOVES, "move %u (step %u): service %s replica %u overfills node %s on its way", k, m->step,
					  id_of(in, m->item), replica_of(in, m->item), in->nodes[m->to].id);
				break;
			}
	}
	for (uint32_t k = first; k < end; k++) {
		const struct plan_move *m = &v->plan->moves[k];

		for (uint32_t c = 0; at[m->item] >= 0 && c < width; c++)
			load[(size_t)at[m->item] * width + c] -= in->demand[(size_t)in->item_service[m->item] * width + c];
		at[m->item] = m->to;
	}
}

/* The last n_unordered moves are those the plan itself says have no safe order (a full fleet may leave none): they are
 * followed, and told by the caller as a warning, since the placement they lead to is checked by itself. */
static void check_order(struct verify *v)
{
	const struct plan *p = v->plan;
	const struct instance *in = p->instance;
	int64_t *load = mem_alloc((size_t)in->n_nodes * in->n_columns, sizeof(*load));
	int32_t *at = mem_alloc(in->n_items, sizeof(*at));
	uint32_t end;

	memcpy(at, in->item_node, in->n_items * sizeof(*at));
	for (uint32_t i = 0; i < in->n_items; i++)
		for (uint32_t c = 0; at[i] >= 0 && c < in->n_columns; c++)
			load[(size_t)at[i] * in->n_columns + c] += in->demand[(size_t)in->item_service[i] * in->n_columns + c];
	for (uint32_t k = 0; k < p->n_moves; k = end) {
		for (end = k; end < p->n_moves && p->moves[end].step == p->moves[k].step; )
			end++;
		if (end < p->n_moves && p->moves[end].step < p->moves[k].step)
			violation(v, BREACH_MOVES, "move %u: step %u follows step %u", end, p->moves[end].step, p->moves[k].step);
		check_step(v, k, end, end + p->n_unordered <= p->n_moves, load, at);
	}
	for (uint32_t i = 0; i < in->n_items; i++)
		if (in->item_node[i] >= 0 && p->item_node[i] >= 0 && at[i] != p->item_node[i])
			violation(v, BREACH_MOVES, "moves: service %s replica %u ends on node %s, the plan says %s", id_of(in, i), replica_of(in, i),
				  in->nodes[at[i]].id, in->nodes[p->item_node[i]].id);
	if (p->n_unordered > p->n_moves)
		violation(v, BREACH_MOVES, "unordered_moves: %u of %u moves", p->n_unordered, p->n_moves);
	free(load);
	free(at);
}

static void check_cost(struct verify *v)
{
	const struct plan *p = v->plan;
	const struct instance *in = p->instance;
	bool *used = mem_alloc(in->n_nodes, sizeof(*used));
	double cost = 0;

	for (uint32_t i = 0; i < in->n_items; i++)
		if (p->item_node[i] >= 0)
			used[p->item_node[i]] = true;
	for (uint32_t n = 0; n < in->n_nodes; n++)
		cost += used[n] ? (double)in->nodes[n].cost : 0;
	if (!in->n_terms && fabs(cost - p->cost) > FIGURE_EPSILON * fmax(1, cost))
		violation(v, BREACH_FIGURES, "cost: the plan says %.15g, the nodes in use cost %.15g", p->cost, cost);
	if (isfinite(p->lower_bound) && !p->n_unplaced && p->lower_bound > p->cost * (1 + FIGURE_EPSILON) + FIGURE_EPSILON)
		violation(v, BREACH_FIGURES, "lower_bound: %.15g lies above the cost %.15g", p->lower_bound, p->cost);
	free(used);
}

void verify_plan(struct verify *v, const struct plan *p, const struct model *model)
{
	uint32_t moved;

	*v = (struct verify){ .plan = p, .model = model };
	check_placed(v);
	check_capacity(v);
	check_caps(v);
	check_places(v);
	check_limits(v);
	moved = check_budget(v);
	if (moved || p->n_moves)
		check_order(v);
	check_cost(v);
}

void verify_fini(struct verify *v)
{
	for (uint32_t i = 0; i < v->n_texts; i++)
		free(v->texts[i]);
	free(v->texts);
	for (int k = 0; k < N_BREACHES; k++)
		free(v->first_of[k]);
	*v = (struct verify){ 0 };
}
