/*
 * Large neighbourhood search: a few nodes that have much to say to each other, of which up to EXACT_ITEMS replicas are placed anew at
 * proven least cost (exact.h), again and again. Finds what no chain of two shows: three replicas that change places at once.
 * Shaw: "Using constraint programming and local search methods to solve vehicle routing problems", CP 1998; for machine
 * reassignment: Mehta, O'Sullivan & Simonis, "Comparing solution methods for the machine reassignment problem", CP 2012.
 */
#include <math.h>
#include <stdlib.h>

#include "planner/search.h"
#include "planner/solve/walk/exact.h"
#include "planner/solve/walk/walk.h"

#define N_STREAMS 2
#define BRANCHES 3000          /* per neighbourhood: some milliseconds at most; each counts as an iteration */
#define ROUNDS 16              /* between looks at the clock */
#define PRICE 100              /* of an overload by a whole node, in units of the mean change: partners are drawn though there is no room for one */
#define WARM 0.002             /* of the unit of temperature: how freely partners are drawn */
#define DRAWS 24               /* partners looked at for one neighbourhood */

/* Nodes that the replica's cheapest moves lead to, its own first. */
static void draw_nodes(struct walk *w, struct exact *x, uint32_t item)
{
	const float *noise = gumbel_run(&w->gumbel, &w->rng);
	uint32_t wanted = 2 + rng_below(&w->rng, EXACT_NODES - 1);
	float value;

	w->iterations += sheet_sweep(w->sheet, item, INFINITY, &w->rng);
	x->n_nodes = 1;
	x->node[0] = (uint32_t)w->p->item_node[item];
	for (uint32_t t = 0; t < DRAWS && x->n_nodes < wanted; t++) {
		uint32_t k = sheet_least(w->sheet, noise, (float)(WARM * w->unit), &value);
		struct chain c;

		if (isinf(value))
			return;
		if (sheet_chain(w->sheet, k, &c))
			for (uint32_t i = 0; i < c.n && x->n_nodes < wanted; i++) {
				bool known = false;

				for (uint32_t n = 0; n < x->n_nodes; n++)
					known |= x->node[n] == c.to[i];
				if (!known)
					x->node[x->n_nodes++] = c.to[i];
			}
		w->sheet->value[k] = INFINITY;
	}
}

/* The replica and others of these nodes, at random (reservoir sampling). */
static void draw_items(struct walk *w, struct exact *x, uint32_t item)
{
	uint32_t seen = 1;

	x->n_items = 1;
	x->item[0] = item;
	for (uint32_t n = 0; n < x->n_nodes; n++)
		for (int32_t i = w->sheet->by_node.first[x->node[n]]; i >= 0; i = w->sheet->by_node.next[i]) {
			uint32_t at;

			if ((uint32_t)i == item)
				continue;
			at = x->n_items < EXACT_ITEMS ? x->n_items++ : 1 + rng_below(&w->rng, seen);
			seen++;
			if (at < EXACT_ITEMS)
				x->item[at] = (uint32_t)i;
		}
}

static void solve_one(struct walk *w, struct exact *x)
{
	uint32_t item = chain_draw_item(&w->draw), from[EXACT_ITEMS];

	draw_nodes(w, x, item);
	if (x->n_nodes < 2)
		return;
	draw_items(w, x, item);
	for (uint32_t i = 0; i < x->n_items; i++)
		from[i] = (uint32_t)w->p->item_node[x->item[i]];
	x->branches = BRANCHES;
	if (exact_solve(x)) {
		for (uint32_t i = 0; i < x->n_items; i++) {
			struct chain c = { 1, { x->item[i] }, { (uint32_t)w->p->item_node[x->item[i]] } };

			if (c.to[0] == from[i])
				continue;
			sheet_moved(w->sheet, &c, &from[i]);
			walk_mark(w, x->item[i]);
		}
		walk_keep(w);
	}
	w->iterations += BRANCHES - x->branches;
}

static void run_stream(struct search *s, unsigned index)
{
	struct walk *w = walk_new(s, index);
	struct exact x;

	exact_init(&x, w->p);
	if (walk_begin(w, false) && !w->p->n_over) {
		place_price(w->p, PRICE * w->unit);
		sheet_reprice(w->sheet, PRICE * w->unit);
		while (!search_done(s, w->iterations))
			for (uint32_t k = 0; k < ROUNDS; k++)
				solve_one(w, &x);
	}
	if (isfinite(w->best_cost))
		walk_offer(w, "resolve");
	search_spend(s, w->iterations);
	exact_fini(&x);
	walk_free(w);
}

static bool applies(const struct search *s)
{
	return scalar_applies(s->in);
}

static void run(struct search *s)
{
	search_streams(s, N_STREAMS, run_stream);
}

extern const struct packer packer_resolve;
const struct packer packer_resolve = {
	.name = "resolve",
	.help = "few nodes at a time, some of their replicas placed anew at proven least cost, for the same objectives as anneal",
	.applies = applies,
	.run = run,
};
