/*
 * Every placement and every node of a plan, in a sentence each: see explain.h. What keeps a replica off another node is the
 * first test that fails there, as in explain.c.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "planner/explain/explain.h"
#include "planner/state.h"

#define NODES_ASKED 200 /* per replica; evenly spaced over the nodes in use */

struct tightest { uint32_t resource, slot; double ratio; int64_t load, capacity; };

static struct tightest tightest_of(const struct state *st, uint32_t node)
{
	const struct instance *in = st->in;
	struct tightest t = { .ratio = -1 };

	for (uint32_t r = 0; r < in->n_resources; r++)
		for (uint32_t k = 0; k < in->resources[r].slots; k++) {
			size_t at = (size_t)node * in->n_columns + in->resources[r].column + k;
			double ratio = in->capacity[at] ? (double)st->load[at] / (double)in->capacity[at] : 0;

			if (ratio > t.ratio)
				t = (struct tightest){ r, k, ratio, st->load[at], in->capacity[at] };
		}
	return t;
}

/* The service on the node that is nearest to its slowdown limit; false when none has one. */
static bool nearest_limit(const struct plan *p, const struct state *st, uint32_t node, uint32_t *item)
{
	double least = INFINITY;

	for (uint32_t i = 0; p->item_slowdown && i < st->items[node].n; i++) {
		uint32_t k = st->items[node].v[i];
		double left = p->instance->services[p->instance->item_service[k]].limit_ratio - p->item_slowdown[k];

		if (left < least) {
			least = left;
			*item = k;
		}
	}
	return isfinite(least);
}

static char *node_in_use(const struct plan *p, const struct state *st, uint32_t n)
{
	const struct instance *in = p->instance;
	struct tightest t = tightest_of(st, n);
	const struct resource *r = &in->resources[t.resource];
	uint32_t item = 0;

	if (nearest_limit(p, st, n, &item))
		return str_fmt("%u replicas; %s is %.1f %% full at slot %u (%lld of %lld %s); nearest slowdown limit: service %s at %.3f of %.3f",
			       st->items[n].n, r->name, t.ratio * 100, t.slot, (long long)t.load, (long long)t.capacity, r->unit,
			       in->services[in->item_service[item]].id, p->item_slowdown[item], in->services[in->item_service[item]].limit_ratio);
	return str_fmt("%u replicas; %s is %.1f %% full at slot %u (%lld of %lld %s)", st->items[n].n, r->name, t.ratio * 100, t.slot,
		       (long long)t.load, (long long)t.capacity, r->unit);
}

static char *node_unused(const struct plan *p, const struct state *st, uint32_t n)
{
	const struct instance *in = p->instance;
	uint32_t allowed = 0;
	bool any = false;

	for (uint32_t s = 0; s < in->n_services && !any; s++) {
		allowed += instance_allows(in, s, n);
		any = instance_allows(in, s, n) && state_fits_columns(st, s, n);
	}
	if (!allowed)
		return str_dup("unused: no service may run here");
	if (!any)
		return str_fmt("unused: too small for each of the %u services that may run here", allowed);
	return str_fmt("unused: everything%s has a place on %u nodes of cost %.10g; using this one would cost %lld more", p->n_unplaced ? " else" : "",
		       p->nodes_used, p->cost, (long long)in->nodes[n].cost);
}

static char *why_here(const struct plan *p, struct state *st, uint32_t item, const uint32_t *used, uint32_t n_used)
{
	const struct instance *in = p->instance;
	uint32_t node = (uint32_t)p->item_node[item], n[N_OBSTACLES] = { 0 }, asked = 0;
	uint32_t step = n_used > NODES_ASKED ? n_used / NODES_ASKED : 1;
	int32_t today = in->item_node[item];
	const char *how = today < 0 ? "" : today == (int32_t)node ? "stays where it runs; " : "moves; ";

	state_take(st, item);
	for (uint32_t k = item % step; k < n_used; k += step) {
		if (used[k] == node)
			continue;
		asked++;
		n[explain_obstacle(st, item, used[k])]++;
	}
	state_put(st, item, node);
	return str_fmt("%sof %u other nodes in use%s: %u lack room, %u are kept by rules, %u by slowdown limits, %u are not allowed, %u would do as well",
		       how, asked, step > 1 ? " (a sample)" : "", n[OBSTACLE_ROOM], n[OBSTACLE_RULE], n[OBSTACLE_LIMIT], n[OBSTACLE_PINNED], n[OBSTACLE_NONE]);
}

void explain_each(struct plan *p, const struct model *model)
{
	const struct instance *in = p->instance;
	struct state *st = state_new(in, model);
	uint32_t *used = mem_alloc(in->n_nodes, sizeof(*used)), n_used = 0;

	state_load(st, p->item_node);
	p->item_why = mem_alloc(in->n_items, sizeof(*p->item_why));
	p->node_why = mem_alloc(in->n_nodes, sizeof(*p->node_why));
	for (uint32_t n = 0; n < in->n_nodes; n++) {
		if (st->items[n].n)
			used[n_used++] = n;
		p->node_why[n] = st->items[n].n ? node_in_use(p, st, n) : node_unused(p, st, n);
	}
	for (uint32_t i = 0; i < in->n_items; i++)
		if (p->item_node[i] >= 0)
			p->item_why[i] = why_here(p, st, i, used, n_used);
	free(used);
	state_free(st);
}
