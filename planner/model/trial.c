/* Inner cross-validation over co-locations: see trial.h. */
#include "planner/model/trial.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"

#define INNER_FOLDS 5

int *folds_deal(int n_groups, int n_folds, uint64_t seed)
{
	int *fold = mem_alloc((size_t)n_groups + 1, sizeof(*fold));
	struct rng rng;

	rng_seed(&rng, seed);
	for (int i = 0; i < n_groups; i++)
		fold[i] = i % n_folds;
	for (int i = n_groups - 1; i > 0; i--) {
		int j = (int)rng_below(&rng, (uint32_t)i + 1), keep = fold[i];

		fold[i] = fold[j];
		fold[j] = keep;
	}
	return fold;
}

void trial_begin(struct trial *t, const struct coloc *c, const bool *hidden, uint64_t seed)
{
	*t = (struct trial){ .c = c, .hidden = hidden, .fold = folds_deal(c->n_groups, INNER_FOLDS, seed),
			     .links = mem_alloc((size_t)c->n_services + 1, sizeof(double)), .row = mem_alloc(c->n_rows + 1, sizeof(size_t)) };
	for (int i = 0; i < c->n_services; i++)
		t->links[i] = 1;
	for (size_t i = 0; i < c->n_rows; i++)
		if (c->rows[i].n_neighbours && !(hidden && hidden[i]))
			t->row[t->n++] = i;
}

void trial_end(struct trial *t)
{
	free(t->fold);
	free(t->links);
	free(t->row);
}

/* Hidden, or of the fold. */
static void fold_mask(const struct trial *t, int fold, bool *mask)
{
	for (size_t i = 0; i < t->c->n_rows; i++)
		mask[i] = (t->hidden && t->hidden[i]) || t->fold[t->c->rows[i].group] == fold;
}

double trial_form(const struct trial *t, const struct latent_spec *form, double *z)
{
	const struct coloc *c = t->c;
	bool *mask = mem_alloc(c->n_rows + 1, sizeof(*mask)), empty = false;
	double sum = 0;

	for (int f = 0; f < INNER_FOLDS && !empty; f++) {
		struct latent *l;

		fold_mask(t, f, mask);
		l = latent_form_fit(c, mask, form, t->links);
		empty = !l->k;
		for (size_t i = 0; i < t->n; i++) {
			const struct coloc_row *r = c->rows + t->row[i];

			if (t->fold[r->group] != f)
				continue;
			z[i] = latent_z(l, r);
			sum += fabs(latent_predict(l, r) / r->slowdown - 1);
		}
		latent_free(l);
	}
	free(mask);
	return t->n && !empty ? sum / (double)t->n : INFINITY;
}

void trial_blend(const struct trial *t, struct latent_blend *blend, double *miss)
{
	bool *mask = mem_alloc(t->c->n_rows + 1, sizeof(*mask));

	blend->links = t->links;
	for (int f = 0; f < INNER_FOLDS; f++) {
		struct latent *l;

		fold_mask(t, f, mask);
		l = latent_fit(t->c, mask, blend);
		for (size_t i = 0; i < t->n; i++) {
			const struct coloc_row *r = t->c->rows + t->row[i];

			if (t->fold[r->group] == f)
				miss[i] = fabs(latent_predict(l, r) / r->slowdown - 1);
		}
		latent_free(l);
	}
	free(mask);
}

double trial_noise_variance(const struct trial *t)
{
	struct coloc_sums s = coloc_sum_cells(t->c, t->hidden);
	double squares = 0, free_runs = 0;

	for (size_t i = 0; i < t->n; i++) {
		const struct coloc_row *r = t->c->rows + t->row[i];

		squares += s.n[r->cell] > 1 ? pow(r->slowdown * s.n[r->cell] / s.sum[r->cell] - 1, 2) : 0;
		free_runs += s.n[r->cell] > 1 ? 1 - 1 / s.n[r->cell] : 0;
	}
	free(s.sum);
	free(s.n);
	return free_runs > 0 ? squares / free_runs : NAN;
}
