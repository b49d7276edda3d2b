/*
 * Simulated annealing over chains of relocations for piecewise linear objectives (machine reassignment and its kin): the
 * schedule. Every stream walks by itself (planner/solve/walk.h); then all go on from the best of them.
 * Noising for this problem: Gavranović, Buljubašić & Demirović 2012 (challenge winners).
 */
#include "planner/search.h"
#include "planner/solve/walk.h"

#define N_STREAMS 2
#define OPEN_ENDED_NS 60000000000ull /* length of a schedule when there is no budget at all; then it starts over */

/* Every stream by itself, from the start. */
static const struct phase first_phases[] = {
	{ 0.06, 0.05, 0.002, 0, 0, FROM_LAST }, /* something good soon */
	{ 0.84, 0.2, 0.004, 1, 0.005, FROM_START }, /* from a fleet full of overload to one with none */
	{ 0.10, 0.004, 0.0005, 0, 0, FROM_LAST },
};

/* From the best of all streams. */
static const struct phase later_phases[] = {
	{ 0.60, 0.005, 0.002, 0.02, 0.005, FROM_BEST },
	{ 0.40, 0.002, 0.0005, 0, 0, FROM_LAST },
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct stage { double share; const struct phase *phases; size_t n_phases; } stages[] = {
	{ 0.9, first_phases, COUNT(first_phases) },
	{ 0.1, later_phases, COUNT(later_phases) },
};

static void walk_stage(struct search *s, unsigned index, const struct stage *stage)
{
	struct walk *w = walk_new(s, index);

	if (walk_begin(w, stage == stages))
		walk_run(w, stage->phases, stage->n_phases);
	search_spend(s, w->iterations);
	walk_free(w);
}

static void walk_first(struct search *s, unsigned index)
{
	walk_stage(s, index, &stages[0]);
}

static void walk_later(struct search *s, unsigned index)
{
	walk_stage(s, index, &stages[1]);
}

static bool anneal_applies(const struct search *s)
{
	return scalar_applies(s->in);
}

/* All stages once; a budget of time or iterations is shared out, `round` varies the seed. */
static void run_round(struct search *s, uint64_t round, uint64_t length_ns)
{
	static void (*const walks[COUNT(stages)])(struct search *, unsigned) = { walk_first, walk_later };
	uint64_t start_ns = search_now_ns();
	double until = 0;

	for (size_t i = 0; i < COUNT(stages) && !search_done(s, 0); i++) {
		struct search part = *s;

		until += stages[i].share;
		part.seed = s->seed + round * COUNT(stages) + i;
		if (s->max_iterations != UINT64_MAX)
			part.max_iterations = (uint64_t)(stages[i].share * (double)s->max_iterations);
		else
			part.deadline_ns = start_ns + (uint64_t)(until * (double)length_ns);
		search_streams(&part, N_STREAMS, walks[i]);
	}
}

static void anneal_run(struct search *s)
{
	uint64_t now = search_now_ns(), round = 0;

	if (s->max_iterations != UINT64_MAX || s->deadline_ns != UINT64_MAX)
		run_round(s, 0, s->deadline_ns > now ? s->deadline_ns - now : 1);
	else
		while (!search_done(s, 0))
			run_round(s, round++, OPEN_ENDED_NS);
}

const struct packer packer_anneal = {
	.name = "anneal",
	.help = "simulated annealing by sweeps over shifts, swaps and evictions, through overload, for hinge, balance and move costs",
	.applies = anneal_applies,
	.run = anneal_run,
	.share = 0.95,
};
