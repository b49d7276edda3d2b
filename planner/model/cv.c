/* Nested cross-validation over co-locations: see cv.h. */
#include "planner/model/cv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "planner/model/model.h"
#include "planner/model/trial.h"

#define OUTER_FOLDS_MANY 20
#define MANY_GROUPS 60
#define MANY_ROWS 500        /* beyond, the model is chosen once, not inside every fold */

const char *const rival_names[RIVALS] = { "cotenant", "no interference", "mean of the service's other runs",
					  "plain matrix factorisation" };

static double relative(double predicted, double measured)
{
	return fabs(predicted - measured) / measured;
}

/* Mean of the victim's visible runs, of the same group size where there are any; of all runs when it has none. */
static double mean_predict(const struct coloc *c, const bool *hidden, const struct coloc_row *r)
{
	double sum[3] = { 0 };
	int n[3] = { 0 };

	for (size_t i = 0; i < c->n_rows; i++) {
		const struct coloc_row *o = c->rows + i;
		int level = o->victim != r->victim ? 0 : o->n_neighbours != r->n_neighbours ? 1 : 2;

		if (hidden[i] || !o->n_neighbours)
			continue;
		for (; level >= 0; level--) {
			sum[level] += o->slowdown;
			n[level]++;
		}
	}
	for (int level = 2; level >= 0; level--)
		if (n[level])
			return sum[level] / n[level];
	return 1;
}

static struct cv *cv_new(void)
{
	return mem_alloc(1, sizeof(struct cv));
}

static void cv_add(struct cv *cv, size_t row, const double *predicted)
{
	cv->row = mem_resize(cv->row, cv->n + 1, sizeof(*cv->row));
	cv->row[cv->n] = row;
	for (int m = 0; m < RIVALS; m++) {
		cv->predicted[m] = mem_resize(cv->predicted[m], cv->n + 1, sizeof(double));
		cv->predicted[m][cv->n] = predicted[m];
	}
	cv->n++;
}

void cv_free(struct cv *cv)
{
	if (!cv)
		return;
	free(cv->row);
	free(cv->half_width);
	for (int m = 0; m < RIVALS; m++)
		free(cv->predicted[m]);
	free(cv);
}

struct chosen { bool fixed; struct choice model; struct latent_spec plain; };

/* Predict every hidden run by everyone. */
static void fold_run(struct cv *cv, const struct coloc *c, const bool *hidden, const struct chosen *once, uint64_t seed)
{
	struct choice own = once->fixed ? once->model : choose_model(c, hidden, seed);
	struct latent_spec plain = once->fixed ? once->plain : choose_plain(c, hidden, seed);
	struct latent *l = latent_fit(c, hidden, &own.blend), *p = latent_form_fit(c, hidden, &plain, NULL);

	for (size_t i = 0; i < c->n_rows; i++) {
		const struct coloc_row *r = c->rows + i;
		double out[RIVALS] = { 0, 1 };

		if (!hidden[i] || !r->n_neighbours)
			continue;
		out[RIVAL_MODEL] = latent_predict(l, r);
		out[RIVAL_MEAN] = mean_predict(c, hidden, r);
		out[RIVAL_FACTORISATION] = latent_predict(p, r);
		cv_add(cv, i, out);
	}
	latent_free(l);
	latent_free(p);
	if (!once->fixed)
		choice_free(&own);
}

static void coverage(const struct coloc *c, struct cv *cv)
{
	size_t inside = 0;

	cv->half_width = mem_alloc(cv->n + 1, sizeof(double));
	for (size_t i = 0; i < cv->n;) {
		int group = c->rows[cv->row[i]].group;
		struct widths w;
		double bound;

		widths_fit(c, cv, group, &w);
		bound = score_quantile(w.scores, w.n_scores, w.n_groups, 0.9);
		for (; i < cv->n && c->rows[cv->row[i]].group == group; i++) {
			const struct coloc_row *r = c->rows + cv->row[i];
			double y = cv->predicted[RIVAL_MODEL][i];

			cv->half_width[i] = bound * widths_at(&w, r->victim, y);
			inside += fabs(log(y / r->slowdown)) <= cv->half_width[i];
		}
		widths_free(&w);
	}
	cv->coverage_ratio = cv->n ? (double)inside / (double)cv->n : NAN;
}

static void summarise(const struct coloc *c, struct cv *cv)
{
	for (int m = 0; m < RIVALS; m++) {
		double sum = 0;

		for (size_t i = 0; i < cv->n; i++)
			sum += relative(cv->predicted[m][i], c->rows[cv->row[i]].slowdown);
		cv->error_ratio[m] = cv->n ? sum / (double)cv->n : NAN;
	}
	coverage(c, cv);
}

static struct chosen choose_once(const struct coloc *c, uint64_t seed)
{
	struct chosen once = { .fixed = c->n_rows > MANY_ROWS };

	if (once.fixed) {
		once.model = choose_model(c, NULL, seed);
		once.plain = choose_plain(c, NULL, seed);
	}
	return once;
}

static void chosen_free(struct chosen *once)
{
	if (once->fixed)
		choice_free(&once->model);
}

struct cv *cv_leave_colocation(const struct coloc *c, uint64_t seed)
{
	int n = c->n_groups > MANY_GROUPS ? OUTER_FOLDS_MANY : c->n_groups;
	int *fold = folds_deal(c->n_groups, n, seed + 1);
	bool *hidden = mem_alloc(c->n_rows + 1, sizeof(*hidden));
	struct chosen once = choose_once(c, seed);
	struct cv *cv = cv_new();

	for (int f = 0; f < n; f++) {
		for (size_t i = 0; i < c->n_rows; i++)
			hidden[i] = fold[c->rows[i].group] == f;
		fold_run(cv, c, hidden, &once, seed);
	}
	chosen_free(&once);
	summarise(c, cv);
	free(fold);
	free(hidden);
	return cv;
}

static bool takes_part(const struct coloc_row *r, int service)
{
	bool part = r->victim == service;

	for (int j = 0; j < r->n_neighbours; j++)
		part |= r->neighbours[j] == service;
	return part;
}

/* Every second of the service's co-locations, in seeded order. */
static void half_hide(const struct coloc *c, int service, int half, const int *order, bool *hidden)
{
	int *place = mem_alloc((size_t)c->n_groups + 1, sizeof(*place)), n = 0;

	for (size_t i = 0; i < c->n_rows; i++)
		if (takes_part(c->rows + i, service))
			place[c->rows[i].group] = 1;
	for (int i = 0; i < c->n_groups; i++)
		if (place[order[i]])
			place[order[i]] = 1 + n++ % 2;
	for (size_t i = 0; i < c->n_rows; i++)
		hidden[i] = place[c->rows[i].group] == 1 + half;
	free(place);
}

struct cv *cv_leave_half(const struct coloc *c, uint64_t seed)
{
	bool *hidden = mem_alloc(c->n_rows + 1, sizeof(*hidden));
	struct chosen once = choose_once(c, seed);
	struct cv *cv = cv_new();

	for (int s = 0; s < c->n_services; s++) {
		int *order = folds_deal(c->n_groups, c->n_groups, seed + 2 + (uint64_t)s);

		for (int half = 0; half < 2; half++) {
			half_hide(c, s, half, order, hidden);
			fold_run(cv, c, hidden, &once, seed);
		}
		free(order);
	}
	chosen_free(&once);
	summarise(c, cv);
	free(hidden);
	return cv;
}
