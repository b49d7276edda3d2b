/* Numbers in the order of their keys, the largest key first; ties by number, so that the order is one and the same everywhere. */
#ifndef PLANNER_SOLVE_ORDER_H
#define PLANNER_SOLVE_ORDER_H

#include <stdint.h>

void order_by_key(uint32_t *v, uint32_t n, const double *key); /* key[v[i]] */

#endif
