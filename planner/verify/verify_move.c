/* The move budget, and the order of moves step by step. See verify.h. */
#include "planner/verify/verify_part.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

uint32_t verify_budget(struct verify *v)
{
	const struct instance *in = v->plan->instance;
	uint32_t moved = 0;

	for (uint32_t i = 0; i < in->n_items; i++)
		moved += in->item_node[i] >= 0 && v->plan->item_node[i] >= 0 && in->item_node[i] != v->plan->item_node[i];
	if (in->max_moves >= 0 && moved > in->max_moves)
		verify_break(v, BREACH_MOVES, "moves: %u replicas move, at most %lld allowed", moved, (long long)in->max_moves);
	return moved;
}

/* One step: arrivals are added before departures are taken away. capacity: false for moves that the plan says have no order. */
static void check_step(struct verify *v, uint32_t first, uint32_t end, bool capacity, int64_t *load, int32_t *at)
{
	const struct instance *in = v->plan->instance;
	uint32_t width = in->n_columns;

	for (uint32_t k = first; k < end; k++) {
		const struct plan_move *m = &v->plan->moves[k];
		const int64_t *d = in->demand + (size_t)in->item_service[m->item] * width;

		if (at[m->item] != m->from)
			verify_break(v, BREACH_MOVES, "move %u (step %u): service %s replica %u does not stand on %s then", k, m->step, verify_id(in, m->item),
				     verify_replica(in, m->item), m->from < 0 ? "(nowhere)" : in->nodes[m->from].id);
		for (uint32_t c = 0; c < width; c++)
			load[(size_t)m->to * width + c] += d[c];
	}
	for (uint32_t k = first; capacity && k < end; k++) {
		const struct plan_move *m = &v->plan->moves[k];
		const int64_t *d = in->demand + (size_t)in->item_service[m->item] * width;

		for (uint32_t c = 0; c < width; c++)
			if (d[c] && load[(size_t)m->to * width + c] > in->capacity[(size_t)m->to * width + c]) {
				verify_break(v, BREACH_MOVES, "move %u (step %u): service %s replica %u overfills node %s on its way", k, m->step,
					     verify_id(in, m->item), verify_replica(in, m->item), in->nodes[m->to].id);
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
void verify_order(struct verify *v)
{
	const struct plan *p = v->plan;
	const struct instance *in = p->instance;
	int64_t *load = verify_loads(in, in->item_node);
	int32_t *at = mem_alloc(in->n_items, sizeof(*at));
	uint32_t end;

	memcpy(at, in->item_node, in->n_items * sizeof(*at));
	for (uint32_t k = 0; k < p->n_moves; k = end) {
		for (end = k; end < p->n_moves && p->moves[end].step == p->moves[k].step; )
			end++;
		if (end < p->n_moves && p->moves[end].step < p->moves[k].step)
			verify_break(v, BREACH_MOVES, "move %u: step %u follows step %u", end, p->moves[end].step, p->moves[k].step);
		check_step(v, k, end, end + p->n_unordered <= p->n_moves, load, at);
	}
	for (uint32_t i = 0; i < in->n_items; i++)
		if (in->item_node[i] >= 0 && p->item_node[i] >= 0 && at[i] != p->item_node[i])
			verify_break(v, BREACH_MOVES, "moves: service %s replica %u ends on node %s, the plan says %s", verify_id(in, i), verify_replica(in, i),
				     in->nodes[at[i]].id, in->nodes[p->item_node[i]].id);
	if (p->n_unordered > p->n_moves)
		verify_break(v, BREACH_MOVES, "unordered_moves: %u of %u moves", p->n_unordered, p->n_moves);
	free(load);
	free(at);
}
