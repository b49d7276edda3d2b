/* Revised simplex for covering programs: see cover.h. Letters: d = reduced cost, alpha = inverse * entering column. */
#include "planner/solve/cover.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define SHIFT 1e-5             /* of demands */
#define COST_EPSILON 1e-8      /* a reduced cost below -this improves */
#define PIVOT_EPSILON 1e-7     /* smallest number to divide by */
#define RATIO_EPSILON 1e-9     /* how far a value may go below zero for the sake of a larger pivot */
#define LOST 1e-5              /* residual beyond which the inverse is computed afresh */
#define PICKS 8                /* columns looked at again before all are */
#define PIVOTS_PER_CHECK 64
#define CLONES __attribute__((target_clones("avx2", "default")))

struct cover *cover_new(uint32_t rows, const double *demand, uint64_t seed)
{
	struct cover *c = mem_alloc(1, sizeof(*c));
	struct rng rng;

	rng_seed(&rng, seed);
	c->rows = rows;
	c->demand = mem_alloc(rows, sizeof(double));
	c->shift = mem_alloc(rows, sizeof(double));
	c->dual = mem_alloc(rows, sizeof(double));
	c->basis = mem_alloc(rows, sizeof(int32_t));
	c->value = mem_alloc(rows, sizeof(double));
	c->inverse = mem_alloc((size_t)rows * rows, sizeof(double));
	c->alpha = mem_alloc(rows, sizeof(double));
	c->line = mem_alloc(rows, sizeof(double));
	c->hit = mem_alloc(rows, sizeof(uint32_t));
	c->pick = mem_alloc(PICKS, sizeof(uint32_t));
	c->start = array_grow(c->start, &c->cap_start, 1, sizeof(*c->start));
	c->start[0] = 0;
	memcpy(c->demand, demand, rows * sizeof(double));
	for (uint32_t i = 0; i < rows; i++) {
		c->shift[i] = SHIFT * (0.5 + rng_unit(&rng));
		cover_add(c, &i, 1);
	}
	for (uint32_t i = 0; i < rows; i++) {
		c->basis[i] = c->where[i] = (int32_t)i;
		c->inverse[(size_t)i * rows + i] = 1;
	}
	return c;
}

void cover_free(struct cover *c)
{
	if (!c)
		return;
	free(c->start);
	free(c->row);
	free(c->many);
	free(c->demand);
	free(c->shift);
	free(c->dual);
	free(c->basis);
	free(c->where);
	free(c->value);
	free(c->inverse);
	free(c->alpha);
	free(c->line);
	free(c->hit);
	free(c->pick);
	free(c);
}

void cover_add(struct cover *c, const uint32_t *rows, uint32_t n)
{
	size_t at = c->start[c->n];

	c->start = array_grow(c->start, &c->cap_start, c->n + 2, sizeof(*c->start));
	c->where = array_grow(c->where, &c->cap_where, c->n + 1, sizeof(*c->where));
	c->row = array_grow(c->row, &c->cap_row, at + n, sizeof(*c->row));
	c->many = array_grow(c->many, &c->cap_many, at + n, sizeof(*c->many));
	for (uint32_t i = 0; i < n; i++) {
		if (i && rows[i] == rows[i - 1]) {
			c->many[at - 1] += 1;
			continue;
		}
		c->row[at] = rows[i];
		c->many[at++] = 1;
	}
	c->where[c->n++] = -1;
	c->start[c->n] = at;
}

void cover_demand(struct cover *c, uint32_t row, double demand)
{
	c->demand[row] = demand;
}

/* A row that need not be covered gets less than nothing: its surplus stays positive, its dual zero. */
static double demand_shifted(const struct cover *c, uint32_t row)
{
	return c->demand[row] > 0 ? c->demand[row] + c->shift[row] : -c->shift[row];
}

static void values_set(struct cover *c)
{
	uint32_t m = c->rows;

	memset(c->value, 0, m * sizeof(double));
	for (uint32_t i = 0; i < m; i++) {
		const double *column = c->inverse + (size_t)i * m, need = demand_shifted(c, i);

		for (uint32_t k = 0; k < m; k++)
			c->value[k] += need * column[k];
	}
}

static void duals_set(struct cover *c)
{
	uint32_t m = c->rows;

	for (uint32_t i = 0; i < m; i++) {
		const double *column = c->inverse + (size_t)i * m;
		double sum = 0;

		for (uint32_t k = 0; k < m; k++)
			if (c->basis[k] >= 0)
				sum += column[k];
		c->dual[i] = sum;
	}
}

/* Reduced cost of column j, or of the surplus of row -1 - j. */
static inline double reduced_cost(const struct cover *c, int32_t j)
{
	double d = 1;

	if (j < 0)
		return c->dual[-1 - j];
	for (size_t e = c->start[j]; e < c->start[j + 1]; e++)
		d -= c->many[e] * c->dual[c->row[e]];
	return d;
}

CLONES static void column_update(double *restrict column, const double *restrict alpha, uint32_t m, double by)
{
	for (uint32_t k = 0; k < m; k++)
		column[k] -= by * alpha[k];
}

static void alpha_set(struct cover *c, int32_t j)
{
	uint32_t m = c->rows;

	memset(c->alpha, 0, m * sizeof(double));
	if (j < 0) {
		for (uint32_t k = 0; k < m; k++)
			c->alpha[k] = -c->inverse[(size_t)(-1 - j) * m + k];
		return;
	}
	for (size_t e = c->start[j]; e < c->start[j + 1]; e++) {
		column_update(c->alpha, c->inverse + (size_t)c->row[e] * m, m, -c->many[e]);
	}
}

/* Position p leaves, j enters; alpha is set. d = reduced cost of j. */
static void pivot(struct cover *c, uint32_t p, int32_t j, double d)
{
	uint32_t m = c->rows, hits = 0;
	double a = c->alpha[p], step = c->value[p] / a;

	for (uint32_t k = 0; k < m; k++)
		if (fabs(c->alpha[k]) > 1e-13 && k != p)
			c->hit[hits++] = k;
	for (uint32_t i = 0; i < hits; i++)
		c->value[c->hit[i]] -= step * c->alpha[c->hit[i]];
	c->value[p] = step;
	for (uint32_t i = 0; i < m; i++) {
		double *column = c->inverse + (size_t)i * m, by = column[p] / a;

		if (fabs(by) < 1e-14) {
			column[p] = 0;
			continue;
		}
		if (hits > m / 4)
			column_update(column, c->alpha, m, by);
		else
			for (uint32_t h = 0; h < hits; h++)
				column[c->hit[h]] -= by * c->alpha[c->hit[h]];
		column[p] = by;
		c->dual[i] += d * by;
	}
	if (c->basis[p] >= 0)
		c->where[c->basis[p]] = -1;
	c->basis[p] = j;
	if (j >= 0)
		c->where[j] = (int32_t)p;
	c->pivots++;
}

static inline double positive(double x)
{
	return x > 0 ? x : 0;
}

/* Which position leaves: the largest pivot among the smallest ratios. false = none. */
static bool leaving_find(const struct cover *c, uint32_t *leaving)
{
	const double *alpha = c->alpha, *value = c->value;
	double most = INFINITY, best = 0;

	for (uint32_t k = 0; k < c->rows; k++)
		if (alpha[k] > PIVOT_EPSILON && positive(value[k]) + RATIO_EPSILON < most * alpha[k])
			most = (positive(value[k]) + RATIO_EPSILON) / alpha[k];
	for (uint32_t k = 0; k < c->rows; k++)
		if (alpha[k] > PIVOT_EPSILON && positive(value[k]) <= most * alpha[k] && alpha[k] > best) {
			best = alpha[k];
			*leaving = k;
		}
	return best > 0;
}

/* The columns of least reduced cost among all. */
static void picks_refresh(struct cover *c)
{
	double d[PICKS];

	c->n_pick = 0;
	for (uint32_t j = 0; j < c->n; j++) {
		double dj;
		uint32_t at;

		if (c->where[j] >= 0 || (dj = reduced_cost(c, (int32_t)j)) >= -COST_EPSILON ||
		    (c->n_pick == PICKS && dj >= d[PICKS - 1]))
			continue;
		at = c->n_pick < PICKS ? c->n_pick++ : PICKS - 1;
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
		if (c->where[c->pick[i]] < 0 && reduced_cost(c, (int32_t)c->pick[i]) < -COST_EPSILON)
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
		alpha_set(c, j);
		if (!leaving_find(c, &p))
			continue;
		gain = -reduced_cost(c, j) * fmax(0, c->value[p]) / c->alpha[p];
		if (gain > most) {
			most = gain;
			*entering = j;
			*leaving = p;
		}
	}
	return most >= 0;
}

/* Largest difference between what the basis covers and what it should. */
static double residual(struct cover *c)
{
	double worst = 0;

	for (uint32_t i = 0; i < c->rows; i++)
		c->line[i] = -demand_shifted(c, i);
	for (uint32_t k = 0; k < c->rows; k++) {
		int32_t j = c->basis[k];

		if (j < 0)
			c->line[-1 - j] -= c->value[k];
		else
			for (size_t e = c->start[j]; e < c->start[j + 1]; e++)
				c->line[c->row[e]] += c->many[e] * c->value[k];
	}
	for (uint32_t i = 0; i < c->rows; i++)
		worst = fmax(worst, fabs(c->line[i]));
	return worst;
}

/* The basis of the first `rows` columns. */
static void basis_reset(struct cover *c)
{
	memset(c->inverse, 0, (size_t)c->rows * c->rows * sizeof(double));
	for (uint32_t j = 0; j < c->n; j++)
		c->where[j] = j < c->rows ? (int32_t)j : -1;
	for (uint32_t i = 0; i < c->rows; i++) {
		c->basis[i] = (int32_t)i;
		c->inverse[(size_t)i * c->rows + i] = 1;
	}
}

/* Bring the basis' columns one after the other into the unit matrix; what no longer fits stays a unit column. */
static void inverse_refresh(struct cover *c)
{
	uint32_t m = c->rows;
	int32_t *old = mem_alloc(m, sizeof(*old));
	bool *taken = mem_alloc(m, sizeof(*taken));

	memcpy(old, c->basis, m * sizeof(*old));
	basis_reset(c);
	for (uint32_t i = 0; i < m; i++)
		if (old[i] >= 0 && (uint32_t)old[i] < m) /* a unit column is where it belongs */
			taken[old[i]] = true;
	for (uint32_t i = 0; i < m; i++) {
		uint32_t p = m;

		if (old[i] >= 0 && (uint32_t)old[i] < m)
			continue;
		alpha_set(c, old[i]);
		for (uint32_t k = 0; k < m; k++)
			if (!taken[k] && fabs(c->alpha[k]) > PIVOT_EPSILON && (p == m || fabs(c->alpha[k]) > fabs(c->alpha[p])))
				p = k;
		if (p == m)
			continue;
		taken[p] = true;
		pivot(c, p, old[i], 0);
	}
	free(old);
	free(taken);
	values_set(c);
	duals_set(c);
}

/* Now and then: is the user gone, are the numbers still good? false = stop. */
static bool checked(struct cover *c)
{
	if (c->pivots % PIVOTS_PER_CHECK)
		return true;
	if (c->stop && c->stop(c->stop_arg))
		return false;
	if (residual(c) > LOST)
		inverse_refresh(c);
	else
		duals_set(c);
	return true;
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
		if (a > -PIVOT_EPSILON || (j >= 0 && c->where[j] >= 0))
			continue;
		d = positive(reduced_cost(c, (int32_t)j));
		if (d / -a < least - RATIO_EPSILON || (d / -a < least + RATIO_EPSILON && -a > best)) {
			least = d / -a;
			best = -a;
			entering = (int32_t)j;
			enter_cost = reduced_cost(c, (int32_t)j);
		}
	}
	if (best <= 0)
		return false;
	alpha_set(c, entering);
	if (fabs(c->alpha[p]) < PIVOT_EPSILON)
		return false;
	pivot(c, p, entering, enter_cost);
	return true;
}

static bool dual_run(struct cover *c)
{
	for (uint32_t steps = 0; steps < 20 * c->rows; steps++) {
		uint32_t p = 0;

		for (uint32_t k = 1; k < c->rows; k++)
			if (c->value[k] < c->value[p])
				p = k;
		if (c->value[p] >= -RATIO_EPSILON)
			return true;
		if (!dual_step(c, p) || !checked(c))
			return false;
	}
	return false;
}

static bool primal_run(struct cover *c)
{
	uint32_t p = 0;
	int32_t j = 0;

	while (entering_find(c, &j, &p)) {
		alpha_set(c, j);
		c->value[p] = fmax(0, c->value[p]);
		pivot(c, p, j, reduced_cost(c, j));
		if (!checked(c))
			return false;
	}
	return true;
}

bool cover_solve(struct cover *c)
{
	bool solved;

	values_set(c);
	duals_set(c);
	c->n_pick = 0;
	if (!dual_run(c)) {
		if (c->stop && c->stop(c->stop_arg))
			return false;
		basis_reset(c);
		values_set(c);
		duals_set(c);
	}
	solved = primal_run(c);
	c->objective = 0;
	for (uint32_t i = 0; i < c->rows; i++) {
		c->dual[i] = fmax(0, c->dual[i]);
		c->objective += c->dual[i] * fmax(0, c->demand[i]);
	}
	return solved;
}

double cover_part(const struct cover *c, uint32_t column)
{
	return c->where[column] < 0 ? 0 : c->value[c->where[column]];
}
