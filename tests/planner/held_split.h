/*
 * Held-out errors by what ran beside the victim: pairs, groups of three, of four and more, and synthetic pressure apart, each against
 * single runs and against the mean of each setup's repeats (less of the truth's own noise, each setup once).
 */
#ifndef TESTS_PLANNER_HELD_SPLIT_H
#define TESTS_PLANNER_HELD_SPLIT_H

#include "planner/model/model.h"

void held_split_show(const struct model *m);

#endif
