/*
 * Order of moves. In every step all moves whose target has room go together (arrivals are counted before the step's departures
 * are released, so the order within a step does not matter, and resources held on both sides are covered). After a step only
 * those are asked again who wait for a node that somebody left. When nothing can move, some replicas take a detour through
 * nodes with spare room, which breaks cycles; when no detour helps either, the rest is appended and counted in n_unordered.
 * Never-placed replicas are starts, not moves.
 */
#include "planner/moves.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define DETOUR_PART 64            /* of those who wait, one in so many is parked at a time: few steps against few detours */
#define DETOUR_TESTS (1u << 26)   /* nodes asked for room to park in all: a full fleet may have none */

struct mover {
	struct plan *p;
	const struct instance *in;
	int64_t *load;
	int32_t *at;
	uint32_t *head, *next;    /* [node], [item]: item + 1 of those that wait for the node; 0 = end */
	uint32_t *awake, n_awake; /* nodes that somebody left in the last step */
	bool *is_awake;
	uint32_t *pending, n_pending, n_waiting; /* pending: those that have arrived are dropped when their turn comes */
	bool *detoured, *arrived;
	size_t cap;
	uint32_t step, from, park; /* from, park: where the last search for a detour ended */
	uint64_t tests;
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

static void wake(struct mover *m, uint32_t node)
{
	if (!m->is_awake[node])
		m->awake[m->n_awake++] = node;
	m->is_awake[node] = true;
}

static void record(struct mover *m, uint32_t item, int32_t to, bool detour)
{
	struct plan *p = m->p;

	p->moves = array_grow(p->moves, &m->cap, p->n_moves + 1, sizeof(*p->moves));
	p->moves[p->n_moves++] = (struct plan_move){ .item = item, .from = m->at[item], .to = to, .step = m->step, .detour = detour };
}

/* Arrivals of the step are counted already; now departures are released. False when the step is empty. */
static bool step_end(struct mover *m, uint32_t first)
{
	for (uint32_t k = first; k < m->p->n_moves; k++) {
		const struct plan_move *v = &m->p->moves[k];

		add(m, v->item, v->from, -1);
		m->at[v->item] = v->to;
		wake(m, (uint32_t)v->from);
	}
	m->step += m->p->n_moves > first;
	return m->p->n_moves > first;
}

/* Every move that fits now. */
static bool step_direct(struct mover *m)
{
	uint32_t first = m->p->n_moves, n = m->n_awake;

	for (uint32_t k = 0; k < n; k++) {
		uint32_t node = m->awake[k];

		m->is_awake[node] = false;
		for (uint32_t *link = &m->head[node]; *link;) {
			uint32_t item = *link - 1;

			if (!has_room(m, item, node)) {
				link = &m->next[item];
				continue;
			}
			*link = m->next[item];
			add(m, item, (int32_t)node, 1);
			record(m, item, (int32_t)node, false);
			m->arrived[item] = true;
			m->n_waiting--;
		}
	}
	m->n_awake = 0;
	return step_end(m, first);
}

/* A node with room for the item, other than where it stands and where it is going; searched from where the last one was found. */
static bool find_park(struct mover *m, uint32_t item)
{
	for (uint32_t t = 0; t < m->in->n_nodes && m->tests < DETOUR_TESTS; t++) {
		m->tests++;
		if ((int32_t)m->park != m->at[item] && has_room(m, item, m->park) && instance_allows(m->in, m->in->item_service[item], m->park))
			return true;
		m->park = m->park + 1 < m->in->n_nodes ? m->park + 1 : 0;
	}
	return false;
}

/* Park some replicas that have not been parked yet where there is room for them. */
static bool step_detour(struct mover *m)
{
	uint32_t first = m->p->n_moves, quota = m->n_waiting / DETOUR_PART + 1;

	for (uint32_t t = m->n_pending; t-- > 0 && m->n_pending && quota && m->tests < DETOUR_TESTS;) {
		uint32_t item = m->pending[m->from %= m->n_pending];

		if (m->arrived[item] || m->detoured[item]) {
			m->pending[m->from] = m->pending[--m->n_pending];
			continue;
		}
		m->from++;
		if (!find_park(m, item))
			continue;
		m->detoured[item] = true;
		add(m, item, (int32_t)m->park, 1);
		record(m, item, (int32_t)m->park, true);
		quota--;
	}
	return step_end(m, first);
}

/* No safe order: one by one, at the end. */
static void give_up(struct mover *m)
{
	for (uint32_t n = 0; n < m->in->n_nodes; n++)
		for (; m->head[n]; m->head[n] = m->next[m->head[n] - 1]) {
			record(m, m->head[n] - 1, (int32_t)n, false);
			m->step++;
			m->p->n_unordered++;
		}
	m->n_waiting = 0;
}

/* Who has to move waits for a node, in order of items. */
static void list_moves(struct mover *m)
{
	const struct instance *in = m->in;

	for (uint32_t i = in->n_items; i-- > 0;) {
		int32_t to = m->p->item_node[i];

		if (m->at[i] < 0)
			continue;
		add(m, i, m->at[i], 1);
		if (to < 0 || to == m->at[i])
			continue;
		m->pending[m->n_pending++] = i;
		m->next[i] = m->head[to];
		m->head[to] = i + 1;
	}
	for (uint32_t n = 0; n < in->n_nodes; n++)
		if (m->head[n])
			wake(m, n);
	m->n_waiting = m->n_pending;
}

void moves_order(struct plan *p)
{
	const struct instance *in = p->instance;
	struct mover m = { .p = p, .in = in, .load = mem_alloc((size_t)in->n_nodes * in->n_columns, sizeof(int64_t)),
		.at = mem_alloc(in->n_items, sizeof(int32_t)), .head = mem_alloc(in->n_nodes, sizeof(uint32_t)),
		.next = mem_alloc(in->n_items, sizeof(uint32_t)), .awake = mem_alloc(in->n_nodes, sizeof(uint32_t)),
		.is_awake = mem_alloc(in->n_nodes, sizeof(bool)), .pending = mem_alloc(in->n_items, sizeof(uint32_t)),
		.detoured = mem_alloc(in->n_items, sizeof(bool)), .arrived = mem_alloc(in->n_items, sizeof(bool)) };

	memcpy(m.at, in->item_node, in->n_items * sizeof(*m.at));
	p->n_moves = p->n_unordered = 0;
	list_moves(&m);
	while (m.n_waiting)
		if (!step_direct(&m) && !step_detour(&m))
			give_up(&m);
	free(m.load);
	free(m.at);
	free(m.head);
	free(m.next);
	free(m.awake);
	free(m.is_awake);
	free(m.pending);
	free(m.detoured);
	free(m.arrived);
}
