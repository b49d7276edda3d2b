/*
 * A covering program and its duals: min sum x_j, A x >= demand, x >= 0, A integer, sparse, many more columns than rows, and
 * columns keep coming. Revised simplex with an explicit inverse: with a few hundred rows and columns of a few entries one
 * pivot is a rank-one update, ten times cheaper here than a general sparse code with its restarts at every new column.
 * New columns: primal steps. New demands: dual steps. Demands are shifted by tiny random amounts, since with all demands at
 * one nearly every vertex is degenerate and the primal would stall (Charnes 1952); the objective is told for the true demands.
 * Nothing here is a proof: whoever needs one rounds the duals and checks them (columns.h).
 */
#ifndef PLANNER_SOLVE_FEWEST_COVER_H
#define PLANNER_SOLVE_FEWEST_COVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rng.h"

#define COVER_PICKS 8          /* columns looked at again before all are */
#define COVER_AREA_PER_ITERATION 10000 /* numbers of the inverse that pivots change in one iteration of a budget, some microseconds */

struct cover {
	uint32_t rows, n;        /* column j < rows covers row j once */
	size_t *start;           /* [n + 1] column j: entries start[j] .. start[j + 1) */
	uint32_t *row;
	double *many;
	double *demand, *shift;  /* [row] as asked; what is added to it */
	/* the answer: */
	double *dual, objective;
	/* inside: */
	int32_t *basis, *where;  /* [position] column, or -1 - row for its surplus; [column] position or -1 */
	double *value;           /* [position] */
	double *inverse;         /* [row * rows + position] */
	double *alpha, *line;    /* a column, a line of the inverse times something */
	uint32_t *hit, *pick;    /* positions where alpha is not 0; columns that may enter */
	uint32_t n_pick;
	size_t cap_start, cap_row, cap_many, cap_where;
	uint64_t pivots;
	bool (*stop)(void *arg); /* asked now and then; may be NULL */
	void *stop_arg;
};

struct cover *cover_new(uint32_t rows, const double *demand, uint64_t seed);
void cover_free(struct cover *c);
/* A column with the given rows, ascending, repeated as often as it covers them. */
void cover_add(struct cover *c, const uint32_t *rows, uint32_t n);
/* Zero or less = need not be covered. Takes effect at the next cover_solve(). */
void cover_demand(struct cover *c, uint32_t row, double demand);
/* false = stopped, or numerically lost; then duals and objective mean nothing. */
bool cover_solve(struct cover *c);
/* x_j of the last solve. */
double cover_part(const struct cover *c, uint32_t column);

/* The basis with its inverse, to come back to. Columns may have been added since, not removed. */
struct cover_basis;
struct cover_basis *cover_save(const struct cover *c);
void cover_load(struct cover *c, const struct cover_basis *b);  /* then cover_solve(); not after a cover_trim() */
void cover_basis_free(struct cover_basis *b);
/* Of the columns from `first` (at least rows) on that are outside the basis, forget all but the `keep` cheapest by reduced cost. */
void cover_trim(struct cover *c, uint32_t first, uint32_t keep);

#endif
