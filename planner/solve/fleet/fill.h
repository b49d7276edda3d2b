/* Packs items onto unused nodes, one node after the other (slack.h). See fill.c. */
#ifndef PLANNER_SOLVE_FLEET_FILL_H
#define PLANNER_SOLVE_FLEET_FILL_H

#include "base/rng.h"
#include "planner/search.h"
#include "planner/solve/fleet/fine.h"

struct fill {
	const struct fine *f;
	uint32_t *order;        /* [n_nodes]: as they are worth opening, cost per useful capacity */
	uint8_t *ties;          /* [group]: ties.h */
	unsigned threads;
	uint64_t deadline_ns;   /* nothing more is placed then; UINT64_MAX = none */
	uint64_t steps;         /* effort per node: struct slack */
	uint64_t tests;         /* spent so far */
};

void fill_init(struct fill *x, const struct fine *f, unsigned threads, uint64_t steps); /* no deadline */
void fill_fini(struct fill *x);
/* What rules and limits leave over goes wherever it fits. Returns how many found no place; they stand first in items. */
uint32_t fill_place(struct fill *x, struct state *st, uint32_t *items, uint32_t n, struct rng *rng);

/* May everything be packed anew? Nothing is held on old nodes, moves are free, and nodes are all that is paid for. */
bool fill_may_repack(const struct instance *in);

#endif
