/*
 * Everything but capacity that decides where a replica may stand: pins, "at most k of b where a runs", spread over labels,
 * dependencies (near), slowdown limits against the interference model. Kept up to date by struct curve's puts and moves.
 *
 * Regions and threads: caps and limits concern one node. Rules over label values concern many, so groups tied together by such rules
 * form a cluster, and a cluster is changed by one region at a time (cluster_owner); the others may move its replicas
 * only between nodes of the same label values. Clusters start without an owner: anybody may change them.
 */
#ifndef PLANNER_SOLVE_CURVE_CURVE_RULES_H
#define PLANNER_SOLVE_CURVE_CURVE_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "planner/instance/instance.h"
#include "planner/predict.h"
#include "planner/solve/curve/curve.h"

#define CURVE_ANY UINT32_MAX /* owner: whoever; region: the only one at work; cluster: none */
#define CURVE_SIGN_WORDS 16

/* Replicas of a group by value of a label, and what is asked of them. */
struct curve_tally {
	uint32_t label, min_distinct, max_per_value; /* 0 = no such bound */
	uint32_t *count, distinct, placed, size;     /* [value] */
};

struct curve_near { uint32_t a, b; }; /* tallies: a value that holds a's group holds one of b's */

struct curve_cap { uint32_t other, k; };

struct curve_index { uint32_t *start, *v; }; /* per group: v[start[g] .. start[g + 1]) */

struct curve_rules {
	const struct instance *in;
	const struct model *model;
	uint32_t *item_group;
	uint64_t *sign;            /* [node * CURVE_SIGN_WORDS]: bits of the groups it may hold, so that "none" is told without looking */
	uint8_t *stale;            /* [node]: departures since its bits were last made anew: till then they say too much, never too little */
	uint64_t *tied;            /* [group * CURVE_SIGN_WORDS]: bits of the groups that a cap ties to it: where the node has none, none binds */
	uint32_t *self_cap;        /* [group] */
	struct curve_cap *caps;    /* "where g at most k of other", then "where other at most k of g" */
	uint32_t *caps_start;      /* [2 * group]: the former of g start at [2 * g], the latter at [2 * g + 1] */
	struct curve_tally *tallies;
	struct curve_near *nears;
	struct curve_index tallies_of, nears_of;
	uint32_t n_tallies, n_clusters;
	uint32_t *cluster;         /* [group], CURVE_ANY = none */
	uint32_t *cluster_owner;   /* [cluster]: region */
	uint32_t *rank;            /* [group]: place lower ones first, so that dependencies find what they need */
};

/* One set of group bits: CURVE_SIGN_WORDS words. */
static inline void curve_sign_add(uint64_t *sign, uint32_t group)
{
	sign[group / 64 % CURVE_SIGN_WORDS] |= 1ull << (group % 64);
}

static inline bool curve_sign_has(const uint64_t *sign, uint32_t group)
{
	return sign[group / 64 % CURVE_SIGN_WORDS] >> (group % 64) & 1;
}

struct curve_rules *curve_rules_new(const struct instance *in, const struct model *model);
void curve_rules_free(struct curve_rules *r);

/* May the change of curve_delta() be made, by this region? */
bool curve_rules_allow(const struct curve *c, uint32_t a, uint32_t b, uint32_t to, uint32_t region);
/* sum[MODEL_MAX_PRESSURES]: of the node with `enters` in and `leaves` out (or NO_ITEM). Where there is a model. */
void curve_rules_pressure(const struct curve *c, uint32_t node, uint32_t enters, uint32_t leaves, double *sum);
/* Called by struct curve once its lists are changed; from or to may be NO_NODE. */
void curve_rules_moved(struct curve *c, uint32_t item, int32_t from, int32_t to);

#endif
