/*
 * Constructive packing: items in decreasing size, each onto the open node that it fills best (least squared room left over
 * the resources, Panigrahy et al., "Heuristics for vector bin packing", 2011), else onto the next node by cost per useful
 * capacity. Only the last WINDOW opened nodes are looked at in large instances: what is older is full. Several size
 * measures are tried while that takes moments. Who may run on few nodes goes first, then groups with near rules, while
 * there is room to stand together.
 * A current placement is kept where it stands, and repaired where it breaks something, as far as the move budget reaches;
 * what breaks something and may not move any more stays unplaced.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "planner/search.h"
#include "planner/solve/build/sizes.h"
#include "planner/state.h"
#include "planner/term.h"

#define WINDOW 48           /* open nodes looked at when there are many: 100k services in about half a second */
#define MANY_TESTS 40000000.0 /* items * nodes above which the window is used */

struct greedy {
	struct search *s;
	const struct instance *in;
	struct state *st;
	struct sizes z;
	double *room;         /* [node * n_resources + r]: mean capacity, scaled; minus what is placed */
	uint32_t *order;      /* items, largest first */
	uint32_t *open, n_open, next;
	uint32_t *group_service; /* [group]: one of its services */
	int64_t *sum;         /* [column]: demand of an item and those that must stand beside it */
	int64_t moves_left;
};

static void take_room(struct greedy *g, uint32_t item, uint32_t node)
{
	for (uint32_t r = 0; r < g->in->n_resources; r++)
		g->room[(size_t)node * g->in->n_resources + r] -= g->z.size[(size_t)g->in->item_service[item] * g->in->n_resources + r];
}

static double score(const struct greedy *g, uint32_t service, uint32_t node)
{
	const double *room = g->room + (size_t)node * g->in->n_resources, *d = g->z.size + (size_t)service * g->in->n_resources;
	double sum = 0;

	for (uint32_t r = 0; r < g->in->n_resources; r++)
		sum += (room[r] - d[r]) * (room[r] - d[r]);
	return sum;
}

static bool stands_on(const struct greedy *g, uint32_t group, uint32_t node)
{
	const struct state_list *l = &g->st->items[node];
	uint32_t i = 0;

	while (i < l->n && g->in->services[g->in->item_service[l->v[i]]].group != group)
		i++;
	return i < l->n;
}

/* Does the node have room for the item and for one of each group that must stand beside it there? */
static bool companions_fit(struct greedy *g, uint32_t item, uint32_t node)
{
	const struct instance *in = g->in;
	const struct rule_index *x = &g->st->rules.nears;
	uint32_t group = in->services[in->item_service[item]].group, width = in->n_columns;

	if (!sizes_has_near(g->st, group))
		return true;
	memcpy(g->sum, in->demand + (size_t)in->item_service[item] * width, width * sizeof(*g->sum));
	for (uint32_t i = x->first[group]; i < x->first[group + 1]; i++) {
		const struct rule_near *r = &in->nears[x->list[i]];
		const int64_t *d = in->demand + (size_t)g->group_service[r->b] * width;

		for (uint32_t c = 0; r->a == group && r->b != group && r->label == LABEL_NODE && c < width && !stands_on(g, r->b, node); c++)
			g->sum[c] += d[c];
	}
	for (uint32_t c = 0; c < width; c++)
		if (g->st->load[(size_t)node * width + c] + g->sum[c] > in->capacity[(size_t)node * width + c])
			return false;
	return true;
}

static int64_t best_open(struct greedy *g, uint32_t item)
{
	uint32_t service = g->in->item_service[item];
	double best = INFINITY;
	int64_t node = -1;

	for (uint32_t k = 0; k < g->n_open; k++) {
		double v = score(g, service, g->open[k]);

		if (v < best && state_fits_item(g->st, item, g->open[k]) && companions_fit(g, item, g->open[k])) {
			best = v;
			node = g->open[k];
		}
	}
	return node;
}

static void open_node(struct greedy *g, uint32_t node, uint32_t window)
{
	uint32_t fullest = 0;
	double least = INFINITY;

	if (g->n_open >= window) {
		for (uint32_t k = 0; k < g->n_open; k++) {
			double most = INFINITY;

			for (uint32_t r = 0; r < g->in->n_resources; r++)
				most = fmin(most, g->room[(size_t)g->open[k] * g->in->n_resources + r]);
			if (most < least) {
				least = most;
				fullest = k;
			}
		}
		g->open[fullest] = node;
	} else {
		g->open[g->n_open++] = node;
	}
}

static bool place(struct greedy *g, uint32_t item, uint32_t window)
{
	const struct instance *in = g->in;
	bool runs = in->item_node[item] >= 0;
	int64_t node;

	if (runs && !g->moves_left)
		return false;
	node = best_open(g, item);
	for (uint32_t k = g->next; node < 0 && k < in->n_nodes; k++) {
		uint32_t n = g->z.nodes[k];

		if (g->st->items[n].n || !state_fits_item(g->st, item, n) || !companions_fit(g, item, n))
			continue;
		open_node(g, n, window);
		node = n;
	}
	while (g->next < in->n_nodes && g->st->items[g->z.nodes[g->next]].n)
		g->next++;
	for (uint32_t k = 0; node < 0 && k < in->n_nodes; k++)
		if (state_fits_item(g->st, item, g->z.nodes[k]))
			node = g->z.nodes[k];
	if (node < 0)
		return false;
	state_put(g->st, item, (uint32_t)node);
	take_room(g, item, (uint32_t)node);
	g->moves_left -= runs && node != in->item_node[item];
	return true;
}

static void reset(struct greedy *g)
{
	const struct instance *in = g->in;

	for (uint32_t n = 0; n < in->n_nodes; n++)
		for (uint32_t r = 0; r < in->n_resources; r++)
			g->room[(size_t)n * in->n_resources + r] =
				sizes_mean(&in->resources[r], in->capacity + (size_t)n * in->n_columns) * g->z.scale[r];
	g->n_open = g->next = 0;
	g->moves_left = in->max_moves >= 0 ? in->max_moves : INT64_MAX;
}

/* Keep what runs today; what breaks something there is taken off and placed anew. Largest first, so the small move. */
static void keep_current(struct greedy *g)
{
	const struct instance *in = g->in;

	for (uint32_t k = 0; k < in->n_items; k++) {
		uint32_t item = g->order[k];
		int32_t n = in->item_node[item];

		if (n < 0 || !state_fits_item(g->st, item, (uint32_t)n))
			continue;
		state_put(g->st, item, (uint32_t)n);
		take_room(g, item, (uint32_t)n);
	}
	for (uint32_t k = 0; k < in->n_nodes; k++)
		if (g->st->items[g->z.nodes[k]].n)
			g->open[g->n_open++] = g->z.nodes[k];
}

static void build(struct greedy *g, unsigned variant, bool keep)
{
	const struct instance *in = g->in;
	uint32_t window = (double)in->n_items * in->n_nodes > MANY_TESTS ? WINDOW : in->n_nodes;

	state_clear(g->st);
	reset(g);
	sizes_rank(&g->z, variant, g->st, g->order);
	if (keep) {
		keep_current(g);
		window = in->n_nodes;
	}
	for (uint32_t k = 0; k < in->n_items; k++)
		if (g->st->item_node[g->order[k]] < 0)
			place(g, g->order[k], window);
}

/* An honest partial plan: without what stands where those that it must be near found no place. */
static void offer(struct greedy *g)
{
	state_drop_orphans(g->st);
	search_offer(g->s, g->st->item_node, objective_value(g->in, g->s->model, g->st->item_node), "greedy");
}

static void run(struct search *s)
{
	const struct instance *in = s->in;
	struct greedy g = { .s = s, .in = in, .st = state_new(in, s->model) };
	size_t nr = in->n_resources;
	bool current = false, many = (double)in->n_items * in->n_nodes > MANY_TESTS;

	sizes_init(&g.z, in);
	g.room = mem_alloc(in->n_nodes * nr, sizeof(double));
	g.order = mem_alloc(in->n_items, sizeof(uint32_t));
	g.open = mem_alloc(in->n_nodes, sizeof(uint32_t));
	g.sum = mem_alloc(in->n_columns, sizeof(int64_t));
	g.group_service = mem_alloc(in->n_groups, sizeof(uint32_t));
	for (uint32_t k = 0; k < in->n_services; k++)
		g.group_service[in->services[k].group] = k;
	for (uint32_t i = 0; i < in->n_items; i++)
		current |= in->item_node[i] >= 0;
	if (current) {
		build(&g, 0, true);
		offer(&g);
	}
	/* A running fleet that is large or may hardly move is not planned from nothing. */
	for (unsigned v = 0; v < SIZES_VARIANTS && !(v && search_done(s, v)) && !(current && (many || in->max_moves >= 0)) && !(v && many); v++) {
		build(&g, v, false);
		offer(&g);
	}
	state_free(g.st);
	sizes_fini(&g.z);
	free(g.room);
	free(g.order);
	free(g.open);
	free(g.sum);
	free(g.group_service);
}

static bool applies(const struct search *s)
{
	return !search_best(s, NULL, NULL); /* fill.c was quicker */
}

const struct packer packer_greedy = { .name = "greedy", .help = "largest first onto the node it fills best", .applies = applies, .run = run };
