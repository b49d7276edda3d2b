/* Columns, demands and the order of steps of a covering program: see cover.h. Letters: d = reduced cost, alpha = inverse * entering column. */
#include "planner/solve/fewest/cover_basis.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define SHIFT 1e-5             /* of demands */

struct cover *cover_new(uint32_t rows, const double *demand, uint64_t seed)
{
	struct cover *c = mem_alloc(1, sizeof(*c));
	uint32_t *row = mem_alloc(rows, sizeof(*row));
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
	c->pick = mem_alloc(COVER_PICKS, sizeof(uint32_t));
	c->start = array_grow(c->start, &c->cap_start, 1, sizeof(*c->start));
	c->start[0] = 0;
	memcpy(c->demand, demand, rows * sizeof(double));
	for (uint32_t i = 0; i < rows; i++) {
		c->shift[i] = SHIFT * (0.5 + rng_unit(&rng));
		row[i] = i;
		cover_add(c, row + i, 1);
	}
	free(row);
	cover_reset(c);
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

bool cover_solve(struct cover *c)
{
	bool solved;

	cover_values(c);
	cover_duals(c);
	c->n_pick = 0;
	if (!cover_dual(c)) {
		if (c->stop && c->stop(c->stop_arg))
			return false;
		cover_reset(c);
		cover_values(c);
		cover_duals(c);
	}
	solved = cover_primal(c);
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
