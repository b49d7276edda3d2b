/*
 * Annealing of placements by curves. The nodes are split at random into regions, each annealed on its own for a while, in parallel
 * when there are threads; then they are split anew. So all cores work on one placement, and the result
 * depends on neither the number of threads nor their timing.
 *
 * The relaxation (curve_bound.h) says how many nodes of each class to use; the construction fills just those, and
 * annealing then evens out the day between them. With a move budget the search starts from today's placement instead,
 * puts aside what violates a rule there, places it and all that is unplaced, and keeps within the budget.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "planner/search.h"
#include "planner/solve/curve/curve_build.h"
#include "planner/solve/curve/curve_reopen.h"
#include "planner/solve/curve/curve_split.h"
#include "planner/team.h"
#include "planner/term.h"

#define PER_EPOCH 2000000     /* proposals between two splits, some tenths of a second: the search stops no later than that */
#define LEAST_PER_ITEM 4
#define MOST_PER_ITEM 64
#define HOT 0.12              /* first and last temperature, in that unit: 0.04 is too cold to part large items rightly (+7 in cost) */
#define COLD 0.0015
#define QUENCH 0.05           /* of the last temperature, during what remains of the schedule: nothing but descent */
#define QUENCH_FROM 0.96
#define REOPEN 0.02           /* below this temperature nodes are emptied and opened; hotter, ever more would be emptied */
#define TOLLED_REOPENS 4      /* tries at each in a region and epoch, where tolls forbid that, at any temperature (5 %: 1,673 with one, 1,656 with four) */
#define FIRST_TOLL 20.0       /* for a move, in the same unit: so dear that only the best pay; it then follows the budget */
#define TOLL_STEP 0.1         /* slow: a budget used up by poor moves freezes the search (5 %: 1,967 with 0.5, 1,698 so) */
#define TOLL_PACE 16.0        /* but at least so much in a whole schedule, were it short */
#define TOLL_LEAST 0.1        /* of a step, however near the target: else a twentieth of the budget is left over (5 %: 791 of 852 moves) */
#define EARLY_MOVES 0.8       /* share of the budget aimed at in the beginning */
#define LATE 0.6              /* part of the schedule from which on the whole move budget is aimed at */
#define SHAKE 1.0             /* temperature at which nearly everything is accepted: while something has no place, and for small fleets */
#define SHAKE_UNTIL 0.5       /* part of the schedule */
#define UNIT_SAMPLE 4000      /* proposals that set the unit */
#define MAX_CYCLES 8          /* schedules, for fleets of less than CYCLE_ITEMS replicas */
#define CYCLE_ITEMS 2000.0
#define OFFER_STEP 0.001      /* relative gain from which the best is offered before the end */
#define OPEN_ENDED_NS 60000000000ull /* length of the schedule when there is no budget at all */

extern const struct packer packer_greedy;

struct job {
	struct search *s;
	struct curve *c;
	struct rng rng;
	bool *chosen;              /* [node]: the relaxation uses it */
	struct curve_split *split;
	uint64_t n_epochs;
	uint64_t iterations, start_ns, length_ns;
	int32_t *best;
	uint32_t n_unplaced, best_unplaced;
	double best_total, offered, unit, toll_at; /* toll_at: part of the schedule where it was last set */
};

static void deal(struct job *j, double temperature)
{
	int64_t left = curve_moves_left(j->c);
	uint32_t n = j->split->n_regions, per_item = PER_EPOCH / j->s->in->n_items;

	per_item = per_item < LEAST_PER_ITEM ? LEAST_PER_ITEM : per_item > MOST_PER_ITEM ? MOST_PER_ITEM : per_item;
	curve_settle(j->c);
	curve_split_deal(j->split, &j->rng);
	for (uint32_t k = 0; k < n; k++) {
		struct curve_region *r = &j->split->regions[k];

		r->moves_left = left / n + (k < left % n);
		r->temperature = (float)temperature;
		r->reopens = j->c->toll > 0 ? TOLLED_REOPENS : temperature <= j->unit * REOPEN;
		r->proposals = (uint64_t)r->n_items * per_item + 1; /* something always passes, or a budget of iterations would not end */
		rng_seed_stream(&r->rng, j->s->seed, 1 + j->n_epochs * n + k);
		j->iterations += r->proposals;
	}
	j->n_epochs++;
}

static void region_work(void *job, uint32_t index)
{
	struct curve_region *r = &((struct job *)job)->split->regions[index];

	for (uint32_t k = 0; k < r->reopens; k++) {
		curve_reopen_close(r);
		curve_reopen_open(r);
	}
	curve_region_run(r);
}

/* Dearer when the moves run out, cheaper when they are left over; the target reaches the whole budget with the schedule. */
static void set_toll(struct job *j, double at)
{
	double budget = (double)j->s->in->max_moves, target = budget * (EARLY_MOVES + (1 - EARLY_MOVES) * fmin(1, at / LATE));
	double step = fmax(TOLL_STEP, TOLL_PACE * (at - j->toll_at)), used, excess;

	if (j->s->in->max_moves <= 0)
		return;
	used = budget - (double)curve_moves_left(j->c);
	excess = used / target - 1;
	excess = used < target ? fmin(excess, -TOLL_LEAST) : fmin(1, fmax(excess, TOLL_LEAST));
	j->c->toll *= (float)exp(excess * step);
	j->toll_at = at;
}

static void epoch(struct job *j, double temperature)
{
	deal(j, temperature);
	team_run(j->s->threads, j->split->n_regions, region_work, j);
}

static void offer(struct job *j)
{
	search_offer(j->s, j->best, objective_value(j->s->in, j->s->model, j->best), "curve");
	j->offered = j->best_total;
}

static double progress(const struct job *j)
{
	if (j->s->max_iterations != UINT64_MAX)
		return (double)j->iterations / (double)j->s->max_iterations;
	return (double)(search_now_ns() - j->start_ns) / (double)j->length_ns;
}

/* Mean change of cost of what random proposals would make dearer: the unit of temperature, whatever the costs are. */
static double temperature_unit(struct job *j)
{
	double sum = 0;
	uint32_t n = 0;

	for (int k = 0; k < UNIT_SAMPLE; k++) {
		uint32_t a = rng_below(&j->rng, j->s->in->n_items), b = rng_below(&j->rng, j->s->in->n_items);
		float delta;

		if (j->c->item_node[a] == NO_NODE || j->c->item_node[b] == NO_NODE || j->c->item_node[a] == j->c->item_node[b])
			continue;
		delta = curve_delta(j->c, a, k % 2 ? b : NO_ITEM, (uint32_t)j->c->item_node[b], NULL);
		if (isfinite(delta) && delta > 0) {
			sum += (double)delta;
			n++;
		}
	}
	return n ? sum / n : 1;
}

static void keep_best(struct job *j)
{
	double total = curve_total(j->c);

	if (j->n_unplaced > j->best_unplaced || (j->n_unplaced == j->best_unplaced && total >= j->best_total))
		return;
	if (j->n_unplaced < j->best_unplaced)
		j->offered = INFINITY;
	j->best_unplaced = j->n_unplaced;
	j->best_total = total;
	memcpy(j->best, j->c->item_node, j->s->in->n_items * sizeof(int32_t));
	if (!isfinite(j->offered) || total < j->offered - OFFER_STEP * fabs(j->offered))
		offer(j);
}

/* Share `at` of the budget is over. Small fleets can afford several schedules, from where nearly everything is accepted. */
static double temperature_at(const struct job *j, double at)
{
	double cycles = fmin(MAX_CYCLES, fmax(1, floor(CYCLE_ITEMS / j->s->in->n_items))), hot = cycles > 1 ? SHAKE : HOT;

	if (j->n_unplaced && at < SHAKE_UNTIL)
		return j->unit * SHAKE;
	if (at > QUENCH_FROM)
		return j->unit * COLD * QUENCH;
	at = at * cycles - floor(at * cycles);
	return j->unit * hot * pow(COLD / hot, at);
}

static void cool(struct job *j)
{
	double from = progress(j), at;

	j->unit = temperature_unit(j);
	j->c->toll = j->s->in->max_moves >= 0 ? (float)(j->unit * FIRST_TOLL) : 0;
	for (at = from; at < 1 && !search_done(j->s, j->iterations); at = progress(j)) {
		double share = (at - from) / (1 - from);

		set_toll(j, share);
		epoch(j, temperature_at(j, share));
		if (j->n_unplaced)
			j->n_unplaced = curve_force(j->c, &j->rng, j->chosen);
		keep_best(j);
	}
	offer(j);
}

static bool place_all(struct job *j)
{
	return !(j->n_unplaced = curve_place(j->c, &j->rng, j->chosen));
}

/*
 * Where everything has a place: on the relaxation's nodes, else from today's placement on, else where the general packer says; by
 * that at once where the relaxation has nothing to tell, since no curve is paid for.
 */
static void construct(struct job *j)
{
	int32_t *best;

	if (j->s->in->max_moves < 0 && j->c->n_paid) {
		curve_choose(j->s->in, j->chosen);
		if (place_all(j))
			return;
	}
	memset(j->chosen, 0, j->s->in->n_nodes * sizeof(bool));
	if (j->s->in->max_moves >= 0 || j->c->n_paid) {
		curve_adopt(j->c, j->s->in->item_node);
		if (place_all(j))
			return;
	}
	best = mem_alloc(j->s->in->n_items, sizeof(int32_t));
	packer_greedy.run(j->s);
	if (search_best(j->s, best, NULL)) {
		curve_adopt(j->c, best);
		place_all(j);
	}
	free(best);
}

static void curve_run(struct search *s)
{
	struct job *j = mem_alloc(1, sizeof(*j));

	j->s = s;
	j->c = curve_new(s->in, s->model);
	j->chosen = mem_alloc(s->in->n_nodes, sizeof(bool));
	j->split = curve_split_new(j->c);
	j->best = mem_alloc(s->in->n_items, sizeof(int32_t));
	j->best_total = j->offered = INFINITY;
	j->best_unplaced = UINT32_MAX;
	rng_seed(&j->rng, s->seed);
	j->start_ns = search_now_ns();
	j->length_ns = s->deadline_ns == UINT64_MAX ? OPEN_ENDED_NS : s->deadline_ns > j->start_ns ? s->deadline_ns - j->start_ns : 1;
	construct(j);
	keep_best(j);
	cool(j);
	search_spend(s, j->iterations);
	curve_split_free(j->split);
	free(j->best);
	curve_free(j->c);
	free(j->chosen);
	free(j);
}

static bool packer_applies(const struct search *s)
{
	return curve_applies(s->in);
}

extern const struct packer packer_curve;
const struct packer packer_curve = {
	.name = "curve",
	.help = "annealing in random regions for curves over the day with a convex cost of utilisation",
	.applies = packer_applies,
	.run = curve_run,
	.share = 0.97, /* the rest is for the bounds */
};
