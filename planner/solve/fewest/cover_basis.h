/*
 * Inside of cover.h: the inverse of the basis. Columns are named by their number, the surplus of row i by -1 - i; its column
 * is minus the unit column and costs nothing.
 */
#ifndef PLANNER_SOLVE_FEWEST_COVER_BASIS_H
#define PLANNER_SOLVE_FEWEST_COVER_BASIS_H

#include "planner/solve/fewest/cover.h"

#define COVER_PIVOT_EPSILON 1e-7     /* smallest number to divide by */
#define COVER_RATIO_EPSILON 1e-9     /* how far a value may go below zero for the sake of a larger pivot */
#define COVER_PIVOTS_PER_CHECK 64

void cover_values(struct cover *c);             /* value from inverse and demand */
void cover_duals(struct cover *c);              /* dual from inverse */
void cover_alpha(struct cover *c, int32_t j);   /* alpha = inverse * column j */
void cover_pivot(struct cover *c, uint32_t p, int32_t j, double d); /* position p leaves, j enters; alpha is set, d = cost of j */
void cover_reset(struct cover *c);              /* the basis of the first `rows` columns */
void cover_refresh(struct cover *c);            /* inverse, values and duals afresh */
bool cover_checked(struct cover *c);            /* now and then: numbers still good? false = stop was asked for */

bool cover_primal(struct cover *c);             /* from a feasible basis to the best; false = stopped */
bool cover_dual(struct cover *c);               /* to a feasible basis; false = stopped, or lost */

/* Reduced cost of column j, or of the surplus of row -1 - j. */
static inline double cover_cost(const struct cover *c, int32_t j)
{
	double d = 1;

	if (j < 0)
		return c->dual[-1 - j];
	for (size_t e = c->start[j]; e < c->start[j + 1]; e++)
		d -= c->many[e] * c->dual[c->row[e]];
	return d;
}

static inline double cover_positive(double x)
{
	return x > 0 ? x : 0;
}

#endif
