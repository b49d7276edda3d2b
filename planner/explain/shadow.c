/* Shadow prices by solving relaxed copies: see shadow.h. A relaxation is a row that makes its variants one after another. */
#include "planner/explain/shadow.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/sort.h"
#include "planner/search.h"

#define TESTS_PER_ITEM 500   /* of each search */
#define TESTS_LEAST 100000
#define TESTS_MOST 20000000  /* 100,000 replicas: some seconds for each relaxation */
#define CAPACITY_STEP 0.10   /* more of a resource on every node */
#define LIMIT_STEP 0.10      /* looser slowdown limit */
#define LIMITS_MAX 4         /* distinct limits shown one by one; more are raised together */

/* A relaxed copy. Arrays that a variant replaces are its own; everything else is borrowed from the original. */
struct variant {
	struct instance in;
	const struct instance *from;
	char text[256];      /* "10 % more mem on every node" */
	bool skip;           /* text says it all */
};

static void own(void **v, size_t bytes)
{
	void *copy = mem_alloc(bytes, 1);

	memcpy(copy, *v, bytes);
	*v = copy;
}

static void variant_fini(struct variant *v)
{
	if (v->in.capacity != v->from->capacity)
		free(v->in.capacity);
	if (v->in.services != v->from->services)
		free(v->in.services);
	if (v->in.nodes != v->from->nodes) {
		free(v->in.nodes);
		free(v->in.node_label);
		for (uint32_t s = 0; v->in.allow && s < v->in.n_services; s++)
			free(v->in.allow[s]);
		free(v->in.allow);
	}
}

static bool more_capacity(struct variant *v, const struct plan *p, unsigned k)
{
	const struct instance *in = p->instance;
	const struct resource *r;

	if (k >= in->n_resources)
		return false;
	r = &in->resources[k];
	own((void **)&v->in.capacity, (size_t)in->n_nodes * in->n_columns * sizeof(int64_t));
	for (uint32_t n = 0; n < in->n_nodes; n++)
		for (uint32_t c = r->column; c < r->column + r->slots; c++)
			v->in.capacity[(size_t)n * in->n_columns + c] += (int64_t)((double)in->capacity[(size_t)n * in->n_columns + c] * CAPACITY_STEP);
	snprintf(v->text, sizeof(v->text), "%.0f %% more %.80s on every node", CAPACITY_STEP * 100, r->name);
	return true;
}

/* Distinct finite limits, ascending; the caller frees. */
static double *limits(const struct instance *in, uint32_t *n)
{
	double *v = mem_alloc(in->n_services, sizeof(*v));
	uint32_t all = 0;

	*n = 0;
	for (uint32_t s = 0; s < in->n_services; s++)
		if (isfinite(in->services[s].limit_ratio))
			v[all++] = in->services[s].limit_ratio;
	qsort(v, all, sizeof(*v), sort_doubles);
	for (uint32_t k = 0; k < all; k++)
		if (!k || v[k] != v[*n - 1])
			v[(*n)++] = v[k];
	return v;
}

static bool looser_limit(struct variant *v, const struct plan *p, unsigned k)
{
	const struct instance *in = p->instance;
	uint32_t n, services = 0;
	double *all = limits(in, &n), which = k < n ? all[k] : NAN;
	bool together = n > LIMITS_MAX;

	free(all);
	if (!n || !p->item_slowdown || k >= (together ? 1 : n))
		return false;
	own((void **)&v->in.services, in->n_services * sizeof(struct service));
	for (uint32_t s = 0; s < in->n_services; s++)
		if (together ? isfinite(in->services[s].limit_ratio) : in->services[s].limit_ratio == which) {
			v->in.services[s].limit_ratio += LIMIT_STEP;
			services++;
		}
	if (together)
		snprintf(v->text, sizeof(v->text), "slowdown limits looser by %.2f (%u services)", LIMIT_STEP, services);
	else
		snprintf(v->text, sizeof(v->text), "limit %.2f -> %.2f (%u services)", which, which + LIMIT_STEP, services);
	return true;
}

/* Is the node the first of its kind (type, cost, capacities)? */
static bool same_kind(const struct instance *in, uint32_t a, uint32_t b)
{
	return in->nodes[a].cost == in->nodes[b].cost && !strcmp(in->nodes[a].type, in->nodes[b].type) &&
	       !memcmp(in->capacity + (size_t)a * in->n_columns, in->capacity + (size_t)b * in->n_columns, in->n_columns * sizeof(int64_t));
}

static void add_node(struct variant *v, uint32_t like)
{
	const struct instance *in = v->from;
	uint32_t n = in->n_nodes;

	v->in.nodes = mem_alloc((size_t)n + 1, sizeof(struct node));
	memcpy(v->in.nodes, in->nodes, n * sizeof(struct node));
	v->in.nodes[n] = in->nodes[like];
	v->in.capacity = mem_alloc((size_t)(n + 1) * in->n_columns, sizeof(int64_t));
	memcpy(v->in.capacity, in->capacity, (size_t)n * in->n_columns * sizeof(int64_t));
	memcpy(v->in.capacity + (size_t)n * in->n_columns, in->capacity + (size_t)like * in->n_columns, in->n_columns * sizeof(int64_t));
	v->in.node_label = mem_alloc((size_t)(n + 1) * in->n_labels, sizeof(uint32_t));
	if (in->n_labels) {
		memcpy(v->in.node_label, in->node_label, (size_t)n * in->n_labels * sizeof(uint32_t));
		memcpy(v->in.node_label + (size_t)n * in->n_labels, in->node_label + (size_t)like * in->n_labels, in->n_labels * sizeof(uint32_t));
	}
	if (in->allow) {
		v->in.allow = mem_alloc(in->n_services, sizeof(*v->in.allow));
		for (uint32_t s = 0; s < in->n_services; s++) {
			if (!in->allow[s])
				continue;
			v->in.allow[s] = mem_alloc(n / 64 + 1, sizeof(uint64_t));
			memcpy(v->in.allow[s], in->allow[s], ((size_t)n + 63) / 64 * sizeof(uint64_t));
			v->in.allow[s][n / 64] |= (uint64_t)instance_allows(in, s, like) << (n % 64);
		}
	}
	v->in.n_nodes = n + 1;
	v->in.soft = NULL; /* terms with soft capacities are not relaxed so */
}

static bool one_more_node(struct variant *v, const struct plan *p, unsigned k)
{
	const struct instance *in = p->instance;
	bool *used = mem_alloc(in->n_nodes, sizeof(*used));
	uint32_t first = UINT32_MAX, spare = 0, seen = 0;

	for (uint32_t i = 0; i < in->n_items; i++)
		if (p->item_node[i] >= 0)
			used[p->item_node[i]] = true;
	for (uint32_t n = 0; n < in->n_nodes && first == UINT32_MAX; n++) {
		uint32_t earlier = 0;

		while (earlier < n && !same_kind(in, earlier, n))
			earlier++;
		if (earlier == n && seen++ == k)
			first = n;
	}
	for (uint32_t n = 0; first != UINT32_MAX && n < in->n_nodes; n++)
		spare += !used[n] && same_kind(in, first, n);
	free(used);
	if (first == UINT32_MAX || k >= LIMITS_MAX)
		return false;
	v->skip = spare > 0;
	if (spare)
		snprintf(v->text, sizeof(v->text), "one more node like %.60s%s%.60s saves nothing: %u of them are unused", in->nodes[first].id,
			 *in->nodes[first].type ? " of type " : "", in->nodes[first].type, spare);
	else
		snprintf(v->text, sizeof(v->text), "one more node like %.60s%s%.60s", in->nodes[first].id,
			 *in->nodes[first].type ? " of type " : "", in->nodes[first].type);
	if (!spare)
		add_node(v, first);
	return true;
}

static bool no_sharing_rules(struct variant *v, const struct plan *p, unsigned k)
{
	if (k || !p->instance->n_caps)
		return false;
	v->in.n_caps = 0;
	snprintf(v->text, sizeof(v->text), "dropping the %u rules of who may share a node", p->instance->n_caps);
	return true;
}

static bool no_spread_rules(struct variant *v, const struct plan *p, unsigned k)
{
	if (k || !p->instance->n_spreads)
		return false;
	v->in.n_spreads = 0;
	snprintf(v->text, sizeof(v->text), "dropping the %u spread rules", p->instance->n_spreads);
	return true;
}

static bool more_moves(struct variant *v, const struct plan *p, unsigned k)
{
	int64_t most = p->instance->max_moves, moved = 0;

	for (uint32_t i = 0; i < p->instance->n_items; i++)
		moved += p->instance->item_node[i] >= 0 && p->item_node[i] >= 0 && p->item_node[i] != p->instance->item_node[i];
	if (k || most < 0 || moved < most)
		return false;
	v->in.max_moves = most * 2 + 1;
	snprintf(v->text, sizeof(v->text), "a move budget of %lld instead of %lld", (long long)v->in.max_moves, (long long)most);
	return true;
}

static bool (*const relaxations[])(struct variant *v, const struct plan *p, unsigned k) = {
	one_more_node, more_capacity, looser_limit, no_sharing_rules, no_spread_rules, more_moves,
};

static double solve(const struct instance *in, const struct model *model, const struct plan *p, unsigned threads, uint32_t *nodes)
{
	struct search s = { .in = in, .model = model, .seed = p->seed, .deadline_ns = UINT64_MAX, .threads = threads };
	struct plan *q = plan_new(in);
	double cost;

	s.max_iterations = TESTS_LEAST + (uint64_t)TESTS_PER_ITEM * in->n_items;
	s.max_iterations = s.max_iterations < TESTS_MOST ? s.max_iterations : TESTS_MOST;
	memcpy(q->item_node, p->item_node, in->n_items * sizeof(int32_t));
	cost = portfolio_polish(&s, q->item_node);
	plan_count(q);
	*nodes = q->nodes_used;
	plan_free(q);
	return cost;
}

static void say(struct plan *p, const struct variant *v, double base, double cost, uint32_t nodes_base, uint32_t nodes)
{
	const char *unit = p->instance->cost_unit ? p->instance->cost_unit : "nodes";

	if (v->skip)
		plan_say(p, 0, "%s", v->text);
	else if (!isfinite(base) && isfinite(cost))
		plan_say(p, 0, "%s would give everything a place", v->text);
	else if (!isfinite(cost))
		plan_say(p, 0, "%s would not give everything a place either", v->text);
	else if (cost < base - 1e-9)
		plan_say(p, 0, "%s would save %.10g %s (%u instead of %u nodes in use)", v->text, base - cost, unit, nodes, nodes_base);
	else
		plan_say(p, 0, "%s would save nothing that this search found", v->text);
}

void shadow_prices(struct plan *p, const struct model *model, unsigned threads)
{
	uint32_t nodes_base, nodes = 0;
	double base = solve(p->instance, model, p, threads, &nodes_base);

	for (size_t i = 0; i < sizeof(relaxations) / sizeof(relaxations[0]); i++)
		for (unsigned k = 0; !search_interrupted; k++) {
			struct variant v = { .in = *p->instance, .from = p->instance };
			bool made = relaxations[i](&v, p, k);
			double cost = made && !v.skip ? solve(&v.in, model, p, threads, &nodes) : base;

			if (made)
				say(p, &v, base, cost, nodes_base, nodes);
			variant_fini(&v);
			if (!made)
				break;
		}
}
