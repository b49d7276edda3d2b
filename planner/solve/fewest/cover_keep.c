/* What a covering program remembers and forgets: bases to come back to, columns that are too dear. */
#include "planner/solve/fewest/cover_basis.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/sort.h"

struct cover_basis { int32_t *basis; double *inverse; };

struct cover_basis *cover_save(const struct cover *c)
{
	struct cover_basis *b = mem_alloc(1, sizeof(*b));
	size_t m = c->rows;

	b->basis = mem_alloc(m, sizeof(int32_t));
	b->inverse = mem_alloc(m * m, sizeof(double));
	memcpy(b->basis, c->basis, m * sizeof(int32_t));
	memcpy(b->inverse, c->inverse, m * m * sizeof(double));
	return b;
}

void cover_load(struct cover *c, const struct cover_basis *b)
{
	size_t m = c->rows;

	memcpy(c->basis, b->basis, m * sizeof(int32_t));
	memcpy(c->inverse, b->inverse, m * m * sizeof(double));
	memset(c->where, 0xff, c->n * sizeof(*c->where));
	for (uint32_t k = 0; k < m; k++)
		if (c->basis[k] >= 0)
			c->where[c->basis[k]] = (int32_t)k;
}

void cover_basis_free(struct cover_basis *b)
{
	if (!b)
		return;
	free(b->basis);
	free(b->inverse);
	free(b);
}

/* The reduced cost of the keep-th cheapest column outside the basis. */
static double cost_limit(const struct cover *c, uint32_t first, uint32_t keep)
{
	double *d = mem_alloc(c->n, sizeof(*d)), limit;
	uint32_t n = 0;

	for (uint32_t j = first; j < c->n; j++)
		if (c->where[j] < 0)
			d[n++] = cover_cost(c, (int32_t)j);
	qsort(d, n, sizeof(*d), sort_doubles);
	limit = n ? d[keep < n ? keep : n - 1] : 0;
	free(d);
	return limit;
}

void cover_trim(struct cover *c, uint32_t first, uint32_t keep)
{
	double limit = cost_limit(c, first, keep);
	uint32_t to = first;
	size_t at = c->start[first];

	for (uint32_t j = first; j < c->n; j++) {
		size_t from = c->start[j], n = c->start[j + 1] - from;

		if (c->where[j] < 0 && cover_cost(c, (int32_t)j) > limit)
			continue;
		memmove(c->row + at, c->row + from, n * sizeof(*c->row));
		memmove(c->many + at, c->many + from, n * sizeof(*c->many));
		c->start[to] = at;
		c->where[to] = c->where[j];
		if (c->where[to] >= 0)
			c->basis[c->where[to]] = (int32_t)to;
		at += n;
		to++;
	}
	c->n = to;
	c->start[to] = at;
	c->n_pick = 0;
}
