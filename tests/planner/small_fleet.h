/*
 * A fleet small enough for slow twins: two resources, one service per item; the second resource is transient where it is
 * scalar; one label of three values; group 0 at most once per node, where group 1 runs at most one of group 2.
 */
#ifndef TESTS_PLANNER_SMALL_FLEET_H
#define TESTS_PLANNER_SMALL_FLEET_H

#include "base/rng.h"
#include "planner/instance/instance.h"

#define SMALL_FLEET_NODES 6
#define SMALL_FLEET_ITEMS 30
#define SMALL_FLEET_GROUPS 10

struct instance *small_fleet_new(struct rng *r, uint32_t slots, const struct term *terms, uint32_t n_terms);

/* Judged from scratch; what is transient counts where it is and where it was. */
bool small_fleet_capacity_holds(const struct instance *in, const int32_t *item_node);
bool small_fleet_caps_hold(const struct instance *in, const int32_t *item_node);

#endif
