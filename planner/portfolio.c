/*
 * Which solver runs when. One line per packer and bound; the order is the order of running. A constructive packer first, so
 * that there is an answer within moments, then the bounds (a proven optimum ends everything), then the searches that improve.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "planner/plan.h"
#include "planner/search.h"
#include "planner/term.h"

#define PACKERS(row) \
	row(curve) \
	row(fill) \
	row(greedy) \
	row(regroup) \
	row(fewest) \
	row(anneal) \
	row(resolve) \
	row(refill) \
	row(squeeze) \
	row(empty)

#define BOUNDS(row) \
	row(volume) \
	row(clique) \
	row(company) \
	row(dff) \
	row(priced) \
	row(curve) \
	row(aggregate)

#define DECLARE_PACKER(name) extern const struct packer packer_##name;
#define DECLARE_BOUND(name) extern const struct bound bound_##name;
#define PACKER(name) &packer_##name,
#define BOUND(name) &bound_##name,

PACKERS(DECLARE_PACKER)
BOUNDS(DECLARE_BOUND)

const struct packer *const packers[] = { PACKERS(PACKER) NULL };
/* Those that only improve what they find, so they may follow a given placement. */
static const struct packer *const polishers[] = { &packer_squeeze, &packer_empty, NULL };
const struct bound *const bounds[] = { BOUNDS(BOUND) NULL };

#define BOUND_SHARE 0.2 /* of the time left, when a bound names none */

static uint64_t deadline_of(const struct search *s, double share)
{
	uint64_t now = search_now_ns();

	if (s->deadline_ns == UINT64_MAX || !(share > 0 && share < 1))
		return s->deadline_ns;
	return now >= s->deadline_ns ? now : now + (uint64_t)(share * (double)(s->deadline_ns - now));
}

static void run_bounds(struct search *s, struct plan *out)
{
	for (size_t i = 0; bounds[i] && !search_done(s, 0); i++) {
		struct search part = *s;
		double v;

		if (!bounds[i]->applies(s))
			continue;
		part.deadline_ns = deadline_of(s, bounds[i]->share > 0 ? bounds[i]->share : BOUND_SHARE);
		v = bounds[i]->run(&part);
		if (v > s->lower_bound) {
			s->lower_bound = v;
			free(out->bound_name);
			out->bound_name = str_dup(bounds[i]->name);
		}
	}
}

static void run_packer(struct search *s, const struct packer *p, struct plan *out)
{
	struct search part = *s;
	const char *who;
	double proven;

	part.deadline_ns = deadline_of(s, p->share);
	if (s->max_iterations != UINT64_MAX && p->share > 0)
		part.max_iterations = (uint64_t)(p->share * (double)s->max_iterations);
	p->run(&part);
	proven = search_proven(s, &who);
	if (proven > s->lower_bound) {
		s->lower_bound = proven;
		free(out->bound_name);
		out->bound_name = str_dup(who);
	}
}

void portfolio_run(struct search *s, struct plan *out, bool progress)
{
	uint64_t start = search_now_ns();
	bool bounded = false;

	s->best = incumbent_new(s->in, progress);
	s->lower_bound = -INFINITY;
	for (size_t i = 0; packers[i]; i++) {
		if (packers[i]->applies(s) && (!search_best(s, NULL, NULL) || !search_done(s, 0)))
			run_packer(s, packers[i], out);
		if (!bounded && search_best(s, NULL, NULL)) {
			run_bounds(s, out);
			bounded = true;
		}
	}
	if (!bounded)
		run_bounds(s, out);
	if (search_best(s, out->item_node, &out->cost)) {
		free(out->solver);
		out->solver = str_dup(search_solver(s, &out->iterations));
	}
	out->first_plan_ns = search_first_ns(s);
	out->seed = s->seed;
	out->lower_bound = isfinite(s->lower_bound) ? s->lower_bound : NAN;
	plan_count(out);
	out->gap_ratio = !out->n_unplaced && out->lower_bound > 0 ? (out->cost - out->lower_bound) / out->lower_bound : NAN;
	out->solve_time_ns = search_now_ns() - start;
	if (progress)
		fputc('\n', stderr);
	incumbent_free(s->best);
	s->best = NULL;
}

double portfolio_polish(struct search *s, int32_t *item_node)
{
	struct plan *out = plan_new(s->in);
	double cost = INFINITY;

	s->best = incumbent_new(s->in, false);
	s->lower_bound = -INFINITY;
	search_offer(s, item_node, objective_value(s->in, s->model, item_node), "start");
	for (size_t i = 0; polishers[i]; i++)
		if (polishers[i]->applies(s) && !search_done(s, 0))
			run_packer(s, polishers[i], out);
	search_best(s, item_node, &cost);
	cost = search_complete(s) ? cost : INFINITY;
	incumbent_free(s->best);
	s->best = NULL;
	plan_free(out);
	return cost;
}
