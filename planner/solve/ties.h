/* How far the rules of a group reach: solvers that work on disjoint sets of nodes side by side must keep such groups apart. */
#ifndef PLANNER_SOLVE_TIES_H
#define PLANNER_SOLVE_TIES_H

#include "planner/instance/instance.h"

enum { TIES_NONE, TIES_ACROSS, TIES_WHOLE }; /* rules within a node only; over several nodes; hold only once all is placed (near, min_distinct) */

uint8_t *ties_new(const struct instance *in); /* [group]; free() */

#endif
