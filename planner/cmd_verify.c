/* cotenant verify instance.json plan.json [--model m.json]: an independent judge; exit status 1 and a list of violations. */
#include <math.h>
#include <stdio.h>

#include "base/opt.h"
#include "planner/verify/verify.h"

static struct { const char *model; } values;

static const struct opt opts[] = {
	{ "model", 'm', OPT_STR, 0, "FILE", NULL, NULL, NULL, "interference model to hold the limits against" },
	{ 0 },
};

static enum exit_status tell(const struct verify *v)
{
	const struct plan *p = v->plan;

	for (uint32_t i = 0; i < v->n_texts; i++)
		puts(v->texts[i]);
	if (v->n_violations > v->n_texts)
		printf("… and %llu more\n", (unsigned long long)v->n_violations - v->n_texts);
	if (v->n_unjudged)
		printf("not judged: %u replicas have a slowdown limit, but %s\n", v->n_unjudged,
		       v->model ? "the model does not know them" : "no --model was given");
	if (v->cost_unjudged)
		printf("not judged: the cost, since %s\n", isnan(p->cost) ? "the plan tells none" :
		       "a term of the objective is the predicted slowdown and no --model was given");
	if (p->n_unordered)
		printf("warning: the last %u moves have no order that keeps every capacity on the way; make room for them first\n",
		       p->n_unordered);
	printf("%s: %llu violations; %u replicas on %u nodes, %u moves\n", v->n_violations ? "broken" : "holds",
	       (unsigned long long)v->n_violations, p->instance->n_items - p->n_unplaced, p->nodes_used, p->n_moves);
	return v->n_violations ? STATUS_VIOLATIONS : STATUS_DONE;
}

static int run(const struct operands *op, struct err *e)
{
	struct instance *in = NULL;
	struct model *model = NULL;
	struct plan *p = NULL;
	struct verify v;
	int status;

	if ((values.model && !(model = model_read(values.model, e))) || !(in = instance_read(op->argv[0], e)) ||
	    !(p = plan_read(in, op->argv[1], e))) {
		status = e->code;
	} else {
		instance_bind(in, model);
		verify_plan(&v, p, model);
		status = tell(&v);
		verify_fini(&v);
	}
	plan_free(p);
	instance_free(in);
	model_free(model);
	return status;
}

const struct verb verb_verify = { .name = "verify", .operands = "INSTANCE.json PLAN.json", .summary = "check a plan against every rule, independently of the planner",
	.details = "Checks capacity at every slot, every rule, slowdown limits against the model, the move budget, the order of moves, and the cost, term by term.",
	.opts = opts, .values = &values, .min_operands = 2, .max_operands = 2, .run = run };
