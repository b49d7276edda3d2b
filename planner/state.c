/* Incremental placement: see state.h. The slow twin that judges it is planner/verify/verify.c, which shares nothing with it. */
#include "planner/state.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define SLACK 1e-9 /* pressures are sums of doubles: put and take leave rounding */

/* What stands on a node today keeps its transient resources there, wherever it goes (ROADEF/EURO 2012, section 2.4). */
static void hold_transients(struct state *st)
{
	const struct instance *in = st->in;

	for (uint32_t r = 0; r < in->n_resources; r++) {
		const struct resource *res = &in->resources[r];

		if (!res->transient)
			continue;
		st->transient = true;
		for (uint32_t i = 0; i < in->n_items; i++)
			for (uint32_t c = res->column; in->item_node[i] >= 0 && c < res->column + res->slots; c++)
				st->load[(size_t)in->item_node[i] * in->n_columns + c] +=
					in->demand[(size_t)in->item_service[i] * in->n_columns + c];
	}
}

static void open_limits(struct state *st)
{
	const struct instance *in = st->in;
	bool *occurs;

	st->n_pressures = model_n_pressures(st->model);
	st->pressure = mem_alloc((size_t)in->n_nodes * (size_t)st->n_pressures, sizeof(*st->pressure));
	for (uint32_t n = 0; n < in->n_nodes; n++)
		st->n_types = in->nodes[n].model_type + 2 > st->n_types ? in->nodes[n].model_type + 2 : st->n_types;
	occurs = mem_alloc((size_t)st->n_types, sizeof(*occurs));
	for (uint32_t n = 0; n < in->n_nodes; n++)
		occurs[in->nodes[n].model_type + 1] = true;
	st->limits = mem_alloc((size_t)in->n_services * (size_t)st->n_types, sizeof(*st->limits));
	for (uint32_t s = 0; s < in->n_services; s++)
		for (int t = 0; t < st->n_types && in->services[s].model_service >= 0 && isfinite(in->services[s].limit_ratio); t++)
			if (occurs[t])
				st->limits[s * (size_t)st->n_types + (size_t)t] = model_limit_new(st->model, in->services[s].model_service, t - 1,
					in->services[s].limit_ratio - SLACK, in->services[s].limit_confidence);
	free(occurs);
}

struct state *state_new(const struct instance *in, const struct model *model)
{
	struct state *st = mem_alloc(1, sizeof(*st));

	st->in = in;
	st->model = model;
	st->item_node = mem_alloc(in->n_items, sizeof(*st->item_node));
	memset(st->item_node, 0xff, in->n_items * sizeof(*st->item_node));
	st->load = mem_alloc((size_t)in->n_nodes * in->n_columns, sizeof(*st->load));
	st->items = mem_alloc(in->n_nodes, sizeof(*st->items));
	st->at = mem_alloc(in->n_items, sizeof(*st->at));
	if (model)
		open_limits(st);
	state_rules_init(&st->rules, in);
	hold_transients(st);
	return st;
}

void state_free(struct state *st)
{
	if (!st)
		return;
	for (uint32_t n = 0; n < st->in->n_nodes; n++)
		free(st->items[n].v);
	state_rules_fini(&st->rules, st->in);
	free(st->item_node);
	free(st->load);
	free(st->items);
	free(st->at);
	free(st->pressure);
	free(st->limits);
	free(st);
}

void state_clear(struct state *st)
{
	for (uint32_t n = 0; n < st->in->n_nodes; n++)
		while (st->items[n].n)
			state_take(st, st->items[n].v[st->items[n].n - 1]);
}

void state_load(struct state *st, const int32_t *item_node)
{
	for (uint32_t i = 0; i < st->in->n_items; i++) {
		if (st->item_node[i] == item_node[i])
			continue;
		if (st->item_node[i] >= 0)
			state_take(st, i);
		if (item_node[i] >= 0)
			state_put(st, i, (uint32_t)item_node[i]);
	}
}

/* Column by column without a branch, so that the vectoriser takes it; blocks of 16 allow to leave early. */
__attribute__((target_clones("avx512f", "avx2", "default")))
static bool room_for(const int64_t *restrict load, const int64_t *restrict demand, const int64_t *restrict capacity, uint32_t n)
{
	uint32_t c = 0;

	for (; c + 16 <= n; c += 16) {
		int64_t over = 0;

		for (uint32_t k = 0; k < 16; k++)
			over |= capacity[c + k] - load[c + k] - demand[c + k];
		if (over < 0)
			return false;
	}
	for (; c < n; c++)
		if (load[c] + demand[c] > capacity[c])
			return false;
	return true;
}

bool state_fits_columns(const struct state *st, uint32_t service, uint32_t node)
{
	size_t width = st->in->n_columns;

	return room_for(st->load + node * width, st->in->demand + service * width, st->in->capacity + node * width, st->in->n_columns);
}

static const struct model_limit *limit_of(const struct state *st, uint32_t service, uint32_t node)
{
	return &st->limits[service * (size_t)st->n_types + (size_t)(st->in->nodes[node].model_type + 1)];
}

static void press(const struct state *st, double *sum, uint32_t service, uint32_t node, int sign)
{
	const struct service *s = &st->in->services[service];
	const double *own;

	if (s->model_service < 0)
		return;
	own = model_pressure(st->model, s->model_service, st->in->nodes[node].model_type);
	for (int p = 0; p < st->n_pressures; p++)
		sum[p] += sign * own[p];
}

static bool within(const struct state *st, uint32_t service, uint32_t node, const double *sum)
{
	const struct service *s = &st->in->services[service];
	double others[MODEL_MAX_PRESSURES];
	const double *own;

	if (s->model_service < 0 || !isfinite(s->limit_ratio))
		return true;
	own = model_pressure(st->model, s->model_service, st->in->nodes[node].model_type);
	for (int p = 0; p < st->n_pressures; p++)
		others[p] = fmax(0, sum[p] - own[p]);
	return model_limit_holds(st->model, limit_of(st, service, node), others);
}

bool state_fits_limits_instead(const struct state *st, uint32_t service, uint32_t node, uint32_t item)
{
	const struct instance *in = st->in;
	const struct state_list *l = &st->items[node];
	double sum[MODEL_MAX_PRESSURES];

	if (!st->model || l->n <= (item != UINT32_MAX) || in->services[service].model_service < 0)
		return true;
	memcpy(sum, st->pressure + (size_t)node * (size_t)st->n_pressures, (size_t)st->n_pressures * sizeof(*sum));
	press(st, sum, service, node, 1);
	if (item != UINT32_MAX)
		press(st, sum, in->item_service[item], node, -1);
	if (!within(st, service, node, sum))
		return false;
	for (uint32_t i = 0; i < l->n; i++)
		if (l->v[i] != item && !within(st, in->item_service[l->v[i]], node, sum))
			return false;
	return true;
}

bool state_fits_limits(const struct state *st, uint32_t service, uint32_t node)
{
	return state_fits_limits_instead(st, service, node, UINT32_MAX);
}

bool state_fits(const struct state *st, uint32_t service, uint32_t node)
{
	return state_fits_columns(st, service, node) && state_fits_rules(st, service, node) && state_fits_limits(st, service, node);
}

static bool home_has_room(const struct state *st, uint32_t service, uint32_t node)
{
	const struct instance *in = st->in;

	for (uint32_t r = 0; r < in->n_resources; r++)
		for (uint32_t c = in->resources[r].column; c < in->resources[r].column + in->resources[r].slots; c++) {
			size_t k = (size_t)node * in->n_columns + c;
			int64_t more = in->resources[r].transient ? 0 : in->demand[(size_t)service * in->n_columns + c];

			if (st->load[k] + more > in->capacity[k])
				return false;
		}
	return true;
}

bool state_fits_item(const struct state *st, uint32_t item, uint32_t node)
{
	uint32_t service = st->in->item_service[item];

	if (!st->transient || st->in->item_node[item] != (int32_t)node)
		return state_fits(st, service, node);
	return home_has_room(st, service, node) && state_fits_rules(st, service, node) && state_fits_limits(st, service, node);
}

static void count(struct state *st, uint32_t item, uint32_t node, int sign)
{
	const struct instance *in = st->in;
	const struct service *s = &in->services[in->item_service[item]];
	const int64_t *d = in->demand + (size_t)in->item_service[item] * in->n_columns;
	int64_t *load = st->load + (size_t)node * in->n_columns;

	if (!st->transient || in->item_node[item] != (int32_t)node) {
		for (uint32_t c = 0; c < in->n_columns; c++)
			load[c] += sign * d[c];
	} else {
		for (uint32_t r = 0; r < in->n_resources; r++)
			for (uint32_t c = in->resources[r].column; !in->resources[r].transient && c < in->resources[r].column + in->resources[r].slots; c++)
				load[c] += sign * d[c];
	}
	state_rules_count(st, s->group, node, sign);
	if (st->model)
		press(st, st->pressure + (size_t)node * (size_t)st->n_pressures, in->item_service[item], node, sign);
}

void state_put(struct state *st, uint32_t item, uint32_t node)
{
	struct state_list *l = &st->items[node];
	size_t cap = l->cap;

	count(st, item, node, 1);
	l->v = array_grow(l->v, &cap, l->n + 1, sizeof(*l->v));
	l->cap = (uint32_t)cap;
	__atomic_fetch_add(&st->n_used, !l->n, __ATOMIC_RELAXED); /* squeeze.c works on disjoint nodes side by side */
	st->at[item] = l->n;
	l->v[l->n++] = item;
	st->item_node[item] = (int32_t)node;
}

void state_take(struct state *st, uint32_t item)
{
	uint32_t node = (uint32_t)st->item_node[item];
	struct state_list *l = &st->items[node];

	l->n--;
	l->v[st->at[item]] = l->v[l->n];
	st->at[l->v[l->n]] = st->at[item];
	__atomic_fetch_sub(&st->n_used, !l->n, __ATOMIC_RELAXED);
	st->item_node[item] = NO_NODE;
	count(st, item, node, -1);
	if (!l->n && st->model)
		memset(st->pressure + (size_t)node * (size_t)st->n_pressures, 0, (size_t)st->n_pressures * sizeof(double));
}

uint32_t state_drop_orphans(struct state *st)
{
	uint32_t dropped = 0, before;

	do {
		before = dropped;
		for (uint32_t i = 0; !state_near_ok(st) && i < st->in->n_items; i++)
			if (st->item_node[i] >= 0 && state_is_orphan(st, i)) {
				state_take(st, i);
				dropped++;
			}
	} while (dropped > before);
	return dropped;
}
