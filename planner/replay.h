/*
 * A placement against other time series than those it was planned from: which capacities would have broken, for how long, by how
 * much, and how full the nodes would have been. The policies are what one would have planned from the same history by other means.
 */
#ifndef PLANNER_REPLAY_H
#define PLANNER_REPLAY_H

#include "planner/instance/instance.h"

/* Demand per service and column of a series, matched to an instance by the ids of services and resources. */
struct series {
	uint32_t n_slots;
	int64_t *demand;     /* [(service * n_resources + resource) * n_slots + slot], in the instance's order */
	uint32_t n_missing;  /* services of the instance that the series lacks: taken as planned */
};

/* A node's worst moment: the largest load / capacity of any resource and slot. A load without capacity is infinitely bad. */
struct replay_moment { int32_t node; uint32_t resource, slot; int64_t load, capacity; };

struct replay {
	uint32_t nodes_used, n_unplaced;
	double cost;
	uint64_t node_slots, broken_node_slots; /* node x slot, any resource */
	uint32_t broken_nodes;
	uint32_t longest_slots;     /* most slots in a row that one node was over in some resource */
	double *mean_ratio;         /* [resource]: load / capacity over nodes in use and slots */
	double *peak_ratio;         /* [resource]: all load / all capacity of the nodes in use, at the busiest slot */
	double *excess_ratio;       /* [resource]: load above nodes' capacity / all load */
	struct replay_moment *worst; /* [nodes_used]: worst first; ties by node */
};

int series_make(struct series *s, const struct instance *in, const struct instance *recorded, struct err *e);
void series_fini(struct series *s);
int64_t series_at(const struct series *s, const struct instance *in, uint32_t service, uint32_t resource, uint32_t slot);
/* The instance's column that a slot of the series was planned by: slots map in proportion. */
uint32_t series_column(const struct series *s, const struct resource *r, uint32_t slot);

void replay_run(struct replay *out, const struct instance *in, const struct series *s, const int32_t *item_node);
void replay_fini(struct replay *r);
/* a / b, where a load without capacity is worse than any other. */
double replay_moment_ratio(const struct replay_moment *m);

/* Replace an instance's demands: by the q-quantile over its own slots (1 = peak), or by the series itself. */
void replay_flatten(struct instance *in, double q);
void replay_foresee(struct instance *in, const struct series *s);

#endif
