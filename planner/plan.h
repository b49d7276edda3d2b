/*
 * A plan: which replica goes to which node, what that costs, how far from proven best it is, and why.
 * The contract between planner and reports. JSON form: docs/plan.md.
 */
#ifndef PLANNER_PLAN_H
#define PLANNER_PLAN_H

#include <stdint.h>

#include "base/err.h"
#include "planner/instance/instance.h"

struct plan_move { uint32_t item; int32_t from, to; uint32_t step; bool detour; };
struct plan_reason { uint32_t subject; char *text; };   /* in words, with numbers */

struct plan {
	const struct instance *instance;  /* borrowed */
	int32_t *item_node;          /* [n_items], NO_NODE = could not be placed */
	uint32_t n_unplaced, nodes_used;
	double cost;                 /* objective value: nodes' cost, or the sum of the instance's terms; NAN = not told */
	double lower_bound;          /* proven; NAN when none was found */
	char *bound_name;            /* who proved it */
	double gap_ratio;            /* (cost - lower_bound) / lower_bound */
	char *solver;                /* who found the placement */
	uint64_t seed, iterations, solve_time_ns;
	uint64_t first_plan_ns;      /* from the start of solving to the first placement of everything; 0 = there was none */
	double *item_slowdown;       /* [n_items] predicted upper edge, NAN = not predicted; NULL without a model */
	uint32_t n_moves;
	struct plan_move *moves;     /* ordered so that no capacity breaks on the way */
	uint32_t n_unordered;        /* moves for which no safe order was found */
	uint32_t n_reasons;
	struct plan_reason *reasons; /* what binds, what was repaired, what has no place, shadow prices */
	char **item_why;             /* [n_items]: why this node, what kept it off the others; NULL unless asked for */
	char **node_why;             /* [n_nodes]: what binds there, or why it is not used; likewise */
};

struct plan *plan_new(const struct instance *in);
struct plan *plan_read(const struct instance *in, const char *path, struct err *e);
int plan_write(const struct plan *p, const char *path, struct err *e);
void plan_count(struct plan *p); /* nodes_used and n_unplaced from item_node */
/* Adds a reason in words. subject: what it is about (service, node, resource), as the caller likes. */
void plan_say(struct plan *p, uint32_t subject, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void plan_free(struct plan *p);

#endif
