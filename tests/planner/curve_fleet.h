/*
 * Small fleets with curves, planted packings and rules of all kinds, for the tests of planner/solve/curve: 1 to 288 slots, one and two
 * paid resources, hinges, exponentials and the other terms.
 */
#ifndef TESTS_PLANNER_CURVE_FLEET_H
#define TESTS_PLANNER_CURVE_FLEET_H

#include "planner/instance/instance.h"
#include "planner/solve/curve/curve.h"

#define CURVE_FLEET_NODES 12
#define CURVE_FLEET_SERVICES 60
#define N_CURVE_SHAPES 10

struct curve_shape { uint32_t slots; const struct term *terms; uint32_t n_terms; };

extern const struct curve_shape curve_shapes[N_CURVE_SHAPES];

/* Half of the items stand where they are planted, the others nowhere. free(*planted) */
struct instance *curve_fleet_new(const struct curve_shape *shape, uint64_t seed, int32_t **planted);

/* The placement keeps all rules, as verify sees it; its cost is the objective's, from scratch, and no coarse cost is above the exact one. */
void assert_curve_holds(const struct instance *in, const struct model *model, const struct curve *c);
void assert_curve_costs(const struct instance *in, const struct model *model, struct curve *c);

#endif
