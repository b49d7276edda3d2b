/*
 * Simulated annealing over chains of relocations for piecewise linear objectives (machine reassignment and its kin): the
 * schedule. Every stream walks by itself (planner/solve/walk/walk.h).
 * Runs scatter by more than how hot the start is or how slow the cooling makes out, and which heat is best differs between
 * instances: docs/bench-roadef.md. So streams differ in it.
 * Noising for this problem: Gavranović, Buljubašić & Demirović 2012 (challenge winners).
 */
#include "planner/search.h"
#include "planner/solve/walk/walk.h"

#define N_STREAMS 2
#define OPEN_ENDED_NS 60000000000ull /* length of a schedule when there is no budget at all; then it starts over */

static const double heats[N_STREAMS] = { 0.4, 0.2 };

static void run_stream(struct search *s, unsigned index)
{
	const struct phase phases[] = {
		{ 0.06, 0.05, 0.002, 0, 0, false }, /* something good soon */
		{ 0.84, heats[index % N_STREAMS], 0.004, 1, 0.005, true }, /* from a fleet full of overload to one with none */
		{ 0.10, 0.004, 0.0005, 0, 0, false },
	};
	struct walk *w = walk_new(s, index);

	if (walk_begin(w, true))
		walk_run(w, phases, sizeof(phases) / sizeof(phases[0]));
	search_spend(s, w->iterations);
	walk_free(w);
}

static bool anneal_applies(const struct search *s)
{
	return scalar_applies(s->in);
}

/* Without a budget the schedule starts over, with other numbers, until somebody has had enough. */
static void anneal_run(struct search *s)
{
	bool endless = s->max_iterations == UINT64_MAX && s->deadline_ns == UINT64_MAX;

	do {
		struct search round = *s;

		if (endless)
			round.deadline_ns = search_now_ns() + OPEN_ENDED_NS;
		search_streams(&round, N_STREAMS, run_stream);
		s->seed++;
	} while (endless && !search_done(s, 0));
}

const struct packer packer_anneal = {
	.name = "anneal",
	.help = "simulated annealing by sweeps over shifts, swaps and evictions, through overload, for hinge, balance and move costs",
	.applies = anneal_applies,
	.run = anneal_run,
	.share = 0.95,
};
