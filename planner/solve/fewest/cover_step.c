/* Steps of a covering program's simplex: primal after new columns, dual after new demands. */
#include "planner/solve/fewest/cover_basis.h"

#include <math.h>

#define COST_EPSILON 1e-8      /* a reduced cost below -this improves */

/* Which position leaves: the largest pivot among the smallest ratios. false = none. */
static bool leaving_find(const struct cover *c, uint32_t *leaving)
{
	const double *alpha = c->alpha, *value = c->value;
	double most = INFINITY, best = 0;

	for (uint32_t k = 0; k < c->rows; k++)
		if (alpha[k] > COVER_PIVOT_EPSILON && cover_positive(value[k]) + COVER_RATIO_EPSILON < most * alpha[k])
			most = (cover_positive(value[k]) + COVER_RATIO_EPSILON) / alpha[k];
	for (uint32_t k = 0; k < c->rows; k++)
		if (alpha[k] > COVER_PIVOT_EPSILON && cover_positive(value[k]) <= most * alpha[k] && alpha[k] > best) {
			best = alpha[k];
			*leaving = k;
		}
	return best > 0;
}

/* The columns of least reduced cost among all. */
static void picks_refresh(struct cover *c)
{
	double d[COVER_PICKS];

	c->n_pick = 0;
	for (uint32_t j = 0; j < c->n; j++) {
		double dj;
		uint32_t at;

		if (c->where[j] >= 0 || (dj = cover_cost(c, (int32_t)j)) >= -COST_EPSILON ||
		    (c->n_pick == COVER_PICKS && dj >= d[COVER_PICKS - 1]))
			continue;
		at = c->n_pick < COVER_PICKS ? c->n_pick++ : COVER_PICKS - 1;
		for (; at && d[at - 1] > dj; at--) {
			d[at] = d[at - 1];
			c->pick[at] = c->pick[at - 1];
		}
		d[at] = dj;
		c->pick[at] = j;
	}
}

/* Keep those of the picks that still improve. */
static void picks_review(struct cover *c)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < c->n_pick; i++)
		if (c->where[c->pick[i]] < 0 && cover_cost(c, (int32_t)c->pick[i]) < -COST_EPSILON)
			c->pick[n++] = c->pick[i];
	c->n_pick = n;
}

/* The surplus of the row whose dual is most negative. */
static bool surplus_find(const struct cover *c, int32_t *entering)
{
	double least = -COST_EPSILON;

	for (uint32_t i = 0; i < c->rows; i++)
		if (c->dual[i] < least) {
			least = c->dual[i];
			*entering = -1 - (int32_t)i;
		}
	return least < -COST_EPSILON;
}

/* Among the picks the one that improves most, step times reduced cost: far fewer steps than by reduced cost alone. */
static bool entering_find(struct cover *c, int32_t *entering, uint32_t *leaving)
{
	double most = -1;
	uint32_t p = 0;

	picks_review(c);
	if (!c->n_pick)
		picks_refresh(c);
	for (uint32_t i = 0; i <= c->n_pick; i++) {
		int32_t j = i < c->n_pick ? (int32_t)c->pick[i] : 0;
		double gain;

		if (i == c->n_pick && !surplus_find(c, &j))
			break;
		cover_alpha(c, j);
		if (!leaving_find(c, &p))
			continue;
		gain = -cover_cost(c, j) * fmax(0, c->value[p]) / c->alpha[p];
		if (gain > most) {
			most = gain;
			*entering = j;
			*leaving = p;
		}
	}
	return most >= 0;
}

/* Most negative value leaves; the column (or surplus) that keeps all reduced costs from falling below zero enters. */
static bool dual_step(struct cover *c, uint32_t p)
{
	uint32_t m = c->rows;
	int32_t entering = 0;
	double least = INFINITY, best = 0, enter_cost = 0;

	for (uint32_t i = 0; i < m; i++)
		c->line[i] = c->inverse[(size_t)i * m + p];
	for (int64_t j = -(int64_t)m; j < (int64_t)c->n; j++) {
		double a = 0, d;

		if (j < 0)
			a = -c->line[-1 - j];
		else
			for (size_t e = c->start[j]; e < c->start[j + 1]; e++)
				a += c->many[e] * c->line[c->row[e]];
		if (a > -COVER_PIVOT_EPSILON || (j >= 0 && c->where[j] >= 0))
			continue;
		d = cover_positive(cover_cost(c, (int32_t)j));
		if (d / -a < least - COVER_RATIO_EPSILON || (d / -a < least + COVER_RATIO_EPSILON && -a > best)) {
			least = d / -a;
			best = -a;
			entering = (int32_t)j;
			enter_cost = cover_cost(c, (int32_t)j);
		}
	}
	if (best <= 0)
		return false;
	cover_alpha(c, entering);
	if (fabs(c->alpha[p]) < COVER_PIVOT_EPSILON)
		return false;
	cover_pivot(c, p, entering, enter_cost);
	return true;
}

bool cover_dual(struct cover *c)
{
	for (uint32_t steps = 0; steps < 20 * c->rows; steps++) {
		uint32_t p = 0;

		for (uint32_t k = 1; k < c->rows; k++)
			if (c->value[k] < c->value[p])
				p = k;
		if (c->value[p] >= -COVER_RATIO_EPSILON)
			return true;
		if (!dual_step(c, p) || !cover_checked(c))
			return false;
	}
	return false;
}

bool cover_primal(struct cover *c)
{
	uint32_t p = 0;
	int32_t j = 0;

	while (entering_find(c, &j, &p)) {
		cover_alpha(c, j);
		c->value[p] = cover_positive(c->value[p]);
		cover_pivot(c, p, j, cover_cost(c, j));
		if (!cover_checked(c))
			return false;
	}
	return true;
}
