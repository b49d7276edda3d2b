/*
 * Sizes of services as shares of a mean node, and the orders that constructive packing goes by: replicas from large to small,
 * with those first that may run on few nodes and then those that must stand near others; nodes by cost per useful capacity.
 */
#ifndef PLANNER_SOLVE_BUILD_SIZES_H
#define PLANNER_SOLVE_BUILD_SIZES_H

#include "planner/instance/instance.h"
#include "planner/state.h"

#define SIZES_VARIANTS 4 /* weighted by scarcity, sum, largest, squares */

struct sizes {
	const struct instance *in;
	double *scale;        /* [resource]: 1 / mean capacity over slots and nodes */
	double *size;         /* [service * n_resources + r]: mean demand, scaled */
	double *forbidden;    /* sizes_forbidden() */
	uint32_t *nodes;      /* by cost per useful capacity */
};

void sizes_init(struct sizes *z, const struct instance *in);
void sizes_fini(struct sizes *z);
/* order: [n_items]. st says which groups have near rules. */
void sizes_rank(const struct sizes *z, unsigned variant, const struct state *st, uint32_t *order);
/* Has the group rules that ask for company? */
static inline bool sizes_has_near(const struct state *st, uint32_t group)
{
	return st->rules.nears.first[group] < st->rules.nears.first[group + 1];
}

double *sizes_forbidden(const struct instance *in); /* [service]: share of the nodes where it must not run; the caller frees */
double sizes_mean(const struct resource *r, const int64_t *row); /* over the resource's slots */

#endif
