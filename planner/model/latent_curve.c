/*
 * Monotone sensitivity curves out of runs under synthetic pressure: see latent.h. A victim's answers at each level are averaged
 * and made monotone by pool-adjacent-violators (Ayer et al. 1955), which is their least-squares monotone fit. Other services'
 * pressures are then found through the curves, as a bubble's size that would slow the victim equally.
 */
#include "planner/model/latent_work.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define CURVE_POINTS_MIN 2      /* distinct levels; with one a straight line says as much */
#define CURVE_RISE_MIN 0.02     /* effect at the highest level below which there is nothing to bend */

struct level { double x, sum, weight; };

double latent_effect(const struct latent *l, int k, int victim, double x)
{
	return l->curves ? curve_at(l->curves + (size_t)k * (size_t)l->n_services + victim, x) : x;
}

double latent_effect_slope(const struct latent *l, int k, int victim, double x)
{
	double step = 0.05 * fmax(x, 0.05);

	return l->curves ? (latent_effect(l, k, victim, x + step) - latent_effect(l, k, victim, fmax(0, x - step))) / (x + step - fmax(0, x - step)) : 1;
}

static int level_compare(const void *a, const void *b)
{
	double x = ((const struct level *)a)->x, y = ((const struct level *)b)->x;

	return (x > y) - (x < y);
}

/* Is everything beside the victim synthetic pressure on component k? */
static bool only_press(const struct latent_work *w, const struct coloc_row *r, int k)
{
	for (int j = 0; j < r->n_neighbours; j++)
		if (w->pin_kind[r->neighbours[j]] != k)
			return false;
	return r->n_neighbours > 0;
}

/* Levels of one victim on one resource, rising, equal ones merged. */
static size_t levels_collect(const struct latent_work *w, int k, int victim, struct level *v)
{
	size_t n = 0, kept = 0;

	for (size_t i = 0; i < w->n; i++)
		if (w->rows[i]->victim == victim && only_press(w, w->rows[i], k))
			v[n++] = (struct level){ latent_sum_p(w->l, k, w->rows[i]), w->w[i] * fmax(0, w->z[i]), w->w[i] };
	qsort(v, n, sizeof(*v), level_compare);
	for (size_t i = 0; i < n; i++) {
		if (kept && v[i].x < v[kept - 1].x + 1e-9) {
			v[kept - 1].sum += v[i].sum;
			v[kept - 1].weight += v[i].weight;
		} else {
			v[kept++] = v[i];
		}
	}
	return kept;
}

/* Heights at each level, not falling. */
static void pool_violators(const struct level *v, size_t n, double *y)
{
	for (size_t i = 0; i < n; i++) {
		double sum = 0, weight = 0, least = INFINITY;

		for (size_t from = 0; from <= i; from++) { /* max over starts of min over ends of the mean: the minimax form */
			least = INFINITY;
			sum = weight = 0;
			for (size_t to = from; to < n; to++) {
				sum += v[to].sum;
				weight += v[to].weight;
				if (to >= i)
					least = fmin(least, sum / weight);
			}
			y[i] = from ? fmax(y[i], least) : least;
		}
	}
}

static void curve_fit(struct latent_work *w, int k, int victim, struct level *v)
{
	struct latent *l = w->l;
	struct curve *c = l->curves + (size_t)k * (size_t)l->n_services + victim;
	size_t n = levels_collect(w, k, victim, v);
	double y[MODEL_MAX_KNOTS], s;

	c->n = 0;
	if (n < CURVE_POINTS_MIN || n > MODEL_MAX_KNOTS)
		return;
	pool_violators(v, n, y);
	if (y[n - 1] < CURVE_RISE_MIN)
		return;
	s = y[n - 1] / v[n - 1].x; /* the curve is in units of pressure: its end is where the straight line through it ends */
	for (size_t i = 0; i < n; i++) {
		c->x[i] = v[i].x;
		c->y[i] = y[i] / s;
	}
	c->n = (int)n;
	for (int t = 0; t <= l->n_types; t++)
		l->s[latent_at(l, k, victim, t)] = s;
}

void latent_curves_fit(struct latent_work *w)
{
	struct latent *l = w->l;
	struct level *v;

	if (!w->form->curved || !l->k)
		return;
	v = mem_alloc(w->n + 1, sizeof(*v));
	if (!l->curves)
		l->curves = mem_alloc((size_t)l->k * (size_t)l->n_services + 1, sizeof(*l->curves));
	for (int k = 0; k < l->k; k++)
		for (int i = 0; l->kinds[k] == 'n' && i < l->n_services; i++)
			curve_fit(w, k, i, v);
	free(v);
}
