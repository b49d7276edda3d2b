/* Seeded fleets with a planted packing, for tests and benchmarks: see planted.c. */
#ifndef TESTS_PLANNER_PLANTED_H
#define TESTS_PLANNER_PLANTED_H

#include "planner/instance/instance.h"

struct planted_shape {
	uint32_t services, nodes, slots, resources; /* nodes: how many there are; about 3/4 of them are planted full */
	uint32_t per_node;  /* services on a planted node */
	uint32_t spreads, conflicts; /* rules, drawn so that the planted packing holds them */
	double fill;        /* planted fullness of the tightest column */
	uint32_t kinds;     /* of nodes: kind k has 1 + k times the capacity and costs 10 + 9 k; 0 or 1 = all alike at cost 1 */
	bool limits;        /* finite slowdown limits (need a model) */
	uint64_t seed;
};

/* planted: [n_items], caller frees; NULL = not wanted. */
struct instance *planted_new(const struct planted_shape *shape, int32_t **planted);
struct instance *planted_finished(const struct planted_shape *shape, int32_t **planted); /* and instance_finish() */

/*
 * A model for such a fleet, and limits under it that the planted packing holds: services get one of `profiles` profiles, each with
 * a pressure on and a sensitivity to three resources; a profile's limit is what it would meet on a node 5 % worse than the planted
 * mean, at 90 %; a service that meets more where it is planted accepts just that. The caller frees the model.
 */
struct model;
struct model *planted_model(struct instance *in, const int32_t *planted, uint32_t profiles, uint64_t seed);

#endif
