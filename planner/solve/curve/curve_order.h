/* Items in the order of their size, for whoever places or draws them. */
#ifndef PLANNER_SOLVE_CURVE_CURVE_ORDER_H
#define PLANNER_SOLVE_CURVE_CURVE_ORDER_H

#include "planner/solve/curve/curve.h"

struct curve_order { double size; uint32_t rank, item; };

void curve_order_sort(struct curve_order *v, uint32_t n); /* lower ranks first, then the larger, then by number */
/* [service]; free(). Largest share that it needs of the largest node, in any column. */
double *curve_order_peaks(const struct instance *in);
/* [service]; free(). What it needs of the resources that are paid for, mean over the day; peaks where none is. */
double *curve_order_means(const struct curve *c);

#endif
