/*
 * A few services of an instance with the rules among them, and the question whether they can be placed at all. Services and rules
 * can be switched off one by one. Used by conflict.c alone.
 *
 * Only what stays true when services are left out takes part: rules that need somebody's presence (near, min_distinct) count
 * while every service of their groups is on.
 */
#ifndef PLANNER_EXPLAIN_CONFLICT_SUB_H
#define PLANNER_EXPLAIN_CONFLICT_SUB_H

#include <stdbool.h>

#include "planner/instance/instance.h"
#include "planner/predict.h"

/* The last two prove that there is no placement: demands above capacities, every arrangement tried. */
enum conflict_proof { CONFLICT_UNKNOWN, CONFLICT_PLACED, CONFLICT_VOLUME, CONFLICT_SEARCH };
static inline bool conflict_proven(enum conflict_proof p)
{
	return p >= CONFLICT_VOLUME;
}

enum conflict_kind { CONFLICT_CAP, CONFLICT_SPREAD, CONFLICT_NEAR };
struct conflict_rule { enum conflict_kind kind; uint32_t at; }; /* index in the instance's rules of that kind */

struct conflict_sub {
	const struct instance *in;
	const struct model *model;
	uint32_t n_services, *services;
	bool *service_on;
	uint32_t n_rules;
	struct conflict_rule *rules;
	bool *rule_on;
};

struct conflict_sub *conflict_sub_new(const struct instance *in, const struct model *model, const uint32_t *services, uint32_t n);
void conflict_sub_free(struct conflict_sub *sub);
enum conflict_proof conflict_prove(const struct conflict_sub *sub);
bool conflict_applies(const struct conflict_sub *sub, uint32_t rule);  /* do the services that are on concern it? */
bool conflict_whole(const struct conflict_sub *sub, uint32_t group);     /* is all of the group there and on? */
bool conflict_uses(const struct conflict_sub *sub, uint32_t node);     /* may any service that is on run there? */
char *conflict_rule_text(const struct conflict_sub *sub, uint32_t rule); /* in words; free() it */

#endif
