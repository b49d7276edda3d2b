/*
 * What is particular to a pair. The components of latent.h say what services have in common; a victim's measured pairs differ from
 * that by more than noise. Each (victim, neighbour) gets a correction on the link's scale, a random effect shrunk towards 0
 * (Robinson 1991, BLUP): its ridge is the noise of one run over the spread of such effects, both relative, so in runs. A victim
 * whose repeats agree better than others' has a smaller ridge. Node types differ around the pair's pooled value, tied twice as
 * strongly. Runs of groups speak for the pairs in them.
 *
 * A correction may be negative, but never more than the neighbour's own effect: another neighbour cannot make a victim faster.
 * Neighbours whose corrections matter most get the components that are left.
 */
#include "planner/model/latent_work.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define SWEEPS 12
#define NOISE_TRUST 6.0 /* repeats at which a victim's own noise weighs as much as everybody's */

struct pair_work {
	struct latent *l;
	double ridge;
	double *noise;              /* per victim: variance of its repeats, 1 = everybody's */
	size_t n;
	struct latent_cell *cells;  /* of one victim side by side */
	double *rest, *weight;      /* per cell: what the components leave, and what it counts */
	double *num, *den;          /* per neighbour and type */
	double *own;                /* [neighbour * (types + 1) + type]: corrections of the victim under way; the last is pooled */
};

/* Variance of each victim's repeats over everybody's, shrunk towards 1. */
static void noise_fill(struct pair_work *w, const struct coloc *c, const bool *hidden)
{
	struct coloc_sums s = coloc_sum_cells(c, hidden);
	double *runs = mem_alloc((size_t)c->n_services + 1, sizeof(*runs)), all = 0, all_runs = 0;

	for (size_t i = 0; i < c->n_rows; i++) {
		const struct coloc_row *r = c->rows + i;

		if ((hidden && hidden[i]) || s.n[r->cell] < 2)
			continue;
		w->noise[r->victim] += pow(r->slowdown * s.n[r->cell] / s.sum[r->cell] - 1, 2);
		runs[r->victim] += 1 - 1 / s.n[r->cell];
	}
	for (int v = 0; v < c->n_services; v++) {
		all += w->noise[v];
		all_runs += runs[v];
	}
	for (int v = 0; v < c->n_services; v++)
		w->noise[v] = all > 0 ? (w->noise[v] * all_runs / all + NOISE_TRUST) / (runs[v] + NOISE_TRUST) : 1;
	free(s.sum);
	free(s.n);
	free(runs);
}

static int victim_compare(const void *a, const void *b)
{
	const struct coloc_row *x = ((const struct latent_cell *)a)->row, *y = ((const struct latent_cell *)b)->row;

	if (x->victim != y->victim)
		return x->victim < y->victim ? -1 : 1;
	return (x->cell > y->cell) - (x->cell < y->cell);
}

static double slope_least(const struct latent *l, int k, int victim)
{
	return l->curves ? curve_slope_least(l->curves + (size_t)k * (size_t)l->n_services + victim) : 1;
}

/* What a neighbour adds at least by the components before `n`. */
static double effect_least(const struct latent *l, int n, int victim, int neighbour, int type)
{
	double z = 0;

	for (int k = 0; k < n; k++)
		z += l->s[latent_at(l, k, victim, type)] * l->p[latent_at(l, k, neighbour, type)] * slope_least(l, k, victim);
	return z;
}

/* Ridge of a pair: relative shares on the link's scale at what the pair is expected to suffer. */
static double ridge_at(const struct pair_work *w, int victim, int neighbour, int type)
{
	struct coloc_row row = { .victim = victim, .type = type, .n_neighbours = 1, .neighbours = &neighbour };

	return w->ridge * w->noise[victim] * latent_weight(w->l->links[victim], latent_predict(w->l, &row));
}

static void effect_solve(struct pair_work *w, int victim, int neighbour)
{
	int types = w->l->n_types;
	double *own = w->own + (size_t)neighbour * (size_t)(types + 1), top = 0, bottom = 0, ridge = 0, seen = 0;

	for (int t = 0; t < types; t++) {
		double num = w->num[neighbour * types + t], den = w->den[neighbour * types + t], at, tie;

		if (den <= 0)
			continue;
		at = ridge_at(w, victim, neighbour, t);
		tie = at * TYPE_TIE;
		top += types > 1 ? tie * num / (den + tie) : num; /* the type's own part, integrated out */
		bottom += types > 1 ? tie * den / (den + tie) : den;
		ridge += at;
		seen++;
	}
	if (seen <= 0)
		return; /* never beside this victim */
	own[types] = top / (bottom + ridge / seen);
	for (int t = 0; t < types; t++) {
		double num = w->num[neighbour * types + t], den = w->den[neighbour * types + t];
		double tie = den > 0 ? ridge_at(w, victim, neighbour, t) * TYPE_TIE : 1;

		own[t] = types == 1 || den <= 0 ? own[types] : (num + tie * own[types]) / (den + tie);
		own[t] = fmax(own[t], -effect_least(w->l, w->l->k, victim, neighbour, t));
	}
	own[types] = fmax(own[types], -effect_least(w->l, w->l->k, victim, neighbour, types));
}

static double *own_of(const struct pair_work *w, int neighbour, int type)
{
	return w->own + (size_t)neighbour * (size_t)(w->l->n_types + 1) + type;
}

static double row_own(const struct pair_work *w, const struct coloc_row *r)
{
	double z = 0;

	for (int j = 0; j < r->n_neighbours; j++)
		z += *own_of(w, r->neighbours[j], r->type);
	return z;
}

/* All corrections of one victim from its cells [from, to), by sweeps in which each neighbour takes its share of the rest. */
static void victim_solve(struct pair_work *w, size_t from, size_t to)
{
	struct latent *l = w->l;
	int victim = w->cells[from].row->victim;

	memset(w->own, 0, (size_t)l->n_services * (size_t)(l->n_types + 1) * sizeof(*w->own));
	for (int sweep = 0; sweep < SWEEPS; sweep++) {
		memset(w->num, 0, (size_t)l->n_services * (size_t)l->n_types * sizeof(*w->num));
		memset(w->den, 0, (size_t)l->n_services * (size_t)l->n_types * sizeof(*w->den));
		for (size_t i = from; i < to; i++) {
			const struct coloc_row *r = w->cells[i].row;
			double step = (w->rest[i] - row_own(w, r)) / r->n_neighbours;

			for (int j = 0; j < r->n_neighbours; j++) {
				int e = r->neighbours[j] * l->n_types + r->type;

				w->num[e] += w->weight[i] * (step + *own_of(w, r->neighbours[j], r->type));
				w->den[e] += w->weight[i];
			}
		}
		for (int j = 0; j < l->n_services; j++)
			effect_solve(w, victim, j);
	}
}

/* Calls back with every victim's corrections in w->own. */
static void victims_each(struct pair_work *w, void (*visit)(struct pair_work *, int victim, void *), void *arg)
{
	for (size_t from = 0, to; from < w->n; from = to) {
		for (to = from; to < w->n && w->cells[to].row->victim == w->cells[from].row->victim; to++)
			;
		victim_solve(w, from, to);
		visit(w, w->cells[from].row->victim, arg);
	}
}

static void weigh(struct pair_work *w, int victim, void *energy)
{
	(void)victim;
	for (int j = 0; j < w->l->n_services; j++)
		((double *)energy)[j] += pow(*own_of(w, j, w->l->n_types), 2);
}

/* Component `first + slot` is neighbour slots[slot]. */
struct slots { int n, first, neighbour[MODEL_MAX_PRESSURES]; };

static void keep(struct pair_work *w, int victim, void *arg)
{
	const struct slots *s = arg;

	for (int i = 0; i < s->n; i++)
		for (int t = 0; t <= w->l->n_types; t++)
			w->l->s[latent_at(w->l, s->first + i, victim, t)] = *own_of(w, s->neighbour[i], t);
}

/* The neighbours with the largest corrections, as many as there are components left. */
static struct slots slots_pick(const struct latent *l, const struct coloc *c, double *energy)
{
	struct slots s = { .first = l->k };
	char kind[LATENT_NAME_MAX];
	double level;

	while (l->k + s.n < MODEL_MAX_PRESSURES) {
		int best = -1;

		for (int j = 0; j < l->n_services; j++)
			if (energy[j] > 0 && !latent_press_parse(c->services[j], kind, &level) && (best < 0 || energy[j] > energy[best]))
				best = j;
		if (best < 0)
			break;
		energy[best] = 0;
		s.neighbour[s.n++] = best;
	}
	return s;
}

void latent_pairs_add(struct latent *l, const struct coloc *c, const bool *hidden, double ridge)
{
	size_t services = (size_t)l->n_services, entities = services * (size_t)(l->n_types + 1);
	struct pair_work w = { .l = l, .ridge = ridge, .cells = mem_alloc(c->n_rows + 1, sizeof(*w.cells)),
			       .rest = mem_alloc(c->n_rows + 1, sizeof(double)), .weight = mem_alloc(c->n_rows + 1, sizeof(double)),
			       .num = mem_alloc(entities, sizeof(double)), .den = mem_alloc(entities, sizeof(double)),
			       .own = mem_alloc(entities, sizeof(double)), .noise = mem_alloc(services + 1, sizeof(double)) };
	double *energy = mem_alloc(services + 1, sizeof(*energy));
	struct slots s;

	noise_fill(&w, c, hidden);
	w.n = latent_cells_take(c, hidden, w.cells);
	qsort(w.cells, w.n, sizeof(*w.cells), victim_compare);
	for (size_t i = 0; i < w.n; i++) {
		const struct coloc_row *r = w.cells[i].row;

		w.rest[i] = link_transform(l->links[r->victim], w.cells[i].slowdown) - latent_z(l, r);
		/* a group's rest is also what its neighbours do not add up by, once per pair among them */
		w.weight[i] = w.cells[i].runs / (r->n_neighbours * r->n_neighbours) * latent_weight(l->links[r->victim], w.cells[i].slowdown);
	}
	victims_each(&w, weigh, energy);
	s = slots_pick(l, c, energy);
	victims_each(&w, keep, &s);
	for (int i = 0; i < s.n; i++, l->k++) {
		l->kinds[l->k] = 'p';
		l->beside[l->k] = s.neighbour[i];
		for (int t = 0; t <= l->n_types; t++)
			l->p[latent_at(l, l->k, s.neighbour[i], t)] = 1;
	}
	free(w.cells);
	free(w.rest);
	free(w.weight);
	free(w.num);
	free(w.den);
	free(w.own);
	free(w.noise);
	free(energy);
}
