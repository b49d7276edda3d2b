/*
 * All services on fewer nodes than they fit, for a moment: see squeeze.c. Here is what its regions share.
 *
 * Pain of a node: over the blocks (blocks.h), the squared shares of a mean node by which the block's fullest column exceeds
 * capacity. A block stands for its columns as they are now: their least room, from which a candidate's mean is taken. The integer
 * columns of struct state say whether a node is over.
 */
#ifndef PLANNER_SOLVE_FLEET_SQUEEZE_H
#define PLANNER_SOLVE_FLEET_SQUEEZE_H

#include "base/rng.h"
#include "planner/search.h"
#include "planner/solve/fleet/fill.h"
#include "planner/solve/fleet/kin.h"

#define SQUEEZE_FROZEN UINT16_MAX

struct squeeze;

struct squeeze_side { uint32_t *item, n; float *rows; };

/* Nodes that exchange with each other only: regions are worked on side by side. */
struct squeeze_region {
	struct squeeze *m;
	struct search *s;
	struct rng rng;
	uint32_t *nodes, n_nodes, *over, n_over;
	uint16_t index;
	struct squeeze_side a, b;
	float *scratch;
	uint64_t tests, budget;
};

struct squeeze {
	const struct instance *in;
	struct state *st;
	struct blocks *k;
	struct kin *kin;
	struct fine *f;
	float *fine;             /* [node * f->width + column]: room */
	float margin;            /* share of capacity that pain begins before it is used up */
	float *room, *pain;      /* [node * stride + b], [node] */
	bool *over, *listed;     /* [node]; listed: waits in its region's list (what is over no longer leaves it when its turn comes) */
	uint8_t *stuck;          /* [node]: visits since anything helped */
	uint16_t *item_region;   /* [item]: where it may move in this deal; SQUEEZE_FROZEN = nowhere, as its group stands in several regions */
	uint16_t *region_of;     /* [node] */
	struct fill fill;        /* for what is taken off; groups of TIES_WHOLE stay put */
	struct squeeze_region *regions;
	uint32_t n_regions;
	struct rng rng;
};

void squeeze_measure(struct squeeze *m, uint32_t node); /* room, pain and over from the node's load */
/* Dissolve the n worst filled nodes onto the others. False when an item found no node that rules and limits allow. */
bool squeeze_dissolve(struct squeeze *m, uint32_t n);
/* What is over is taken off until nothing is, and packed onto unused nodes. False when something found no place. */
bool squeeze_relieve(struct squeeze *m);
/* All regions, until nothing is over or each has had its visits. */
void squeeze_work(struct squeeze *m, unsigned threads);
void squeeze_region_init(struct squeeze_region *g, struct squeeze *m, struct search *s, uint16_t index);
void squeeze_region_fini(struct squeeze_region *g);

#endif
