/*
 * What if a node, or all nodes with one value of a label (a zone, a rack), are lost: each displaced replica, largest first, goes to the emptiest
 * node in use (else to an idle one) that has room at every slot and breaks no conflict rule. First fit: "fits" is therefore a proof, "does not fit" a
 * strong hint. Spread rules are not applied during the outage.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "reports/section.h"
#include "reports/sections/load.h"

struct what_if {
	const struct instance *in;
	struct load *load;       /* changed during a trial, restored after it */
	int32_t *node_of;        /* the trial's placement */
	int32_t *first, *next;   /* items of each node, chained; -1 ends */
	uint32_t *order; /* nodes in use, emptiest first, then idle ones */
	bool *lost;
};

static const struct column columns[] = {
	{ "lost", "Lost", UNIT_TEXT, NULL },
	{ "nodes_count", "Nodes lost", UNIT_COUNT, NULL },
	{ "displaced_count", "Replicas displaced", UNIT_COUNT, NULL },
	{ "beyond_room_count", "Beyond the room left", UNIT_COUNT, "replicas that find no room on the other nodes in use" },
	{ "idle_nodes_count", "Idle nodes needed", UNIT_COUNT, "idle nodes of the fleet that take them" },
	{ "without_place_count", "Without any place", UNIT_COUNT, "neither on nodes in use nor on idle ones" },
	{ "verdict", "Verdict", UNIT_TEXT, NULL },
	{ 0 }
};

static void shift(struct what_if *w, uint32_t item, int32_t node, int sign)
{
	const int64_t *d = w->in->demand + (size_t)w->in->item_service[item] * w->in->n_columns;
	int64_t *v = w->load->v + (size_t)node * w->in->n_columns;

	for (uint32_t c = 0; c < w->in->n_columns; c++)
		v[c] += sign * d[c];
}

static uint32_t count_group(const struct what_if *w, int32_t node, uint32_t group)
{
	uint32_t n = 0;

	for (int32_t i = w->first[node]; i >= 0; i = w->next[i])
		n += w->in->services[w->in->item_service[i]].group == group;
	return n;
}

/* "A node with at least one of a holds at most k of b", after adding one replica of the group. */
static bool keeps_caps(const struct what_if *w, int32_t node, uint32_t group)
{
	for (uint32_t i = 0; i < w->in->n_caps; i++) {
		const struct rule_cap *r = &w->in->caps[i];
		uint32_t a, b;

		if (r->a != group && r->b != group)
			continue;
		a = count_group(w, node, r->a) + (r->a == group);
		b = count_group(w, node, r->b) + (r->b == group);
		if (a && b > r->k)
			return false;
	}
	return true;
}

static bool fits(const struct what_if *w, uint32_t item, int32_t node)
{
	uint32_t s = w->in->item_service[item];
	const int64_t *d = w->in->demand + (size_t)s * w->in->n_columns, *v = w->load->v + (size_t)node * w->in->n_columns,
		      *room = w->in->capacity + (size_t)node * w->in->n_columns;

	if (w->lost[node] || !instance_allows(w->in, s, (uint32_t)node))
		return false;
	for (uint32_t c = 0; c < w->in->n_columns; c++)
		if (d[c] > room[c] - v[c])
			return false;
	return keeps_caps(w, node, w->in->services[s].group);
}

static bool place(struct what_if *w, uint32_t item)
{
	for (uint32_t i = 0; i < w->in->n_nodes; i++) {
		int32_t node = (int32_t)w->order[i];

		if (!fits(w, item, node))
			continue;
		shift(w, item, node, 1);
		w->node_of[item] = node;
		w->next[item] = w->first[node];
		w->first[node] = (int32_t)item;
		return true;
	}
	return false;
}

static double item_size(const struct instance *in, uint32_t item)
{
	double sum = 0;

	for (uint32_t c = 0; c < in->n_columns; c++)
		sum += (double)in->demand[(size_t)in->item_service[item] * in->n_columns + c] / fmax(1, (double)in->capacity[c]);
	return sum;
}

struct sized { double size; uint32_t id; };

static int by_size_down(const void *pa, const void *pb)
{
	const struct sized *a = pa, *b = pb;

	if (a->size != b->size)
		return a->size < b->size ? 1 : -1;
	return a->id < b->id ? -1 : a->id > b->id;
}

/* Place what stood on the lost nodes, count what finds no place, and put everything back. */
static void trial(struct what_if *w, const int32_t *plan, const char *name, struct table *t)
{
	struct sized *gone = NULL;
	size_t n = 0, cap = 0;
	int64_t nodes = 0, homeless = 0, beyond = 0, idle = 0;

	for (uint32_t node = 0; node < w->in->n_nodes; node++) {
		if (!w->lost[node])
			continue;
		nodes += w->load->items[node] > 0;
		for (int32_t i = w->first[node]; i >= 0; i = w->next[i]) {
			gone = array_grow(gone, &cap, n + 1, sizeof(*gone));
			gone[n++] = (struct sized){ item_size(w->in, (uint32_t)i), (uint32_t)i };
		}
	}
	if (!n)
		return;
	qsort(gone, n, sizeof(*gone), by_size_down);
	for (size_t i = 0; i < n; i++) {
		int32_t to;

		w->node_of[gone[i].id] = NO_NODE;
		homeless += !place(w, gone[i].id);
		to = w->node_of[gone[i].id];
		beyond += to == NO_NODE || !w->load->items[to];
		idle += to != NO_NODE && !w->load->items[to] && w->next[gone[i].id] < 0;
	}
	table_text(t, name);
	table_int(t, nodes);
	table_int(t, (int64_t)n);
	table_int(t, beyond);
	table_int(t, idle);
	table_int(t, homeless);
	table_text(t, homeless ? "does not fit" : beyond ? "fits with idle nodes" : "fits in the room left");
	for (size_t i = n; i--;) {
		uint32_t item = gone[i].id;

		if (w->node_of[item] != NO_NODE) {
			shift(w, item, w->node_of[item], -1);
			w->first[w->node_of[item]] = w->next[item];
		}
		w->node_of[item] = plan[item];
	}
	for (size_t i = 0; i < n; i++)
		w->first[plan[gone[i].id]] = -1;
	for (size_t i = 0; i < n; i++) {
		w->next[gone[i].id] = w->first[plan[gone[i].id]];
		w->first[plan[gone[i].id]] = (int32_t)gone[i].id;
	}
	free(gone);
}

static void chain_items(struct what_if *w, const int32_t *plan)
{
	for (uint32_t n = 0; n < w->in->n_nodes; n++)
		w->first[n] = -1;
	for (uint32_t i = w->in->n_items; i--;) {
		w->node_of[i] = plan[i];
		if (plan[i] == NO_NODE)
			continue;
		w->next[i] = w->first[plan[i]];
		w->first[plan[i]] = (int32_t)i;
	}
}

static struct what_if what_if_new(const struct plan *p)
{
	const struct instance *in = p->instance;
	struct what_if w = { .in = in, .load = load_new(in, p->item_node) };
	struct sized *nodes = mem_alloc(in->n_nodes + 1, sizeof(*nodes));

	w.node_of = mem_alloc(in->n_items + 1, sizeof(*w.node_of));
	w.first = mem_alloc(in->n_nodes + 1, sizeof(*w.first));
	w.next = mem_alloc(in->n_items + 1, sizeof(*w.next));
	w.order = mem_alloc(in->n_nodes + 1, sizeof(*w.order));
	w.lost = mem_alloc(in->n_nodes + 1, sizeof(*w.lost));
	for (uint32_t n = 0; n < in->n_nodes; n++) {
		double most = 0;

		for (uint32_t r = 0; r < in->n_resources; r++)
			most = fmax(most, load_peak(w.load, n, r, NULL));
		nodes[n] = (struct sized){ w.load->items[n] ? -most : -INFINITY, n };
	}
	qsort(nodes, in->n_nodes, sizeof(*nodes), by_size_down);
	for (uint32_t i = 0; i < in->n_nodes; i++)
		w.order[i] = nodes[i].id;
	chain_items(&w, p->item_node);
	free(nodes);
	return w;
}

static void what_if_fini(struct what_if *w)
{
	load_free(w->load);
	free(w->node_of);
	free(w->first);
	free(w->next);
	free(w->order);
	free(w->lost);
}

static void lose_nodes(struct what_if *w, const struct plan *p, struct table *t)
{
	for (uint32_t n = 0; n < w->in->n_nodes; n++) {
		w->lost[n] = true;
		trial(w, p->item_node, w->in->nodes[n].id, t);
		w->lost[n] = false;
	}
}

static void lose_labels(struct what_if *w, const struct plan *p, struct table *t)
{
	for (uint32_t l = 0; l < w->in->n_labels; l++)
		for (uint32_t v = 0; v < w->in->label_counts[l]; v++) {
			char *name = str_fmt("%s %s", w->in->label_names[l], w->in->label_values[l][v]);

			for (uint32_t n = 0; n < w->in->n_nodes; n++)
				w->lost[n] = w->in->node_label[(size_t)n * w->in->n_labels + l] == v;
			trial(w, p->item_node, name, t);
			memset(w->lost, 0, w->in->n_nodes * sizeof(*w->lost));
			free(name);
		}
}

static void find_losses(struct doc *d, const struct table *t, const char *source)
{
	size_t n = table_rows(t), homeless = 0, idle = 0;

	for (size_t r = 0; r < n; r++) {
		homeless += cell_number(table_cell(t, r, 5)) > 0;
		idle += cell_number(table_cell(t, r, 3)) > 0 && cell_number(table_cell(t, r, 5)) == 0;
	}
	if (homeless)
		doc_find(d, 0.5, TONE_WARN, source, "%zu of %zu nodes in use cannot be lost: some of their replicas would find no room.", homeless, n);
	else if (idle)
		doc_find(d, 0.25, TONE_INFO, source, "Any one node may fail; for %zu of %zu an idle node of the fleet has to step in.", idle, n);
	else if (n)
		doc_find(d, 0.25, TONE_INFO, source, "Any one node may fail: its replicas fit into the room left on the others.");
}

void build_loss(const struct input *in, struct doc *d, struct doc_section *sec)
{
	for (size_t i = 0; i < in->n_plans; i++) {
		const struct plan *p = in->plans[i].plan;
		char *id = i ? str_fmt("loss@%s", in->plans[i].name) : str_dup("loss");
		char *label_id = i ? str_fmt("loss_labels@%s", in->plans[i].name) : str_dup("loss_labels");
		struct table *t = table_new(id, "Loss of one node", in->plans[i].name, columns);
		struct table *u = table_new(label_id, "Loss of a zone, rack or other label", in->plans[i].name, columns);
		struct what_if w = what_if_new(p);

		t->note = "Capacity at every slot, allowed nodes and conflicts are kept; spread and slowdown limits are not asked during an outage.";
		lose_nodes(&w, p, t);
		lose_labels(&w, p, u);
		table_sort_down(t, 3);
		find_losses(d, t, in->plans[i].name);
		section_table_take(sec, t, false);
		if (table_rows(u))
			section_table_take(sec, u, false);
		else
			table_free(u);
		what_if_fini(&w);
		free(id);
		free(label_id);
	}
}
