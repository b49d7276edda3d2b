/* Replaying placements: see replay.h. Series slots map to instance slots in proportion. */
#include "planner/replay.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/sort.h"
#include "planner/instance/names.h"

static uint32_t planned_slot(const struct resource *r, uint32_t slot, uint32_t n_slots)
{
	return (uint32_t)((uint64_t)slot * r->slots / n_slots);
}

uint32_t series_column(const struct series *s, const struct resource *r, uint32_t slot)
{
	return r->column + planned_slot(r, slot, s->n_slots);
}

static int64_t *cell(const struct series *s, const struct instance *in, uint32_t service, uint32_t resource)
{
	return s->demand + ((size_t)service * in->n_resources + resource) * s->n_slots;
}

int64_t series_at(const struct series *s, const struct instance *in, uint32_t service, uint32_t resource, uint32_t slot)
{
	return cell(s, in, service, resource)[slot];
}

static void copy_service(struct series *s, const struct instance *in, uint32_t service, const struct instance *from, uint32_t other,
			 const int32_t *match)
{
	for (uint32_t r = 0; r < in->n_resources; r++) {
		const struct resource *res = match ? &from->resources[match[r]] : &in->resources[r];
		const int64_t *row = from->demand + (size_t)other * from->n_columns + res->column;

		for (uint32_t t = 0; t < s->n_slots; t++)
			cell(s, in, service, r)[t] = row[planned_slot(res, t, s->n_slots)];
	}
}

static int match_resources(const struct instance *in, const struct instance *recorded, int32_t *match, struct err *e)
{
	for (uint32_t r = 0; r < in->n_resources; r++) {
		match[r] = -1;
		for (uint32_t k = 0; k < recorded->n_resources; k++)
			if (!strcmp(in->resources[r].name, recorded->resources[k].name))
				match[r] = (int32_t)k;
		if (match[r] < 0)
			return err_set(e, -EINVAL, "the series has no resource \"%s\"", in->resources[r].name);
	}
	return 0;
}

int series_make(struct series *s, const struct instance *in, const struct instance *recorded, struct err *e)
{
	int32_t *match = mem_alloc(in->n_resources, sizeof(*match));
	struct names ids = { 0 };
	int err;

	*s = (struct series){ .n_slots = recorded->n_slots > in->n_slots ? recorded->n_slots : in->n_slots };
	if ((err = match_resources(in, recorded, match, e)) < 0)
		goto out;
	s->demand = mem_alloc((size_t)in->n_services * in->n_resources * s->n_slots, sizeof(*s->demand));
	for (uint32_t k = 0; k < recorded->n_services; k++)
		names_add(&ids, recorded->services[k].id);
	for (uint32_t k = 0; k < in->n_services; k++) {
		int64_t other = names_find(&ids, in->services[k].id);

		if (other >= 0)
			copy_service(s, in, k, recorded, (uint32_t)other, match);
		else
			copy_service(s, in, k, in, k, NULL);
		s->n_missing += other < 0;
	}
out:
	names_fini(&ids);
	free(match);
	return err;
}

void series_fini(struct series *s)
{
	free(s->demand);
	*s = (struct series){ 0 };
}

double replay_moment_ratio(const struct replay_moment *m)
{
	return m->capacity > 0 ? (double)m->load / (double)m->capacity : m->load > 0 ? INFINITY : 0;
}

/* What is kept per node while the series runs. */
struct meter {
	struct replay *out;
	const struct instance *in;
	const struct series *s;
	int64_t *load;
	bool *used, *broken, *ever;
	uint32_t *run;              /* slots in a row that it has been over */
	struct replay_moment *worst;
	double *all, *excess;       /* [resource]: sums over the series */
};

static void load_slot(struct meter *m, const int32_t *item_node, uint32_t resource, uint32_t slot)
{
	memset(m->load, 0, m->in->n_nodes * sizeof(*m->load));
	for (uint32_t i = 0; i < m->in->n_items; i++)
		if (item_node[i] >= 0)
			m->load[item_node[i]] += cell(m->s, m->in, m->in->item_service[i], resource)[slot];
}

/* One resource at one slot: loads of all nodes, marks of those that break. */
static void meter_slot(struct meter *m, uint32_t r, uint32_t slot)
{
	const struct instance *in = m->in;
	uint32_t column = series_column(m->s, &in->resources[r], slot);
	double load = 0, room = 0;

	for (uint32_t n = 0; n < in->n_nodes; n++) {
		struct replay_moment now = { (int32_t)n, r, slot, m->load[n], in->capacity[(size_t)n * in->n_columns + column] };
		double ratio = replay_moment_ratio(&now);

		if (!m->used[n])
			continue;
		load += (double)now.load;
		room += (double)now.capacity;
		m->out->mean_ratio[r] += isfinite(ratio) ? ratio : 0;
		m->excess[r] += now.load > now.capacity ? (double)(now.load - now.capacity) : 0;
		m->broken[n] |= now.load > now.capacity;
		if (m->worst[n].node < 0 || ratio > replay_moment_ratio(&m->worst[n]))
			m->worst[n] = now;
	}
	m->all[r] += load;
	if (room > 0)
		m->out->peak_ratio[r] = fmax(m->out->peak_ratio[r], load / room);
}

static void count_broken(struct meter *m)
{
	for (uint32_t n = 0; n < m->in->n_nodes; n++) {
		m->out->broken_node_slots += m->broken[n];
		m->ever[n] |= m->broken[n];
		m->run[n] = m->broken[n] ? m->run[n] + 1 : 0;
		if (m->run[n] > m->out->longest_slots)
			m->out->longest_slots = m->run[n];
	}
}

static void count_nodes(struct meter *m, const int32_t *item_node)
{
	for (uint32_t n = 0; n < m->in->n_nodes; n++)
		m->worst[n].node = NO_NODE;
	for (uint32_t i = 0; i < m->in->n_items; i++) {
		m->out->n_unplaced += item_node[i] < 0;
		if (item_node[i] >= 0 && !m->used[item_node[i]]) {
			m->used[item_node[i]] = true;
			m->out->nodes_used++;
			m->out->cost += (double)m->in->nodes[item_node[i]].cost;
		}
	}
}

static int by_moment(const void *a, const void *b)
{
	const struct replay_moment *x = a, *y = b;
	double p = replay_moment_ratio(x), q = replay_moment_ratio(y);

	if (p != q)
		return p > q ? -1 : 1;
	return (x->node > y->node) - (x->node < y->node);
}

static void conclude(struct meter *m)
{
	struct replay *out = m->out;
	uint32_t n = 0;

	out->node_slots = (uint64_t)out->nodes_used * m->s->n_slots;
	out->worst = mem_alloc(out->nodes_used, sizeof(*out->worst));
	for (uint32_t k = 0; k < m->in->n_nodes; k++) {
		out->broken_nodes += m->ever[k];
		if (m->used[k])
			out->worst[n++] = m->worst[k];
	}
	qsort(out->worst, n, sizeof(*out->worst), by_moment);
	for (uint32_t r = 0; r < m->in->n_resources; r++) {
		out->mean_ratio[r] /= out->node_slots ? (double)out->node_slots : 1;
		out->excess_ratio[r] = m->all[r] > 0 ? m->excess[r] / m->all[r] : 0;
	}
}

void replay_run(struct replay *out, const struct instance *in, const struct series *s, const int32_t *item_node)
{
	size_t nodes = in->n_nodes, resources = in->n_resources;
	struct meter m = { .out = out, .in = in, .s = s, .load = mem_alloc(nodes, sizeof(*m.load)), .used = mem_alloc(nodes, 1),
		.broken = mem_alloc(nodes, 1), .ever = mem_alloc(nodes, 1), .run = mem_alloc(nodes, sizeof(*m.run)),
		.worst = mem_alloc(nodes, sizeof(*m.worst)), .all = mem_alloc(resources, sizeof(double)), .excess = mem_alloc(resources, sizeof(double)) };

	*out = (struct replay){ .mean_ratio = mem_alloc(resources, sizeof(double)), .peak_ratio = mem_alloc(resources, sizeof(double)),
		.excess_ratio = mem_alloc(resources, sizeof(double)) };
	count_nodes(&m, item_node);
	for (uint32_t t = 0; t < s->n_slots; t++) {
		memset(m.broken, 0, nodes);
		for (uint32_t r = 0; r < in->n_resources; r++) {
			load_slot(&m, item_node, r, t);
			meter_slot(&m, r, t);
		}
		count_broken(&m);
	}
	conclude(&m);
	free(m.load);
	free(m.used);
	free(m.broken);
	free(m.ever);
	free(m.run);
	free(m.worst);
	free(m.all);
	free(m.excess);
}

void replay_fini(struct replay *r)
{
	free(r->mean_ratio);
	free(r->peak_ratio);
	free(r->excess_ratio);
	free(r->worst);
	*r = (struct replay){ 0 };
}

void replay_flatten(struct instance *in, double q)
{
	int64_t *sorted = mem_alloc(in->n_slots, sizeof(*sorted));

	for (uint32_t k = 0; k < in->n_services; k++)
		for (uint32_t r = 0; r < in->n_resources; r++) {
			int64_t *row = in->demand + (size_t)k * in->n_columns + in->resources[r].column;
			uint32_t n = in->resources[r].slots, at = (uint32_t)ceil(q * n);

			memcpy(sorted, row, n * sizeof(*row));
			qsort(sorted, n, sizeof(*sorted), sort_i64s);
			for (uint32_t t = 0; t < n; t++)
				row[t] = sorted[at ? at - 1 : 0];
		}
	free(sorted);
}

void replay_foresee(struct instance *in, const struct series *s)
{
	for (uint32_t k = 0; k < in->n_services; k++)
		for (uint32_t r = 0; r < in->n_resources; r++) {
			int64_t *row = in->demand + (size_t)k * in->n_columns + in->resources[r].column;

			memset(row, 0, in->resources[r].slots * sizeof(*row));
			for (uint32_t t = 0; t < s->n_slots; t++) {
				uint32_t to = planned_slot(&in->resources[r], t, s->n_slots);
				int64_t d = cell(s, in, k, r)[t];

				row[to] = row[to] > d ? row[to] : d;
			}
		}
}
