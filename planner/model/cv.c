/* Nested cross-validation over co-locations: see cv.h. */
#include "planner/model/cv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"

#define INNER_FOLDS 5
#define OUTER_FOLDS_MANY 20
#define MANY_GROUPS 80
#define MANY_ROWS 500        /* beyond, the model is chosen once, not inside every fold */

const char *const rival_names[RIVALS] = { "cotenant", "no interference", "mean of the service's other runs",
					  "plain matrix factorisation" };

static const double ridges[] = { 0.03, 0.1, 0.25, 0.6, 1.5 };

/*
 * The table of models: one row = one more candidate. Averages beat each of their forms on every link (by 0.3 to 0.7 points on the
 * public pairs), and fewer candidates leave less luck in the choice.
 */
static const struct latent_spec models[] = {
	{ .name = "linear", .link = 1, .average = true },
	{ .name = "exponential", .link = 0, .average = true },
	{ .name = "queue", .link = -1, .average = true },
};

static const struct latent_spec plain_models[] = {
	{ .name = "rank 1", .plain = true, .link = 1, .shared = 1 },
	{ .name = "rank 2", .plain = true, .link = 1, .shared = 2 },
	{ .name = "rank 3", .plain = true, .link = 1, .shared = 3 },
};

static double relative(double predicted, double measured)
{
	return fabs(predicted - measured) / measured;
}

/* A seeded fold for every co-location. */
static int *folds_deal(int n_groups, int n_folds, uint64_t seed)
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

static double spec_error(const struct coloc *c, const bool *hidden, const struct latent_spec *spec, const int *fold)
{
	bool *mask = mem_alloc(c->n_rows + 1, sizeof(*mask));
	double sum = 0;
	size_t n = 0;

	for (int f = 0; f < INNER_FOLDS; f++) {
		struct latent *l;

		for (size_t i = 0; i < c->n_rows; i++)
			mask[i] = (hidden && hidden[i]) || fold[c->rows[i].group] == f;
		l = latent_fit(c, mask, spec);
		for (size_t i = 0; i < c->n_rows; i++) {
			const struct coloc_row *r = c->rows + i;

			if (fold[r->group] != f || (hidden && hidden[i]) || !r->n_neighbours)
				continue;
			sum += relative(latent_predict(l, r), r->slowdown);
			n++;
		}
		latent_free(l);
	}
	free(mask);
	return n ? sum / (double)n : INFINITY;
}

struct latent_spec cv_choose(const struct coloc *c, const bool *hidden, bool plain, uint64_t seed)
{
	const struct latent_spec *rows = plain ? plain_models : models;
	size_t n = plain ? sizeof(plain_models) / sizeof(*models) : sizeof(models) / sizeof(*models);
	int *fold = folds_deal(c->n_groups, INNER_FOLDS, seed);
	struct latent_spec best = rows[0];
	double least = INFINITY;

	best.ridge = ridges[2];
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < sizeof(ridges) / sizeof(*ridges); j++) {
			struct latent_spec spec = rows[i];
			double error;

			spec.ridge = plain ? ridges[j] / 4 : ridges[j];
			error = spec_error(c, hidden, &spec, fold);
			if (error < least) {
				least = error;
				best = spec;
			}
		}
	free(fold);
	return best;
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
	for (int m = 0; m < RIVALS; m++)
		free(cv->predicted[m]);
	free(cv);
}

struct chosen { bool fixed; struct latent_spec model, plain; };

/* Predict every hidden run by everyone. */
static void fold_run(struct cv *cv, const struct coloc *c, const bool *hidden, const struct chosen *once, uint64_t seed)
{
	struct latent_spec spec = once->fixed ? once->model : cv_choose(c, hidden, false, seed);
	struct latent_spec plain = once->fixed ? once->plain : cv_choose(c, hidden, true, seed);
	struct latent *l = latent_fit(c, hidden, &spec), *p = latent_fit(c, hidden, &plain);

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
}

static void coverage(const struct coloc *c, struct cv *cv)
{
	size_t inside = 0;

	for (size_t i = 0; i < cv->n;) {
		int group = c->rows[cv->row[i]].group;
		struct widths w;
		size_t rank;

		widths_fit(c, cv, group, &w);
		rank = (size_t)ceil(((double)w.n_scores + 1) * 0.9);
		for (; i < cv->n && c->rows[cv->row[i]].group == group; i++) {
			const struct coloc_row *r = c->rows + cv->row[i];
			double y = cv->predicted[RIVAL_MODEL][i], score = fabs(log(y / r->slowdown)) / widths_at(&w, r->victim, y);

			inside += !w.n_scores || score <= w.scores[rank <= w.n_scores ? rank - 1 : w.n_scores - 1];
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
		once.model = cv_choose(c, NULL, false, seed);
		once.plain = cv_choose(c, NULL, true, seed);
	}
	return once;
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
	summarise(c, cv);
	free(hidden);
	return cv;
}
