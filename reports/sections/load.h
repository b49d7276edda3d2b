/*
 * Load of every node under a placement, and the numbers that several sections take from it.
 */
#ifndef REPORTS_SECTIONS_LOAD_H
#define REPORTS_SECTIONS_LOAD_H

#include "reports/input.h"

struct load {
	const struct instance *in;
	const int32_t *item_node;  /* borrowed */
	int64_t *v;                /* [node * n_columns + column] */
	uint32_t *items;           /* replicas on each node */
	uint32_t used;             /* nodes with at least one */
	uint32_t placed;
};

struct load *load_new(const struct instance *in, const int32_t *item_node);
void load_free(struct load *l);

/* Load over capacity at the busiest slot; *slot may be NULL. NAN where there is no capacity and no load. */
double load_peak(const struct load *l, uint32_t node, uint32_t resource, uint32_t *slot);

/* All nodes in use together, at the busiest slot. */
double load_fill(const struct load *l, uint32_t resource);

#endif
