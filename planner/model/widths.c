/*
 * Widths of the conformal intervals: errors grow with the slowdown and differ between services. The common part is a
 * non-negative straight line fitted by GSL; a service's factor is its mean error over the line, shrunk towards 1.
 */
#include "planner/model/cv.h"

#include <gsl/gsl_fit.h>
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/sort.h"

#define FACTOR_TRUST 6.0 /* held-out runs at which a service's own errors weigh as much as everyone's */
#define WIDTH_MIN 1e-4

double widths_at(const struct widths *w, int service, double predicted)
{
	return w->factor[service] * (w->alpha + w->beta * log(predicted));
}

static void line_fit(struct widths *w, const double *x, const double *y, size_t n)
{
	double cov[3], chi2, mean = 0;

	for (size_t i = 0; i < n; i++)
		mean += y[i] / (double)n;
	w->alpha = fmax(mean, WIDTH_MIN);
	w->beta = 0;
	if (n < 8 || gsl_fit_linear(x, 1, y, 1, n, &w->alpha, &w->beta, &cov[0], &cov[1], &cov[2], &chi2) ||
	    !isfinite(w->beta) || w->beta < 0) {
		w->alpha = fmax(mean, WIDTH_MIN);
		w->beta = 0;
	}
	if (w->alpha < mean / 4) { /* never certain, however small the slowdown */
		w->beta *= 0.75;
		w->alpha = fmax(mean / 4, WIDTH_MIN);
	}
}

void widths_fit(const struct coloc *c, const struct cv *cv, int skip, struct widths *w)
{
	double *x = mem_alloc(cv->n + 1, sizeof(*x)), *y = mem_alloc(cv->n + 1, sizeof(*y));
	double *sum = mem_alloc((size_t)c->n_services + 1, sizeof(*sum)), *count = mem_alloc((size_t)c->n_services + 1, sizeof(*count));
	bool *seen = mem_alloc((size_t)c->n_groups + 1, sizeof(*seen));
	size_t n = 0;

	*w = (struct widths){ .factor = mem_alloc((size_t)c->n_services + 1, sizeof(double)),
			      .scores = mem_alloc(cv->n + 1, sizeof(double)) };
	for (size_t i = 0; i < cv->n; i++) {
		const struct coloc_row *r = c->rows + cv->row[i];

		if (r->group == skip)
			continue;
		x[n] = log(cv->predicted[RIVAL_MODEL][i]);
		y[n++] = fabs(log(cv->predicted[RIVAL_MODEL][i] / r->slowdown));
	}
	line_fit(w, x, y, n);
	n = 0;
	for (size_t i = 0; i < cv->n; i++) {
		int v = c->rows[cv->row[i]].victim;

		if (c->rows[cv->row[i]].group == skip)
			continue;
		sum[v] += y[n] / (w->alpha + w->beta * x[n]);
		count[v]++;
		n++;
	}
	for (int s = 0; s < c->n_services; s++)
		w->factor[s] = (sum[s] + FACTOR_TRUST) / (count[s] + FACTOR_TRUST);
	n = 0;
	for (size_t i = 0; i < cv->n; i++) {
		const struct coloc_row *r = c->rows + cv->row[i];

		if (r->group == skip)
			continue;
		w->n_groups += !seen[r->group];
		seen[r->group] = true;
		w->scores[w->n_scores++] = y[n] / widths_at(w, r->victim, cv->predicted[RIVAL_MODEL][i]);
		n++;
	}
	qsort(w->scores, w->n_scores, sizeof(*w->scores), sort_doubles);
	free(x);
	free(y);
	free(seen);
	free(sum);
	free(count);
}

void widths_free(struct widths *w)
{
	free(w->factor);
	free(w->scores);
}
