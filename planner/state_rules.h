/*
 * The rules' part of a placement under construction (state.h): counts per rule that put and take keep up to date, so that
 * asking whether a node obeys costs O(rules of the group), and judging the whole placement O(rules).
 *
 * Rules of whole placements (near, min_distinct) are steered while building: a replica is refused where the replicas still
 * to come could no longer reach what is missing. With "orphans" = values (zones, nodes, ...) that hold a but no b of a near rule:
 *   a may open an orphan only while more replicas of b are still unplaced than there are orphans;
 *   b goes to an orphan when the replicas of b still unplaced are no more than the orphans.
 */
#ifndef PLANNER_STATE_RULES_H
#define PLANNER_STATE_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "planner/instance/instance.h"

struct state;

struct rule_index { uint32_t *first, *list; };  /* rules that mention group g: list[first[g] .. first[g + 1]) */

struct state_rules {
	struct rule_index caps, spreads, nears, members; /* members: a group's services */
	uint32_t **spread_count;   /* [spread][value]: replicas of its group there; NULL for label node */
	uint32_t *spread_distinct; /* [spread]: values (nodes) that hold the group; kept where min_distinct asks */
	uint32_t **near_count;     /* [near][2 * value + (0: a, 1: b)]; NULL for label node */
	uint32_t *near_orphans;    /* [near] */
	uint32_t *group_size, *group_placed; /* replicas */
};

void state_rules_init(struct state_rules *r, const struct instance *in);
void state_rules_fini(struct state_rules *r, const struct instance *in);
/* Before the item is on the node's list (sign 1), or after it left it (sign -1). */
void state_rules_count(struct state *st, uint32_t group, uint32_t node, int sign);
/* Nobody placed lacks what a near rule wants beside it. */
bool state_near_ok(const struct state *st);
/* Does the item stand on a value that lacks what a near rule wants beside it? */
bool state_is_orphan(const struct state *st, uint32_t item);

#endif
