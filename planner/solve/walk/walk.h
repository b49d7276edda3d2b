/*
 * One searcher's random walk of falling temperature over placements (planner/solve/walk/place.h), with the best feasible one it met.
 *
 * A step is a heat bath: a replica is drawn, a sweep (sheet.h) values everything it can do, and one of that, or staying, is taken by
 * its Boltzmann weight. So rare moves, of which thousands must be looked at for one that is taken, come at vector speed. Beside it
 * single proposals by Metropolis' rule, which are cheaper where much is accepted.
 *
 * Capacity is relaxed in phases with `over` > 0: overload costs, and prices are steered so that as many columns are overloaded as
 * the phase allows. So large items change places although small ones are in their way, and placements between which no
 * feasible path leads are reached (strategic oscillation, Glover 1977).
 */
#ifndef PLANNER_SOLVE_WALK_WALK_H
#define PLANNER_SOLVE_WALK_WALK_H

#include "planner/search.h"
#include "planner/solve/gumbel.h"
#include "planner/solve/walk/chain_draw.h"
#include "planner/solve/walk/sheet.h"

#define WALK_THRESHOLDS 4096

/*
 * Temperatures in units of the mean change, overloaded columns per node: geometric from .. to. `over` 0: what overload there is goes,
 * and then there is no more. A phase goes on from where the one before ended; `anew`: from the start.
 */
struct phase { double share, heat, cold, over, over_end; bool anew; };

struct walk {
	struct search *s;          /* borrowed; its budget is the walk's */
	struct scalar *sc;
	struct place *p;
	struct rng rng;
	struct chain_draw draw;
	struct sheet *sheet;
	struct gumbel gumbel;      /* for what a sweep values */
	int32_t *start, *best;
	uint32_t *changed, n_changed; /* items that may stand elsewhere than in best */
	bool *is_changed;
	double best_cost;          /* INFINITY: nothing feasible was met */
	double unit;               /* of temperature: mean change of cost that a shift makes */
	double thresholds[WALK_THRESHOLDS];
	uint64_t iterations;       /* blocks of eight candidates judged */
	uint64_t sweeps, start_ns, length_ns;
};

struct walk *walk_new(struct search *s, uint64_t stream);
void walk_free(struct walk *w);
/* Start at today's placement if asked and possible, else at the search's best. False when neither keeps the rules. */
bool walk_begin(struct walk *w, bool today);
/* Phases one after the other, each for its share of the budget; the best is offered after each. */
void walk_run(struct walk *w, const struct phase *phases, size_t n_phases);

/* For other searches on the same books: an item that has moved; the placement as it stands, if it is the best; the best, to all. */
void walk_mark(struct walk *w, uint32_t item);
void walk_keep(struct walk *w);
void walk_offer(struct walk *w, const char *who);

#endif
