/* Plans and the verifier's judgement of them: see judge.h. */
#include "tests/planner/judge.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "planner/moves.h"
#include "planner/term.h"
#include "planner/verify/verify.h"

#define TEXTS_SHOWN 5

static uint64_t judge(const struct plan *p, const struct model *m, uint32_t shown)
{
	struct verify v;
	uint64_t n;

	verify_plan(&v, p, m);
	n = v.n_violations + v.n_unjudged;
	for (uint32_t i = 0; n && i < v.n_texts && i < shown; i++)
		fprintf(stderr, "%s\n", v.texts[i]);
	verify_fini(&v);
	return n;
}

uint64_t judge_count(const struct plan *p, const struct model *m)
{
	return judge(p, m, 0);
}

bool judge_holds(const struct plan *p, const struct model *m)
{
	return !judge(p, m, TEXTS_SHOWN);
}

struct plan *judge_placed(const struct instance *in, const struct model *m, const int32_t *item_node)
{
	struct plan *p = plan_new(in);

	memcpy(p->item_node, item_node, in->n_items * sizeof(*item_node));
	plan_count(p);
	p->cost = objective_value(in, m, item_node);
	moves_order(p);
	return p;
}

struct plan *judge_solve(const struct packer *packer, struct search *s)
{
	struct plan *p = plan_new(s->in);

	if (packer) {
		assert(packer->applies(s));
		s->best = incumbent_new(s->in, false);
		packer->run(s);
		search_best(s, p->item_node, &p->cost); /* nothing found: all stay unplaced */
		incumbent_free(s->best);
		s->best = NULL;
		plan_count(p);
	} else {
		portfolio_run(s, p, false);
	}
	moves_order(p);
	return p;
}
