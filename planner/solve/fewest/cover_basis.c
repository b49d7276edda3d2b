/* The inverse of a covering program's basis and what follows from it. */
#include "planner/solve/fewest/cover_basis.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define LOST 1e-5              /* residual beyond which the inverse is computed afresh */
#define NOTHING 1e-13          /* smaller numbers in a column are rounding */
#define CLONES __attribute__((target_clones("avx2", "default")))

/* A row that need not be covered gets less than nothing: its surplus stays positive, its dual zero. */
static double demand_shifted(const struct cover *c, uint32_t row)
{
	return c->demand[row] > 0 ? c->demand[row] + c->shift[row] : -c->shift[row];
}

void cover_values(struct cover *c)
{
	uint32_t m = c->rows;

	memset(c->value, 0, m * sizeof(double));
	for (uint32_t i = 0; i < m; i++) {
		const double *column = c->inverse + (size_t)i * m, need = demand_shifted(c, i);

		for (uint32_t k = 0; k < m; k++)
			c->value[k] += need * column[k];
	}
}

void cover_duals(struct cover *c)
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

CLONES static void column_update(double *restrict column, const double *restrict alpha, uint32_t m, double by)
{
	for (uint32_t k = 0; k < m; k++)
		column[k] -= by * alpha[k];
}

void cover_alpha(struct cover *c, int32_t j)
{
	uint32_t m = c->rows;

	memset(c->alpha, 0, m * sizeof(double));
	if (j < 0) {
		for (uint32_t k = 0; k < m; k++)
			c->alpha[k] = -c->inverse[(size_t)(-1 - j) * m + k];
		return;
	}
	for (size_t e = c->start[j]; e < c->start[j + 1]; e++)
		column_update(c->alpha, c->inverse + (size_t)c->row[e] * m, m, -c->many[e]);
}

/* Position p leaves, j enters; alpha is set. d = reduced cost of j. */
void cover_pivot(struct cover *c, uint32_t p, int32_t j, double d)
{
	uint32_t m = c->rows, hits = 0;
	double a = c->alpha[p], step = c->value[p] / a;

	for (uint32_t k = 0; k < m; k++)
		if (fabs(c->alpha[k]) > NOTHING && k != p)
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
void cover_reset(struct cover *c)
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
void cover_refresh(struct cover *c)
{
	uint32_t m = c->rows;
	int32_t *old = mem_alloc(m, sizeof(*old));
	bool *taken = mem_alloc(m, sizeof(*taken));

	memcpy(old, c->basis, m * sizeof(*old));
	cover_reset(c);
	for (uint32_t i = 0; i < m; i++)
		if (old[i] >= 0 && (uint32_t)old[i] < m) /* a unit column is where it belongs */
			taken[old[i]] = true;
	for (uint32_t i = 0; i < m; i++) {
		uint32_t p = m;

		if (old[i] >= 0 && (uint32_t)old[i] < m)
			continue;
		cover_alpha(c, old[i]);
		for (uint32_t k = 0; k < m; k++)
			if (!taken[k] && fabs(c->alpha[k]) > COVER_PIVOT_EPSILON && (p == m || fabs(c->alpha[k]) > fabs(c->alpha[p])))
				p = k;
		if (p == m)
			continue;
		taken[p] = true;
		cover_pivot(c, p, old[i], 0);
	}
	free(old);
	free(taken);
	cover_values(c);
	cover_duals(c);
}

/* Now and then: is the user gone, are the numbers still good? false = stop. */
bool cover_checked(struct cover *c)
{
	if (c->pivots % COVER_PIVOTS_PER_CHECK)
		return true;
	if (c->stop && c->stop(c->stop_arg))
		return false;
	if (residual(c) > LOST)
		cover_refresh(c);
	else
		cover_duals(c);
	return true;
}
