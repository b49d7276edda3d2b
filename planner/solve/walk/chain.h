/*
 * Ejection chains over a placement: items wait in a pool; one of them goes where there is room, or takes the place of a smaller one,
 * which then waits itself. Everything can be rolled back. Under all rules, slowdown limits and the move budget; nodes are drawn
 * at random, so that a step costs the same in a fleet of any size.
 */
#ifndef PLANNER_SOLVE_WALK_CHAIN_H
#define PLANNER_SOLVE_WALK_CHAIN_H

#include <stddef.h>

#include "base/rng.h"
#include "planner/search.h"
#include "planner/state.h"

struct chain_undo { uint32_t item; int32_t node; };

struct chain {
	struct search *s;
	const struct instance *in;
	struct state *st;
	struct rng rng;
	double *size;            /* [service]: sum over resources of mean demand / mean capacity */
	uint32_t *used, n_used;  /* nodes in use, as chain_list_used() found them */
	uint32_t *pool, n_pool;
	size_t cap_pool, cap_undo;
	struct chain_undo *undo;
	size_t n_undo;
	uint32_t n_missing;      /* replicas without a place, outside the pool */
	uint64_t tests;
	int64_t moves;           /* running replicas that stand elsewhere */
	bool whole;              /* min_distinct or near rules: judged when nothing is missing */
};

void chain_init(struct chain *m, struct search *s);  /* nothing placed */
void chain_fini(struct chain *m);
void chain_load(struct chain *m, const int32_t *item_node);
void chain_list_used(struct chain *m);

void chain_put(struct chain *m, uint32_t item, uint32_t node);  /* and take: can be undone */
void chain_take(struct chain *m, uint32_t item);
void chain_begin(struct chain *m);                   /* forget what could be undone, and the pool */
void chain_roll_back(struct chain *m, size_t mark);  /* to n_undo == mark */
void chain_pool(struct chain *m, uint32_t item);

/* Would the node have room with `in` in place of `out` (services)? Columns only. */
bool chain_room(const struct chain *m, uint32_t node, uint32_t in, uint32_t out);
bool chain_ok(const struct chain *m);                /* move budget; rules over whole placements */
/* Everything in the pool finds a place outside the victim by at most `steps` insertions. On false the caller rolls back. */
bool chain_place_pool(struct chain *m, uint32_t victim, uint32_t steps);

#endif
