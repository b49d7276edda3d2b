/*
 * cotenant plan instance.json [--model m.json] … -o plan.json: places every replica, proves how far from best that may be,
 * orders the moves, and lets verify judge the result before anyone sees it. SIGINT and SIGTERM give the best so far.
 */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/opt.h"
#include "planner/explain/conflict.h"
#include "planner/explain/explain.h"
#include "planner/moves.h"
#include "planner/search.h"
#include "planner/explain/shadow.h"
#include "planner/verify/verify.h"

#define REASONS_SHOWN 24 /* on standard error; the plan holds all */

static struct {
	const char *model, *output, *max_moves;
	uint64_t time_ns, iterations, seed, threads;
	bool quiet, explain;
} values;

#define AT(field) __builtin_offsetof(__typeof__(values), field)

static const struct opt opts[] = {
	{ "model", 'm', OPT_STR, AT(model), "FILE", NULL, NULL, NULL, "interference model; without it slowdown limits are not held" },
	{ "time", 't', OPT_DURATION, AT(time_ns), "DURATION", NULL, NULL, "10s", "how long to search" },
	{ "iterations", 'i', OPT_U64, AT(iterations), "N", NULL, NULL, "0", "search this many steps instead of a time; same result on any machine" },
	{ "seed", 's', OPT_U64, AT(seed), "N", NULL, NULL, "1", "of the random numbers" },
	{ "threads", 'j', OPT_U64, AT(threads), "N", "0", "1024", "0", "0 = one per processor" },
	{ "max-moves", 'M', OPT_STR, AT(max_moves), "N or P%", NULL, NULL, NULL, "move at most so many running replicas" },
	{ "explain", 'e', OPT_FLAG, AT(explain), NULL, NULL, NULL, NULL, "also say why each replica stands where it does, what binds on each node, and what more room, looser limits or fewer rules would save (takes as long again)" },
	{ "output", 'o', OPT_STR, AT(output), "FILE", NULL, NULL, "-", "where to write the plan; - is standard output" },
	{ "quiet", 'q', OPT_FLAG, AT(quiet), NULL, NULL, NULL, NULL, "no summary on standard error" },
	{ 0 },
};

static void interrupt(int sig)
{
	(void)sig;
	search_interrupted = 1;
}

static int set_budget(struct instance *in, struct err *e)
{
	const char *text = values.max_moves;
	double share;
	char *end;

	if (!text)
		return 0;
	share = strtod(text, &end);
	if (end == text || !isfinite(share) || share < 0 || (strcmp(end, "%") && *end) || (!*end && share != floor(share)) ||
	    (*end && share > 100))
		return err_set(e, -EINVAL, "--max-moves %s: must be a count or a percentage such as 2%%", text);
	in->max_moves = (int64_t)(*end ? floor(share / 100 * in->n_items) : share);
	return 0;
}

static void predict_items(struct plan *p, const struct model *m)
{
	const struct instance *in = p->instance;
	int width = model_n_pressures(m);
	double *sum = mem_alloc((size_t)in->n_nodes * (size_t)width, sizeof(*sum)), others[MODEL_MAX_PRESSURES];

	p->item_slowdown = mem_alloc(in->n_items, sizeof(*p->item_slowdown));
	for (int pass = 0; pass < 2; pass++)
		for (uint32_t i = 0; i < in->n_items; i++) {
			const struct service *s = &in->services[in->item_service[i]];
			int32_t n = p->item_node[i];
			const double *own;

			p->item_slowdown[i] = NAN;
			if (n < 0 || s->model_service < 0)
				continue;
			own = model_pressure(m, s->model_service, in->nodes[n].model_type);
			for (int k = 0; k < width; k++) {
				if (!pass)
					sum[n * width + k] += own[k];
				else
					others[k] = fmax(0, sum[n * width + k] - own[k]);
			}
			if (pass)
				p->item_slowdown[i] = model_upper(m, s->model_service, in->nodes[n].model_type, others, s->limit_confidence);
		}
	free(sum);
}

static void summarise(const struct plan *p)
{
	const struct instance *in = p->instance;

	if (p->n_unplaced)
		fprintf(stderr, "%u of %u replicas could not be placed\n", p->n_unplaced, in->n_items);
	fprintf(stderr, "%u nodes in use, cost %.10g (%s)", p->nodes_used, p->cost, p->solver ? p->solver : "nothing found");
	if (isfinite(p->lower_bound))
		fprintf(stderr, "; proven bound %.10g (%s)", p->lower_bound, p->bound_name ? p->bound_name : "?");
	if (isfinite(p->gap_ratio))
		fprintf(stderr, ", gap %.2f %%", p->gap_ratio * 100);
	fprintf(stderr, "; %u moves; %.2f s\n", p->n_moves, (double)p->solve_time_ns / 1e9);
	for (uint32_t i = 0; i < p->n_reasons && i < REASONS_SHOWN; i++)
		fprintf(stderr, "  %s\n", p->reasons[i].text);
}

static int judge(const struct plan *p, const struct model *m)
{
	struct verify v;
	int status;

	verify_plan(&v, p, m);
	for (uint32_t i = 0; i < v.n_texts && i < 10; i++)
		fprintf(stderr, "violation: %s\n", v.texts[i]);
	status = v.n_violations ? STATUS_VIOLATIONS : STATUS_DONE;
	verify_fini(&v);
	return status;
}

static int solve(struct instance *in, struct model *m, struct err *e)
{
	struct search s = { .in = in, .model = m, .seed = values.seed, .deadline_ns = UINT64_MAX, .max_iterations = UINT64_MAX };
	struct plan *p = plan_new(in);
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	int status, err;

	s.threads = values.threads ? (unsigned)values.threads : cpus > 0 ? (unsigned)cpus : 1;
	if (values.iterations)
		s.max_iterations = values.iterations;
	else
		s.deadline_ns = search_now_ns() + values.time_ns;
	portfolio_run(&s, p, !values.quiet && isatty(STDERR_FILENO));
	moves_order(p);
	if (m)
		predict_items(p, m);
	explain_plan(p, m);
	if (p->n_unplaced)
		conflict_explain(p, m);
	if (values.explain) {
		explain_each(p, m);
		shadow_prices(p, m, s.threads);
	}
	status = judge(p, m);
	if (!values.quiet)
		summarise(p);
	if ((err = plan_write(p, values.output, e)) < 0)
		status = err;
	plan_free(p);
	return status;
}

static int run(const struct operands *op, struct err *e)
{
	struct sigaction act = { .sa_handler = interrupt, .sa_flags = (int)SA_RESETHAND };
	struct instance *in = NULL;
	struct model *m = NULL;
	int status;

	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	if ((values.model && !(m = model_read(values.model, e))) || !(in = instance_read(op->argv[0], e)) || set_budget(in, e) < 0) {
		status = e->code;
	} else {
		instance_bind(in, m);
		status = solve(in, m, e);
	}
	instance_free(in);
	model_free(m);
	return status;
}

const struct verb verb_plan = { .name = "plan", .operands = "INSTANCE.json", .summary = "place services on the fewest, cheapest nodes within every limit",
	.details = "Prints the nodes in use, a proven lower bound and the gap. Ctrl-C gives the best plan so far. Exit status 1: no plan "
		   "was found that holds every rule; the best partial plan is written, with reasons.",
	.opts = opts, .values = &values, .min_operands = 1, .max_operands = 1, .run = run };
