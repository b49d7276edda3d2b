/* Judgement of a plan from first principles, slow and plain on purpose: see verify.h. */
#include "planner/verify/verify_part.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void verify_break(struct verify *v, enum breach kind, const char *fmt, ...)
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

const char *verify_id(const struct instance *in, uint32_t item)
{
	return in->services[in->item_service[item]].id;
}

uint32_t verify_replica(const struct instance *in, uint32_t item)
{
	return item - in->services[in->item_service[item]].first_item;
}

static void check_placed(struct verify *v)
{
	const struct instance *in = v->plan->instance;

	for (uint32_t i = 0; i < in->n_items; i++) {
		int32_t n = v->plan->item_node[i];

		if (n < 0)
			verify_break(v, BREACH_UNPLACED, "service %s replica %u: is not placed", verify_id(in, i), verify_replica(in, i));
		else if (!instance_allows(in, in->item_service[i], (uint32_t)n))
			verify_break(v, BREACH_PLACE, "service %s replica %u: must not run on node %s", verify_id(in, i), verify_replica(in, i), in->nodes[n].id);
	}
}

int64_t *verify_loads(const struct instance *in, const int32_t *at)
{
	int64_t *load = mem_alloc((size_t)in->n_nodes * in->n_columns, sizeof(*load));

	for (uint32_t i = 0; i < in->n_items; i++)
		for (uint32_t c = 0; at[i] >= 0 && c < in->n_columns; c++)
			load[(size_t)at[i] * in->n_columns + c] += in->demand[(size_t)in->item_service[i] * in->n_columns + c];
	return load;
}

/* The most that stands on each node: everything placed there, and what moved away but holds its transient resources meanwhile. */
static int64_t *loads(const struct plan *p)
{
	const struct instance *in = p->instance;
	int64_t *load = verify_loads(in, p->item_node);

	for (uint32_t i = 0; i < in->n_items; i++) {
		const int64_t *d = in->demand + (size_t)in->item_service[i] * in->n_columns;
		int32_t to = p->item_node[i], from = in->item_node[i];

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
					verify_break(v, BREACH_CAPACITY, "node %s: %s at slot %u: load %lld exceeds capacity %lld", in->nodes[n].id,
						  in->resources[r].name, t, (long long)load[k], (long long)in->capacity[k]);
			}
	free(load);
}

void verify_plan(struct verify *v, const struct plan *p, const struct model *model)
{
	uint32_t moved;

	*v = (struct verify){ .plan = p, .model = model };
	check_placed(v);
	check_capacity(v);
	verify_caps(v);
	verify_places(v);
	verify_limits(v);
	moved = verify_budget(v);
	if (moved || p->n_moves)
		verify_order(v);
	verify_cost(v);
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
