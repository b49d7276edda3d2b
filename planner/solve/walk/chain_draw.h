/*
 * Random chains of relocations for a search to judge. Which items: large ones more often than small ones, as many small items
 * move freely while few large ones decide the cost. Which chains: a table of kinds in the .c file.
 */
#ifndef PLANNER_SOLVE_WALK_CHAIN_DRAW_H
#define PLANNER_SOLVE_WALK_CHAIN_DRAW_H

#include "base/rng.h"
#include "planner/solve/walk/place.h"

struct chain_draw {
	const struct place *p; /* borrowed */
	struct rng *rng;       /* borrowed */
	uint32_t *urn, n_urn;  /* items, each as often as its size asks for */
};

void chain_draw_init(struct chain_draw *d, const struct place *p, struct rng *rng);
void chain_draw_fini(struct chain_draw *d);
uint32_t chain_draw_item(struct chain_draw *d);
/* False: this draw made no proper chain (items on the same node and so on); draw again. */
bool chain_draw(struct chain_draw *d, struct chain *c);

#endif
