/*
 * Items that wait for a place, found by what is wanted (kin.h) or drawn at random. Replicas of a service are alike, so one asks for a
 * service and is given one of its items.
 */
#ifndef PLANNER_SOLVE_FLEET_POOL_H
#define PLANNER_SOLVE_FLEET_POOL_H

#include "planner/solve/fleet/kin.h"

struct pool {
	const struct instance *in;
	struct kin *kin;        /* services that have items here */
	uint32_t *items;        /* [n0]: by service; of each service those that wait come first */
	uint32_t *first, *left; /* [service]: where in it; how many wait */
	uint32_t *waiting, *at; /* [n] items in any order; [item]: where in it */
	uint32_t n;             /* that wait */
};

struct pool *pool_new(const struct blocks *k, const uint32_t *items, uint32_t n); /* items borrowed */
void pool_free(struct pool *p);
uint32_t pool_draw(const struct pool *p, struct rng *rng); /* the service of a random item; the pool is not empty */
uint32_t pool_take(struct pool *p, uint32_t service);      /* an item of a service that has some */
void pool_give(struct pool *p, uint32_t item);             /* back */

#endif
