/*
 * What the solvers of one fewest-nodes search share: the best packing and the best proven bound. One improves the packing
 * while another proves; both stop when they meet. Thread-safe. Without a struct search (s == NULL, tests) only the budget
 * given here counts.
 */
#ifndef PLANNER_SOLVE_FEWEST_RACE_H
#define PLANNER_SOLVE_FEWEST_RACE_H

#include <pthread.h>
#include <stdatomic.h>

#include "planner/search.h"
#include "planner/solve/fewest/pack.h"

struct race {
	const struct pack *p;
	struct search *s;
	pthread_mutex_t lock;
	int32_t *bin_of;        /* [n_items], in pack's order */
	_Atomic uint32_t best;  /* bins of bin_of */
	_Atomic uint32_t bound; /* proven */
	const char *proven_by;
	_Atomic bool stop;
	_Atomic uint64_t spent; /* iterations */
	uint64_t start_ns;
};

void race_init(struct race *r, const struct pack *p, struct search *s);
void race_fini(struct race *r);
bool race_done(struct race *r, uint64_t iterations);  /* so many more were spent */
bool race_over(void *race);             /* likewise, at no cost; to be asked by cover.h and price.h */
double race_used(const struct race *r); /* share of the budget, of time or iterations; 0 when there is none */
double race_until(const struct race *r, double share); /* what race_used() will be once `share` of the budget left is used */
void race_offer(struct race *r, const int32_t *bin_of, const char *solver); /* bins named from 0 below n_items, empty ones do not count */
void race_prove(struct race *r, uint32_t bins, const char *who);
uint32_t race_copy(struct race *r, int32_t *bin_of);  /* -> bins */

/* First fit by falling size: the packing to start from. -> bins */
uint32_t race_first_fit(const struct pack *p, int32_t *bin_of);

#endif
