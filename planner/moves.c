/*
 * Order of moves. In every step all moves whose target has room go together (arrivals are counted before the step's departures
 * are released, so the order within a step does not matter, and resources held on both sides are covered). When nothing
 * can move, some replica takes a detour through a node with spare room, which breaks the cycle; when no detour helps either, the rest is
 * appended and counted in n_unordered. Never-placed replicas are starts, not moves.
 */
#include "planner/moves.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct mover {
	struct plan *p;
	const struct instance *in;
	int64_t *load;
	int32_t *at;
	uint32_t *pending, n_pending;
	bool *detoured;
	size_t cap;
	uint32_t step;
};

static const int64_t *demand_of(const struct mover *m, uint32_t item)
{
	return m->in->demand + (size_t)m->in->item_service[item] * m->in->n_columns;
}

static bool has_room(const struct mover *m, uint32_t item, uint32_t node)
{
	const int64_t *d = demand_of(m, item), *load = m->load + (size_t)node * m->in->n_columns;
	const int64_t *capacity = m->in->capacity + (size_t)node * m->in->n_columns;

	for (uint32_t c = 0; c < m->in->n_columns; c++)
		if (d[c] && load[c] + d[c] > capacity[c])
			return false;
	return true;
}

static void add(struct mover *m, uint32_t item, int32_t node, int sign)
{
	const int64_t *d = demand_of(m, item);

	for (uint32_t c = 0; c < m->in->n_columns; c++)
		m->load[(size_t)node * m->in->n_columns + c] += sign * d[c];
}

static void record(struct mover *m, uint32_t item, int32_t to, bool detour)
{
	struct plan *p = m->p;

	p->moves = array_grow(p->moves, &m->cap, p->n_moves + 1, sizeof(*p->moves));
	p->moves[p->n_moves++] = (struct plan_move){ .item = item, .from = m->at[item], .to = to, .step = m->step, .detour = detour };
}

/* Every move that fits now; departures are released at the end of the step. */
static bool step_direct(struct mover *m)
{
	uint32_t first = m->p->n_moves, kept = 0;

	for (uint32_t k = 0; k < m->n_pending; k++) {
		uint32_t item = m->pending[k];
		int32_t to = m->p->item_node[item];

		if (!has_room(m, item, (uint32_t)to)) {
			m->pending[kept++] = item;
			continue;
		}
		add(m, item, to, 1);
		record(m, item, to, false);
	}
	m->n_pending = kept;
	for (uint32_t k = first; k < m->p->n_moves; k++) {
		add(m, m->p->moves[k].item, m->p->moves[k].from, -1);
		m->at[m->p->moves[k].item] = m->p->moves[k].to;
	}
	m->step += m->p->n_moves > first;
	return m->p->n_moves > first;
}

/* Park one replica that has not been parked yet where there is room for it; a node that no pending move waits for first. */
static bool step_detour(struct mover *m)
{
	for (uint32_t k = 0; k < m->n_pending; k++) {
		uint32_t item = m->pending[k];

		for (uint32_t n = 0; n < m->in->n_nodes && !m->detoured[item]; n++) {
			if ((int32_t)n == m->at[item] || !has_room(m, item, n) || !instance_allows(m->in, m->in->item_service[item], n))
				continue;
			m->detoured[item] = true;
			add(m, item, (int32_t)n, 1);
			record(m, item, (int32_t)n, true);
			add(m, item, m->at[item], -1);
			m->at[item] = (int32_t)n;
			m->step++;
			return true;
		}
	}
	return false;
}

static void give_up(struct mover *m)
{
	for (uint32_t k = 0; k < m->n_pending; k++) {
		record(m, m->pending[k], m->p->item_node[m->pending[k]], false);
		m->step++;
	}
	m->p->n_unordered = m->n_pending;
	m->n_pending = 0;
}

void moves_order(struct plan *p)
{
	const struct instance *in = p->instance;
	struct mover m = { .p = p, .in = in };

	m.load = mem_alloc((size_t)in->n_nodes * in->n_columns, sizeof(*m.load));
	m.at = mem_alloc(in->n_items, sizeof(*m.at));
	m.pending = mem_alloc(in->n_items, sizeof(*m.pending));
	m.detoured = mem_alloc(in->n_items, sizeof(*m.detoured));
	memcpy(m.at, in->item_node, in->n_items * sizeof(*m.at));
	p->n_moves = p->n_unordered = 0;
	for (uint32_t i = 0; i < in->n_items; i++) {
		if (m.at[i] < 0)
			continue;
		add(&m, i, m.at[i], 1);
		if (p->item_node[i] >= 0 && p->item_node[i] != m.at[i])
			m.pending[m.n_pending++] = i;
	}
	while (m.n_pending)
		if (!step_direct(&m) && !step_detour(&m))
			give_up(&m);
	free(m.load);
	free(m.at);
	free(m.pending);
	free(m.detoured);
}
