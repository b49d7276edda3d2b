/* Branch and bound over placements of a few replicas on a few nodes; see exact.h. */
#include "planner/solve/walk/exact.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "planner/solve/walk/place_row.h"

#define EPSILON 1e-9 /* relative: smaller gains are rounding */

struct exact_work {
	lanes *row;              /* [node * (hard + soft)]: with what is placed so far */
	lanes *rising;           /* [soft]: 1 where no demand is negative, else 0 */
	lanes *falls;            /* [soft]: sum of what the remaining could take off the other columns */
	uint32_t items[EXACT_NODES];
	uint32_t rest[EXACT_ITEMS], n_rest; /* indices of x->item */
	uint32_t to[EXACT_ITEMS], start[EXACT_ITEMS]; /* indices of x->node */
	double paid;             /* for moves so far */
	double before, best, slack; /* cost of the rest of the world; of all, to be beaten; what the most moved group may give back */
	bool found;
};

static lanes *row_at(const struct exact *x, uint32_t k)
{
	return x->work->row + (size_t)k * (x->p->sc->hard + x->p->sc->soft);
}

/* What one more replica adds to a node's rising columns; INFINITY: no room, or not allowed. */
CLONES static double adds(const struct exact *x, uint32_t item, uint32_t k)
{
	const struct scalar *sc = x->p->sc;
	const lanes *row = row_at(x, k), *hard = hard_of(sc, item, x->node[k]), *soft = soft_of(sc, item);
	lanes sum = { 0 };
	mask over = { 0 };

	if (!instance_allows(sc->in, sc->in->item_service[item], x->node[k]))
		return INFINITY;
	for (uint32_t c = 0; c < sc->hard; c++)
		over |= row[c] < hard[c];
	if (over[0] | over[1] | over[2] | over[3])
		return INFINITY;
	row += sc->hard;
	for (uint32_t c = 0; c < sc->soft; c++)
		sum += x->work->rising[c] * (positive(row[c] + soft[c]) - positive(row[c]));
	return total(sum);
}

/* What the nodes pay at least, whatever the remaining ones do. */
CLONES static double pays(const struct exact *x)
{
	const struct exact_work *w = x->work;
	const struct scalar *sc = x->p->sc;
	double cost = w->paid;

	for (uint32_t k = 0; k < x->n_nodes; k++) {
		const lanes *row = row_at(x, k) + sc->hard;
		lanes sum = { 0 };

		for (uint32_t c = 0; c < sc->soft; c++)
			sum += positive(row[c] + w->falls[c]);
		cost += total(sum) + use_cost(sc, x->node[k], w->items[k]);
	}
	return cost;
}

CLONES static void put(const struct exact *x, uint32_t item, uint32_t k, double sign)
{
	const struct scalar *sc = x->p->sc;
	const lanes *hard = hard_of(sc, item, x->node[k]), *soft = soft_of(sc, item);
	lanes *row = row_at(x, k);

	for (uint32_t c = 0; c < sc->hard; c++)
		row[c] -= sign * hard[c];
	for (uint32_t c = 0; c < sc->soft; c++)
		row[sc->hard + c] += sign * soft[c];
	x->work->items[k] += sign > 0 ? 1 : UINT32_MAX;
}

CLONES static void count_falls(const struct exact *x, uint32_t item, double sign)
{
	const lanes *soft = soft_of(x->p->sc, item);

	for (uint32_t c = 0; c < x->p->sc->soft; c++)
		x->work->falls[c] -= sign * positive(-soft[c]);
}

/* Caps hold on these nodes as they stand in the placement. */
static bool caps_hold(const struct exact *x)
{
	for (uint32_t k = 0; k < x->n_nodes; k++)
		for (uint32_t g = 0; g < x->p->sc->in->n_groups; g++)
			if (counts_of(x->p, x->node[k])[g] && !place_caps_hold(x->p, g, x->node[k]))
				return false;
	return x->p->sc->in->max_moves < 0 || x->p->n_moved <= x->p->sc->in->max_moves;
}

/* A whole placement that the bound could not refuse: the books decide, with all rules. */
static void judge(struct exact *x)
{
	struct exact_work *w = x->work;
	struct place_moves go = { 0 }, back = { 0 };

	for (uint32_t i = 0; i < x->n_items; i++)
		if (x->p->item_node[x->item[i]] != (int32_t)x->node[w->to[i]]) {
			go.item[go.n] = back.item[go.n] = x->item[i];
			back.to[go.n] = (uint32_t)x->p->item_node[x->item[i]];
			go.to[go.n++] = x->node[w->to[i]];
		}
	back.n = go.n;
	if (!go.n || !place_move_all(x->p, &go))
		return;
	if (caps_hold(x) && !x->p->n_over && x->p->cost < w->best - EPSILON * fabs(w->best)) {
		w->best = x->p->cost;
		w->found = true;
	} else {
		place_move_all(x->p, &back);
	}
}

/* The one that loses most when it does not get its cheapest node goes first: -> its place in rest[]. */
static uint32_t choose(const struct exact *x, double *bound, double *cost)
{
	const struct exact_work *w = x->work;
	double most = -1;
	uint32_t which = 0;

	for (uint32_t r = 0; r < w->n_rest; r++) {
		uint32_t item = x->item[w->rest[r]];
		double least = INFINITY, second = INFINITY, each[EXACT_NODES];

		for (uint32_t k = 0; k < x->n_nodes; k++) {
			each[k] = adds(x, item, k) + move_cost(x->p->sc, item, x->node[k]);
			second = fmin(second, fmax(least, each[k]));
			least = fmin(least, each[k]);
		}
		*bound += least;
		if (isinf(least))
			return r;
		if (second - least > most) {
			most = second - least;
			which = r;
			memcpy(cost, each, sizeof(each));
		}
	}
	return which;
}

static void descend(struct exact *x)
{
	struct exact_work *w = x->work;
	double bound = w->before + pays(x), cost[EXACT_NODES] = { 0 };
	uint32_t r, i;

	if (!w->n_rest) {
		judge(x);
		return;
	}
	r = choose(x, &bound, cost);
	if (!(bound - w->slack < w->best - EPSILON * fabs(w->best)))
		return;
	i = w->rest[r];
	w->rest[r] = w->rest[--w->n_rest];
	count_falls(x, x->item[i], -1);
	for (uint32_t tries = 0; tries < x->n_nodes && x->branches; tries++) {
		uint32_t k = 0;

		for (uint32_t n = 1; n < x->n_nodes; n++)
			k = cost[n] < cost[k] ? n : k;
		if (isinf(cost[k]))
			break;
		cost[k] = INFINITY;
		x->branches--;
		w->to[i] = k;
		w->paid += move_cost(x->p->sc, x->item[i], x->node[k]);
		put(x, x->item[i], k, 1);
		descend(x);
		put(x, x->item[i], k, -1);
		w->paid -= move_cost(x->p->sc, x->item[i], x->node[k]);
	}
	count_falls(x, x->item[i], 1);
	w->rest[w->n_rest++] = w->rest[r];
	w->rest[r] = i;
}

/* Which columns can only rise, and how far the others can fall. */
static void measure(struct exact *x)
{
	struct exact_work *w = x->work;
	uint32_t soft = x->p->sc->soft;

	for (uint32_t c = 0; c < soft; c++)
		w->rising[c] = w->falls[c] = (lanes){ 0 };
	for (uint32_t i = 0; i < x->n_items; i++)
		count_falls(x, x->item[i], 1);
	for (uint32_t c = 0; c < soft; c++)
		for (uint32_t l = 0; l < LANES; l++)
			w->rising[c][l] = w->falls[c][l] == 0;
}

static uint32_t index_of(const struct exact *x, int32_t node)
{
	uint32_t k = 0;

	while (x->node[k] != (uint32_t)node)
		k++;
	return k;
}

bool exact_solve(struct exact *x)
{
	struct exact_work *w = x->work;
	const struct scalar *sc = x->p->sc;

	w->best = x->p->cost;
	w->found = false;
	w->paid = 0;
	w->slack = sc->move_group * x->n_items;
	measure(x);
	for (uint32_t k = 0; k < x->n_nodes; k++) {
		memcpy(row_at(x, k), row_of(x->p, x->node[k]), (sc->hard + sc->soft) * sizeof(lanes));
		w->items[k] = x->p->node_items[x->node[k]];
	}
	w->before = x->p->cost;
	for (uint32_t i = 0; i < x->n_items; i++) {
		uint32_t k = index_of(x, x->p->item_node[x->item[i]]);

		put(x, x->item[i], k, -1);
		w->before -= move_cost(sc, x->item[i], x->node[k]);
		w->rest[i] = i;
	}
	for (uint32_t k = 0; k < x->n_nodes; k++)
		w->before -= x->p->node_sum[x->node[k]];
	w->n_rest = x->n_items;
	descend(x);
	return w->found;
}

void exact_init(struct exact *x, struct place *p)
{
	const struct scalar *sc = p->sc;

	*x = (struct exact){ .p = p, .work = mem_alloc(1, sizeof(*x->work)) };
	x->work->row = lanes_new((size_t)EXACT_NODES * (sc->hard + sc->soft));
	x->work->rising = lanes_new(sc->soft);
	x->work->falls = lanes_new(sc->soft);
}

void exact_fini(struct exact *x)
{
	free(x->work->row);
	free(x->work->rising);
	free(x->work->falls);
	free(x->work);
}
