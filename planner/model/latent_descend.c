/* Coordinate descent: one side of one component at a time, in closed form. See latent.h. */
#include "planner/model/latent_work.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/sort.h"

#define SWEEPS 10           /* per phase, at most */
#define PHASES 4
#define STILL_RATIO 2e-3    /* a sweep that gains less ends its phase */
#define HUBER 1.5            /* in units of the median error: 95 % efficiency for normal errors */

/*
 * One side of one component, given num/den of its least squares per entity: the entities, then the services, then the mean.
 * `ridge` is in runs; where an entity was never seen, den is 0 and it takes its service's value, or the mean.
 */
static void side_solve(struct latent_work *w, double *v, int k, double ridge)
{
	struct latent *l = w->l;
	double mean = 0;
	int seen = 0;

	for (int i = 0; i < l->n_services && !l->plain; i++) {
		bool any = false;

		for (int t = 0; t < l->n_types; t++)
			any |= w->den[i * l->n_types + t] > 0 && w->pin_kind[i] < 0;
		mean += any ? v[latent_at(l, k, i, l->n_types)] : 0;
		seen += any;
	}
	if (l->kinds[k] == 's' && k)
		mean = 0; /* further resources are shrunk away unless the runs insist */
	else if (seen)
		mean /= seen;
	for (int i = 0; i < l->n_services; i++) {
		double top = ridge * mean, bottom = ridge;

		for (int t = 0; t < l->n_types; t++) {
			double num = w->num[i * l->n_types + t], den = w->den[i * l->n_types + t], tie = ridge * TYPE_TIE;

			if (den > 0 && l->n_types > 1) { /* the type's own value, integrated out */
				top += tie * num / (den + tie);
				bottom += tie * den / (den + tie);
			} else {
				top += num;
				bottom += den;
			}
		}
		v[latent_at(l, k, i, l->n_types)] = top / bottom;
		if (!l->plain)
			v[latent_at(l, k, i, l->n_types)] = fmax(0, top / bottom);
		for (int t = 0; t < l->n_types; t++) {
			double pooled = v[latent_at(l, k, i, l->n_types)], tie = ridge * TYPE_TIE;
			double own = (w->num[i * l->n_types + t] + tie * pooled) / (w->den[i * l->n_types + t] + tie);

			if (l->n_types == 1)
				own = pooled;
			v[latent_at(l, k, i, t)] = l->plain ? own : fmax(0, own);
		}
	}
}

static double mean_s(const struct latent *l, int k)
{
	double sum = 0;

	for (int i = 0; i < l->n_services; i++)
		sum += fabs(l->s[latent_at(l, k, i, l->n_types)]);
	return sum / l->n_services;
}

static void clear(struct latent_work *w)
{
	size_t n = (size_t)w->l->n_services * (size_t)w->l->n_types;

	memset(w->num, 0, n * sizeof(*w->num));
	memset(w->den, 0, n * sizeof(*w->den));
}

static double row_part(const struct latent *l, int k, const struct coloc_row *r)
{
	return l->s[latent_at(l, k, r->victim, r->type)] * latent_effect(l, k, r->victim, latent_sum_p(l, k, r));
}

/* Component k's share of every fitted value, before an update; after it only that share is exchanged. */
static void parts_take(struct latent_work *w, int k)
{
	for (size_t i = 0; i < w->n; i++)
		w->part[i] = row_part(w->l, k, w->rows[i]);
}

static void parts_exchange(struct latent_work *w, int k)
{
	for (size_t i = 0; i < w->n; i++)
		w->fit[i] += row_part(w->l, k, w->rows[i]) - w->part[i];
}

static void s_update(struct latent_work *w, int k)
{
	struct latent *l = w->l;

	clear(w);
	for (size_t i = 0; i < w->n; i++) {
		const struct coloc_row *r = w->rows[i];
		double x = latent_effect(l, k, r->victim, latent_sum_p(l, k, r)), rest;

		w->part[i] = l->s[latent_at(l, k, r->victim, r->type)] * x;
		rest = w->z[i] - w->fit[i] + w->part[i];
		w->num[r->victim * l->n_types + r->type] += w->w[i] * x * rest;
		w->den[r->victim * l->n_types + r->type] += w->w[i] * x * x;
	}
	side_solve(w, l->s, k, w->form->ridge);
	parts_exchange(w, k);
}

/* Jacobi over neighbours would overshoot in groups; each neighbour's share of the rest follows its own part instead. */
static void p_update(struct latent_work *w, int k)
{
	struct latent *l = w->l;
	double scale = latent_is_load(l, k) ? 1 : mean_s(l, k);

	clear(w);
	parts_take(w, k);
	for (size_t i = 0; i < w->n; i++) {
		const struct coloc_row *r = w->rows[i];
		double slope = latent_effect_slope(l, k, r->victim, l->curves ? latent_sum_p(l, k, r) : 0);
		double s = l->s[latent_at(l, k, r->victim, r->type)] * slope, step = (w->z[i] - w->fit[i]) / fmax(1, r->n_neighbours);

		for (int j = 0; j < r->n_neighbours; j++) {
			int e = r->neighbours[j] * l->n_types + r->type;

			w->num[e] += w->w[i] * s * (step + s * l->p[latent_at(l, k, r->neighbours[j], r->type)]);
			w->den[e] += w->w[i] * s * s;
		}
	}
	side_solve(w, l->p, k, w->form->ridge * fmax(scale * scale, 1e-6));
	latent_pins_set(w, k);
	parts_exchange(w, k);
}

/* Pressures of a shared component have mean 1, so that the ridge means the same on both sides. */
static void normalise(struct latent *l, int k)
{
	double mean = 0;

	for (int i = 0; i < l->n_services; i++)
		mean += fabs(l->p[latent_at(l, k, i, l->n_types)]) / l->n_services;
	if (mean < 1e-9)
		return;
	for (size_t i = latent_at(l, k, 0, 0); i < latent_at(l, k + 1, 0, 0); i++) {
		l->p[i] /= mean;
		l->s[i] *= mean;
	}
}

static void huber(struct latent_work *w)
{
	double *err = mem_alloc(w->n + 1, sizeof(*err)), scale;

	for (size_t i = 0; i < w->n; i++)
		err[i] = fabs(w->z[i] - w->fit[i]) * sqrt(w->base[i]);
	qsort(err, w->n, sizeof(*err), sort_doubles);
	scale = fmax(err[w->n / 2] * 1.4826 * HUBER, 1e-4);
	for (size_t i = 0; i < w->n; i++) {
		double x = fabs(w->z[i] - w->fit[i]) * sqrt(w->base[i]);

		w->w[i] = w->base[i] * fmin(1, scale / fmax(x, 1e-12));
	}
	free(err);
}

static double miss_of(const struct latent_work *w)
{
	double sum = 0;

	for (size_t i = 0; i < w->n; i++)
		sum += w->w[i] * (w->z[i] - w->fit[i]) * (w->z[i] - w->fit[i]);
	return sum;
}

static void sweep(struct latent_work *w)
{
	struct latent *l = w->l;

	for (int k = 0; k < l->k; k++) {
		if (!latent_is_load(l, k))
			s_update(w, k);
		if (!latent_is_count(l, k))
			p_update(w, k);
		if (l->kinds[k] == 's')
			normalise(l, k);
	}
}

/* Sweeps until little moves, then with measured curves, then twice with Huber weights. */
void latent_descend(struct latent_work *w)
{
	for (int phase = 0; phase < PHASES; phase++) {
		double before = INFINITY;

		if (phase == 1) {
			latent_curves_fit(w);
			for (size_t i = 0; i < w->n; i++)
				w->fit[i] = latent_z(w->l, w->rows[i]);
		}
		if (phase > 1 && !w->l->plain)
			huber(w);
		for (int round = 0; round < SWEEPS; round++) {
			double now;

			sweep(w);
			now = miss_of(w);
			if (now > before * (1 - STILL_RATIO))
				break;
			before = now;
		}
	}
}
