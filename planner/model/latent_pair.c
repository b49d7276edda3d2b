/*
 * What is particular to a pair. The components of latent.h say what services have in common; a victim's measured pairs differ from
 * that by more than noise. Each (victim, neighbour) gets a correction on the link's scale, a random effect shrunk towards 0
 * (Robinson 1991, BLUP): its ridge is the noise of one run over the spread of such effects, both relative, so in runs. A victim
 * whose repeats agree better than others' has a smaller ridge. Node types differ around the pair's pooled value, tied twice as
 * strongly. Runs of groups speak for the pairs in them, as far as groups were predicted unseen as well as pairs (latent_blend.group_trust);
 * less where the rest is shared out among more.
 *
 * What several neighbours do beyond their sum is the victim's as well: each neighbour after the first costs it `crowd` more, or
 * less where neighbours hinder each other, shrunk more strongly than a pair.
 *
 * A correction may be negative, but never more than the neighbour's own effect: another neighbour cannot make a victim faster. Nor
 * may the crowd take away more than the least of all neighbours adds.
 */
#include "planner/model/latent_pair.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define SWEEPS 12
#define CROWD_RIDGE 8.0 /* how much more than a pair's: with few groups a crowd is mostly their noise (lab: 1 to 4 12.4 %, 8 12.5, 16 12.8; test_model's other laws 4.9 %, at 1 5.1) */
#define NOISE_TRUST 6.0 /* repeats at which a victim's own noise weighs as much as everybody's */

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

/* What a neighbour adds at least by the components before `n`. */
static double effect_least(const struct latent *l, int n, int victim, int neighbour, int type)
{
	double z = 0;

	for (int k = 0; k < n; k++) {
		double s = l->s[latent_at(l, k, victim, type)];

		z += l->p[latent_at(l, k, neighbour, type)] * (l->curves ? curve_effect_least(l->curves + (size_t)k * (size_t)l->n_services + victim, s) : s);
	}
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

/* Neighbours after the first; synthetic pressure is no crowd. */
static double row_further(const struct pair_work *w, const struct coloc_row *r)
{
	int n = 0;

	for (int j = 0; j < r->n_neighbours; j++)
		n += !w->press[r->neighbours[j]];
	return n > 1 ? n - 1 : 0;
}

double *pair_own(const struct pair_work *w, int neighbour, int type)
{
	return w->own + (size_t)neighbour * (size_t)(w->l->n_types + 1) + type;
}

static double row_own(const struct pair_work *w, const struct coloc_row *r)
{
	double z = w->crowd * row_further(w, r);

	for (int j = 0; j < r->n_neighbours; j++)
		z += *pair_own(w, r->neighbours[j], r->type);
	return z;
}

double pair_addition_least(const struct pair_work *w, int victim, const bool *kept)
{
	double least = INFINITY;

	for (int j = 0; j < w->l->n_services; j++)
		for (int t = 0; t <= w->l->n_types && !w->press[j]; t++)
			least = fmin(least, effect_least(w->l, w->l->k, victim, j, t) + (kept && !kept[j] ? 0 : *pair_own(w, j, t)));
	return fmax(0, least);
}

/* From the victim's cells [from, to). Neighbours hinder each other at most as much as the least of them adds. */
static void crowd_solve(struct pair_work *w, size_t from, size_t to)
{
	int victim = w->cells[from].row->victim;
	double num = 0, den = 0, ridge = 0, groups = 0;

	for (size_t i = from; i < to; i++) {
		const struct coloc_row *r = w->cells[i].row;
		double x = row_further(w, r);

		if (x <= 0)
			continue;
		num += w->weight[i] * x * (w->rest[i] - row_own(w, r) + w->crowd * x);
		den += w->weight[i] * x * x;
		ridge += CROWD_RIDGE * w->ridge * w->noise[victim] * latent_weight(w->l->links[victim], latent_predict(w->l, r));
		groups++;
	}
	w->crowd = den > 0 ? fmax(num / (den + ridge / groups), -pair_addition_least(w, victim, NULL)) : 0;
}

/* All corrections of one victim from its cells [from, to), by sweeps in which each neighbour takes its share of the rest. */
static void victim_solve(struct pair_work *w, size_t from, size_t to)
{
	struct latent *l = w->l;
	int victim = w->cells[from].row->victim;

	memset(w->own, 0, (size_t)l->n_services * (size_t)(l->n_types + 1) * sizeof(*w->own));
	w->crowd = 0;
	for (int sweep = 0; sweep < SWEEPS; sweep++) {
		memset(w->num, 0, (size_t)l->n_services * (size_t)l->n_types * sizeof(*w->num));
		memset(w->den, 0, (size_t)l->n_services * (size_t)l->n_types * sizeof(*w->den));
		for (size_t i = from; i < to; i++) {
			const struct coloc_row *r = w->cells[i].row;
			double step = (w->rest[i] - row_own(w, r)) / r->n_neighbours;

			for (int j = 0; j < r->n_neighbours; j++) {
				int e = r->neighbours[j] * l->n_types + r->type;

				w->num[e] += w->weight[i] * (step + *pair_own(w, r->neighbours[j], r->type));
				w->den[e] += w->weight[i];
			}
		}
		for (int j = 0; j < l->n_services; j++)
			effect_solve(w, victim, j);
		crowd_solve(w, from, to);
	}
}

void pair_victims_each(struct pair_work *w, void (*visit)(struct pair_work *, int victim, void *), void *arg)
{
	for (size_t from = 0, to; from < w->n; from = to) {
		for (to = from; to < w->n && w->cells[to].row->victim == w->cells[from].row->victim; to++)
			;
		victim_solve(w, from, to);
		visit(w, w->cells[from].row->victim, arg);
	}
}

/*
 * A group's rest is also what its neighbours do not add up by. Over 1, over the root of their number and over it were tried:
 * lab 12.6, 12.4, 12.4 %; restless lab 15.4, 15.5, 15.5 %; made-up laws 4.61, 4.64, 4.70 %.
 */
static double row_trust(const struct pair_work *w, const struct coloc_row *r)
{
	return r->n_neighbours > 1 ? w->group_trust / sqrt(r->n_neighbours) : 1;
}

static void rests_take(struct pair_work *w, const struct coloc *c, const bool *hidden)
{
	const struct latent *l = w->l;

	w->n = latent_cells_take(c, hidden, w->cells);
	qsort(w->cells, w->n, sizeof(*w->cells), victim_compare);
	for (size_t i = 0; i < w->n; i++) {
		const struct coloc_row *r = w->cells[i].row;

		w->rest[i] = link_transform(l->links[r->victim], w->cells[i].slowdown) - latent_z(l, r);
		w->weight[i] = w->cells[i].runs * row_trust(w, r) * latent_weight(l->links[r->victim], w->cells[i].slowdown);
	}
}

void pair_work_init(struct pair_work *w, struct latent *l, const struct coloc *c, const bool *hidden, const struct latent_blend *blend)
{
	size_t services = (size_t)l->n_services, entities = services * (size_t)(l->n_types + 1);
	char kind[LATENT_NAME_MAX];
	double level;

	*w = (struct pair_work){ .l = l, .ridge = blend->pair_ridge, .group_trust = blend->group_trust,
				 .cells = mem_alloc(c->n_rows + 1, sizeof(*w->cells)), .press = mem_alloc(services + 1, sizeof(bool)),
				 .rest = mem_alloc(c->n_rows + 1, sizeof(double)), .weight = mem_alloc(c->n_rows + 1, sizeof(double)),
				 .num = mem_alloc(entities, sizeof(double)), .den = mem_alloc(entities, sizeof(double)),
				 .own = mem_alloc(entities, sizeof(double)), .noise = mem_alloc(services + 1, sizeof(double)) };
	for (size_t j = 0; j < services; j++)
		w->press[j] = latent_press_parse(c->services[j], kind, &level);
	noise_fill(w, c, hidden);
	rests_take(w, c, hidden);
}

void pair_work_fini(struct pair_work *w)
{
	free(w->cells);
	free(w->press);
	free(w->rest);
	free(w->weight);
	free(w->num);
	free(w->den);
	free(w->own);
	free(w->noise);
}
