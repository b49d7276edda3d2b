/*
 * Column generation: the linear relaxation over all bins that can be filled, min sum x_b, every type covered. Its value
 * rounded up is nearly always the optimum (Gilmore & Gomory 1961; Heßler, Gschwind & Irnich, EJOR 2018, for vectors).
 *
 * Master in cover.c, pricing in price.c, duals smoothed towards the best ones (Wentges 1997). Bounds are proven in integers:
 * duals rounded to integers y, Z an upper bound on any bin's value: ceil(sum count*y / Z) bins are needed (Farley 1990), no
 * matter what floating point did before. So an interrupted run still leaves a valid bound.
 */
#ifndef PLANNER_SOLVE_FEWEST_COLUMNS_H
#define PLANNER_SOLVE_FEWEST_COLUMNS_H

#include "planner/solve/fewest/cover.h"
#include "planner/solve/fewest/price.h"
#include "planner/solve/fewest/race.h"

struct columns {
	const struct pack *p;
	struct race *race;
	struct price *price;
	struct rng rng;
	struct cover *lp;
	uint32_t width, kept;     /* columns below `kept` are never trimmed */
	uint32_t listed;          /* a packing into so many bins has no bins but those that are columns already; 0 = unknown */
	uint32_t *rest;           /* [type] still to cover (all, or what a dive has left) */
	double *dual, *center;    /* dual is the master's */
	int64_t *value;
	double objective, center_bound;
	double root_share;        /* of the budget left, for columns_root(); 1 at first */
	bool charged;             /* pricing and pivots are charged to the budget of iterations too, not rounds only */
};

void columns_init(struct columns *c, struct race *r, uint64_t seed);
void columns_fini(struct columns *c);
void columns_add(struct columns *c, const uint32_t *types, uint32_t n);
void columns_add_packing(struct columns *c, const int32_t *bin_of, uint32_t bins);
/* Solve the master over the columns there are: objective and dual. false = time is up. */
bool columns_solve(struct columns *c);
/* Generate columns for the present duals by quick pricing; -> how many. */
uint32_t columns_quick(struct columns *c, const double *dual, uint32_t breadth);
/* The whole relaxation at the root; proves bounds to the race. true = solved, as good as, or as far as root_share allows. */
bool columns_root(struct columns *c);

#endif
