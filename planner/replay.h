/*
 * A placement against other time series than those it was planned from: which capacities would have broken, how full the nodes
 * would have been. The policies are what one would have planned from the same history by other means.
 */
#ifndef PLANNER_REPLAY_H
#define PLANNER_REPLAY_H

#include "planner/instance.h"

/* Demand per service and column of a series, matched to an instance by the ids of services and resources. */
struct series {
	uint32_t n_slots;
	int64_t *demand;     /* [(service * n_resources + resource) * n_slots + slot], in the instance's order */
	uint32_t n_missing;  /* services of the instance that the series lacks: taken as planned */
};

struct replay {
	uint32_t nodes_used, n_unplaced;
	double cost;
	uint64_t node_slots, broken_node_slots; /* node x slot, any resource */
	uint32_t broken_nodes;
	double worst_ratio;         /* largest load / capacity */
	int32_t worst_node;
	uint32_t worst_resource, worst_slot;
	double *mean_ratio;         /* [resource]: load / capacity over nodes in use and slots; caller frees */
};

int series_make(struct series *s, const struct instance *in, const struct instance *recorded, struct err *e);
void series_fini(struct series *s);
void replay_run(struct replay *out, const struct instance *in, const struct series *s, const int32_t *item_node);

/* Replace an instance's demands: by the q-quantile over its own slots (1 = peak), or by the series itself. */
void replay_flatten(struct instance *in, double q);
void replay_foresee(struct instance *in, const struct series *s);

#endif
