/*
 * Explanations of a plan: see explain.h. What keeps a replica off a node is found by asking, for each node, the first test
 * that fails: pin, capacity (which resource, which slot, how much is missing), rule, slowdown limit.
 */
#include "planner/explain/explain.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "planner/state.h"
#include "planner/verify/verify.h"

#define UNPLACED_SHOWN 20

/* Per column: what is placed, and what the nodes in use have. */
static void sum_columns(const struct plan *p, double *load, double *capacity)
{
	const struct instance *in = p->instance;
	uint32_t *placed = mem_alloc(in->n_services, sizeof(*placed));
	bool *used = mem_alloc(in->n_nodes, sizeof(*used));

	for (uint32_t i = 0; i < in->n_items; i++)
		if (p->item_node[i] >= 0) {
			placed[in->item_service[i]]++;
			used[p->item_node[i]] = true;
		}
	for (size_t s = 0; s < in->n_services; s++)
		for (uint32_t c = 0; placed[s] && c < in->n_columns; c++)
			load[c] += (double)in->demand[s * in->n_columns + c] * placed[s];
	for (size_t n = 0; n < in->n_nodes; n++)
		for (uint32_t c = 0; used[n] && c < in->n_columns; c++)
			capacity[c] += (double)in->capacity[n * in->n_columns + c];
	free(placed);
	free(used);
}

/* The fullest resource over the nodes in use, at its fullest slot. */
static void explain_binding(struct plan *p)
{
	const struct instance *in = p->instance;
	double *load = mem_alloc(in->n_columns, sizeof(*load)), *capacity = mem_alloc(in->n_columns, sizeof(*capacity)), best = -1;
	uint32_t resource = 0, slot = 0;

	sum_columns(p, load, capacity);
	for (uint32_t r = 0; r < in->n_resources; r++)
		for (uint32_t t = 0; t < in->resources[r].slots; t++) {
			uint32_t c = in->resources[r].column + t;

			if (capacity[c] > 0 && load[c] / capacity[c] > best) {
				best = load[c] / capacity[c];
				resource = r;
				slot = t;
			}
		}
	if (best >= 0) {
		const struct resource *r = &in->resources[resource];
		char *when = r->slots > 1 ? str_fmt(" at slot %u", slot) : str_dup("");

		plan_say(p, resource, "%s binds first: the nodes in use are %.1f %% full%s (%.0f of %.0f %s)", r->name, best * 100, when,
			 load[r->column + slot], capacity[r->column + slot], r->unit);
		free(when);
	}
	free(load);
	free(capacity);
}

enum obstacle explain_obstacle(const struct state *st, uint32_t item, uint32_t node)
{
	uint32_t service = st->in->item_service[item];

	if (!instance_allows(st->in, service, node))
		return OBSTACLE_PINNED;
	if (state_fits_item(st, item, node))
		return OBSTACLE_NONE;
	if (!state_fits_columns(st, service, node))
		return OBSTACLE_ROOM;
	return state_fits_rules(st, service, node) ? OBSTACLE_LIMIT : OBSTACLE_RULE;
}

/* Does it fit no node even when that is empty? Then name the resource and the largest node. */
static bool explain_too_large(struct plan *p, uint32_t service)
{
	const struct instance *in = p->instance;
	const int64_t *d = in->demand + (size_t)service * in->n_columns;

	for (uint32_t r = 0; r < in->n_resources; r++)
		for (uint32_t t = 0; t < in->resources[r].slots; t++) {
			uint32_t c = in->resources[r].column + t;
			int64_t most = -1;

			for (uint32_t n = 0; n < in->n_nodes; n++)
				if (instance_allows(in, service, n) && in->capacity[(size_t)n * in->n_columns + c] > most)
					most = in->capacity[(size_t)n * in->n_columns + c];
			if (d[c] <= most)
				continue;
			plan_say(p, service, "service %s fits on no node: it needs %lld %s of %s at slot %u, the largest node it may use has %lld",
			       in->services[service].id, (long long)d[c], in->resources[r].unit, in->resources[r].name, t, (long long)most);
			return true;
		}
	return false;
}

static void explain_unplaced(struct plan *p, const struct state *st)
{
	const struct instance *in = p->instance;
	uint32_t shown = 0;

	for (uint32_t i = 0; i < in->n_items && shown < UNPLACED_SHOWN; i++) {
		uint32_t service = in->item_service[i], n[N_OBSTACLES] = { 0 };

		if (p->item_node[i] >= 0 || (i > in->services[service].first_item && p->item_node[i - 1] < 0))
			continue;
		shown++;
		if (explain_too_large(p, service))
			continue;
		for (uint32_t k = 0; k < in->n_nodes; k++)
			n[explain_obstacle(st, i, k)]++;
		plan_say(p, service, "service %s replica %u found no place: of %u nodes %u lack room, %u are kept by rules, %u by slowdown limits, %u are not allowed",
		       in->services[service].id, i - in->services[service].first_item, in->n_nodes, n[OBSTACLE_ROOM], n[OBSTACLE_RULE], n[OBSTACLE_LIMIT],
		       n[OBSTACLE_PINNED]);
		if (n[OBSTACLE_NONE] && in->max_moves >= 0)
			plan_say(p, service, "service %s replica %u would fit %u nodes, but it runs already and the %lld moves allowed are used up",
				 in->services[service].id, i - in->services[service].first_item, n[OBSTACLE_NONE], (long long)in->max_moves);
	}
}

/* Total demand against total capacity: the plainest proof that nothing can work. */
static void explain_shortage(struct plan *p)
{
	const struct instance *in = p->instance;

	for (uint32_t r = 0; r < in->n_resources; r++)
		for (uint32_t t = 0; t < in->resources[r].slots; t++) {
			uint32_t c = in->resources[r].column + t;
			double need = 0, room = 0;

			for (uint32_t s = 0; s < in->n_services; s++)
				need += (double)in->demand[(size_t)s * in->n_columns + c] * in->services[s].replicas;
			for (uint32_t n = 0; n < in->n_nodes; n++)
				room += (double)in->capacity[(size_t)n * in->n_columns + c];
			if (need > room) {
				plan_say(p, r, "all services together need %.0f of %s at slot %u, all nodes together have %.0f: %.0f are missing",
				       need, in->resources[r].name, t, room, need - room);
				break;
			}
		}
}

/* What runs today in breach of something: said, because the plan must repair it. The judge is verify, on today's placement. */
static void explain_repair(struct plan *p, const struct model *model)
{
	static const char *const names[N_BREACHES] = {
		[BREACH_PLACE] = "forbidden nodes", [BREACH_CAPACITY] = "capacities", [BREACH_CAP] = "rules of who may share a node",
		[BREACH_SPREAD] = "spread rules", [BREACH_NEAR] = "near rules", [BREACH_LIMIT] = "slowdown limits",
	};
	const struct instance *in = p->instance;
	struct plan *today = plan_new(in);
	bool runs = false;
	struct verify v;

	for (uint32_t i = 0; i < in->n_items; i++) {
		today->item_node[i] = in->item_node[i];
		runs |= in->item_node[i] >= 0;
	}
	plan_count(today);
	if (runs) {
		verify_plan(&v, today, model);
		for (int k = 0; k < N_BREACHES; k++) {
			bool whole = k == BREACH_SPREAD || k == BREACH_NEAR; /* can only be judged of what runs in full */

			if (names[k] && v.n_of[k] && !(whole && today->n_unplaced))
				plan_say(p, 0, "today's placement breaks %s in %llu places (first: %s); the plan repairs %s", names[k],
					 (unsigned long long)v.n_of[k], v.first_of[k], p->n_unplaced ? "what it can" : "it");
		}
		verify_fini(&v);
	}
	plan_free(today);
}

/* How far from proven best. */
static void explain_gap(struct plan *p)
{
	if (isfinite(p->lower_bound) && !p->n_unplaced) {
		if (p->cost <= p->lower_bound * (1 + 1e-9))
			plan_say(p, 0, "the plan is optimal: the %s bound proves that no plan costs less than %.10g", p->bound_name, p->lower_bound);
		else
			plan_say(p, 0, "at most %.10g of the cost of %.10g could still be saved (%s bound)", p->cost - p->lower_bound, p->cost, p->bound_name);
	}
}

void explain_plan(struct plan *p, const struct model *model)
{
	explain_repair(p, model);
	if (p->n_unplaced) {
		struct state *st = state_new(p->instance, model);

		state_load(st, p->item_node);
		explain_shortage(p);
		explain_unplaced(p, st);
		state_free(st);
	}
	explain_binding(p);
	explain_gap(p);
}
