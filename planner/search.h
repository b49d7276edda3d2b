/*
 * How a solver is called. Each solver is one file that exports one row; planner/portfolio.c runs the rows that apply under
 * one budget. Bounds likewise. A solver reads the instance, never changes it, and offers every improvement through
 * search_offer(), which checks, keeps the best, and reports progress; so every solver is anytime.
 */
#ifndef PLANNER_SEARCH_H
#define PLANNER_SEARCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rng.h"
#include "planner/instance/instance.h"
#include "planner/predict.h"

struct search {
	const struct instance *in;
	const struct model *model;  /* NULL = no interference limits */
	uint64_t seed;
	uint64_t deadline_ns;       /* CLOCK_MONOTONIC; UINT64_MAX = none */
	uint64_t max_iterations;    /* UINT64_MAX = none; under it results do not depend on threads or clocks */
	unsigned threads;
	double lower_bound;         /* best proven so far; a solver that reaches it stops */
	struct incumbent *best;     /* shared, see search_offer() */
};

/* True when the budget is used up, the bound is reached or the user interrupted. Cheap; call every few thousand steps. */
bool search_done(const struct search *s, uint64_t iterations);
/* Offer a complete placement with its objective value; thread-safe. Returns true when it became the best. */
bool search_offer(struct search *s, const int32_t *item_node, double cost, const char *solver);
/* A copy of the best placement so far into item_node; false when there is none. */
bool search_best(const struct search *s, int32_t *item_node, double *cost);
uint64_t search_first_ns(const struct search *s); /* when everything was placed for the first time, since incumbent_new(); 0 = never */
bool search_complete(const struct search *s); /* is there a placement of everything? */
/* A packer that proves a lower bound on the way says so; thread-safe. `who` must live on. search_proven(): the best, or -INFINITY. */
void search_prove(struct search *s, double bound, const char *who);
double search_proven(const struct search *s, const char **who);

struct packer {
	const char *name, *help;
	bool (*applies)(const struct search *s);
	void (*run)(struct search *s);
	double share; /* of the time and iterations left when its turn comes; 0 = all of it */
};

struct bound {
	const char *name, *help;
	bool (*applies)(const struct search *s);
	double (*run)(const struct search *s); /* a proven lower bound on the objective, or -INFINITY */
	double share; /* of the time left when its turn comes (search.deadline_ns says until when); 0 = a fifth */
};

/* The best placement so far: fewest unplaced items, then least cost, then fewest moves; ties keep the older. */
struct incumbent;
struct incumbent *incumbent_new(const struct instance *in, bool progress); /* progress: a line on stderr */
void incumbent_free(struct incumbent *b);

extern volatile int search_interrupted; /* set by the verb's signal handler: every search ends soon */
uint64_t search_now_ns(void);
void search_spend(struct search *s, uint64_t iterations); /* add to the iterations that the plan reports */

const char *search_solver(const struct search *s, uint64_t *iterations); /* who found the best; iterations spent */

struct plan;
/* Run every packer and bound that applies under s's budget (s->best is made and freed here) and fill placement, cost, bound. */
void portfolio_run(struct search *s, struct plan *out, bool progress);

/*
 * Improve a given placement by the packers that only improve, under s's budget: what a change of the instance is worth is the
 * difference between two such runs. item_node: start in, result out. Returns its cost, INFINITY when something has no place.
 */
double portfolio_polish(struct search *s, int32_t *item_node);

/*
 * The same randomised search many times over, on s->threads threads: run(stream, index) gets its own struct search with its
 * own seed, iteration share and incumbent (starting from the best so far); results are merged in order of index, so under an
 * iteration budget they do not depend on threads. n is the number of streams under an iteration budget; otherwise there are
 * as many as threads.
 */
void search_streams(struct search *s, unsigned n, void (*run)(struct search *stream, unsigned index));

extern const struct packer *const packers[]; /* planner/portfolio.c; NULL-terminated, in order of running */
extern const struct bound *const bounds[];

#endif
