/* Cross-validated choice of forms, shrinkage and kinds: see choose.h. */
#include "planner/model/choose.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "planner/model/model.h"

#define INNER_FOLDS 5
#define DOUBT 2.5            /* standard errors by which a service's own runs must speak for a kind of its own */
#define DOUBT_RUNS 6
#define EVEN_TRUST 0.5           /* pull of the weights towards even ones, as a share of the targets' variance */
#define STACK_ROUNDS 60
#define NOISE_SHARE_UNKNOWN 0.5  /* of the held-out error, where no run was repeated */
#define PAIR_SPREAD_MIN 0.05     /* share of the held-out error that must be more than noise for pairs to be told apart */
#define PAIR_RIDGE_MIN 0.02
#define GROUP_RUNS_MIN 10    /* with fewer runs beside two or more, nothing says how neighbours add up: the first kind is taken */

const struct kind_row model_kinds[] = {
	{ "linear", "delays add up", 1 },
	{ "log", "slowdowns multiply", 0 },
	{ "queue", "1 / (1 - utilisation)", -1 },
	{ "saturating", "a resource that is full already", 2 },
	{ 0 },
};

#define KINDS (sizeof(model_kinds) / sizeof(*model_kinds) - 1)

static const double ridges[] = { 0.03, 0.12, 0.4, 1.5 };

#define RIDGES (sizeof(ridges) / sizeof(*ridges))

/* What one cross-validation looks at. */
struct trial {
	const struct coloc *c;
	const bool *hidden;
	int *fold;
	double *links;             /* per service, of the kind on trial */
	size_t n;
	size_t *row;               /* visible runs with neighbours */
};

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

static void trial_begin(struct trial *t, const struct coloc *c, const bool *hidden, uint64_t seed)
{
	*t = (struct trial){ .c = c, .hidden = hidden, .fold = folds_deal(c->n_groups, INNER_FOLDS, seed),
			     .links = mem_alloc((size_t)c->n_services + 1, sizeof(double)), .row = mem_alloc(c->n_rows + 1, sizeof(size_t)) };
	for (size_t i = 0; i < c->n_rows; i++)
		if (c->rows[i].n_neighbours && !(hidden && hidden[i]))
			t->row[t->n++] = i;
}

static void trial_end(struct trial *t)
{
	free(t->fold);
	free(t->links);
	free(t->row);
}

/* Held-out predictions of one form into z[0..n); the mean relative error, INFINITY when the form has no components. */
static double form_try(const struct trial *t, const struct latent_spec *form, double *z)
{
	const struct coloc *c = t->c;
	bool *mask = mem_alloc(c->n_rows + 1, sizeof(*mask)), empty = false;
	double sum = 0;

	for (int f = 0; f < INNER_FOLDS && !empty; f++) {
		struct latent *l;

		for (size_t i = 0; i < c->n_rows; i++)
			mask[i] = (t->hidden && t->hidden[i]) || t->fold[c->rows[i].group] == f;
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

/* Best shrinkage of a form; its held-out predictions stay in z. */
static double form_tune(const struct trial *t, const struct latent_spec *row, double *ridge, double *z)
{
	double *mine = mem_alloc(t->n + 1, sizeof(*mine)), least = INFINITY;

	for (size_t i = 0; i < RIDGES; i++) {
		struct latent_spec form = *row;
		double error;

		form.ridge = ridges[i];
		error = form_try(t, &form, mine);
		if (error < least) {
			least = error;
			*ridge = ridges[i];
			memcpy(z, mine, t->n * sizeof(*z));
		}
	}
	free(mine);
	return least;
}

/*
 * Weights >= 0 with sum 1 of the usable forms: least squares of the held-out predictions on relative errors, pulled towards even
 * weights. Solved by moving weight between two forms at a time, exactly, until nothing moves.
 */
static void stack(const struct trial *t, double *const *z, const bool *usable, double *weight)
{
	double a[LATENT_FORMS][LATENT_FORMS] = { 0 }, b[LATENT_FORMS] = { 0 }, total = 0, pull, forms = 0;

	for (size_t i = 0; i < t->n; i++) {
		const struct coloc_row *r = t->c->rows + t->row[i];
		double link = t->links[r->victim], y = link_transform(link, r->slowdown), base = pow(r->slowdown, -2 * link);

		for (int f = 0; f < LATENT_FORMS; f++) {
			double x = fmax(-1, fmin(1, (z[f][i] - y) * sqrt(base))); /* a wild miss of 100 % counts once */

			for (int g = 0; g < LATENT_FORMS; g++)
				a[f][g] += usable[f] && usable[g] ? x * fmax(-1, fmin(1, (z[g][i] - y) * sqrt(base))) : 0;
		}
		total += y * y * base;
	}
	for (int f = 0; f < LATENT_FORMS; f++)
		forms += usable[f];
	pull = EVEN_TRUST * total / fmax(1, sqrt((double)t->n));
	for (int f = 0; f < LATENT_FORMS; f++) {
		weight[f] = usable[f] ? 1 / forms : 0;
		a[f][f] += pull;
		b[f] = pull / forms;
	}
	for (int round = 0; round < STACK_ROUNDS; round++)
		for (int f = 0; f < LATENT_FORMS; f++)
			for (int g = 0; g < f; g++) {
				double slope = 0, bend = a[f][f] + a[g][g] - 2 * a[f][g], step;

				if (!usable[f] || !usable[g] || bend <= 0)
					continue;
				for (int h = 0; h < LATENT_FORMS; h++)
					slope += weight[h] * (a[f][h] - a[g][h]);
				step = fmax(-weight[f], fmin(weight[g], -(slope - b[f] + b[g]) / bend));
				weight[f] += step;
				weight[g] -= step;
			}
	for (int f = 0; f < LATENT_FORMS; f++)
		weight[f] = weight[f] < 1e-3 ? 0 : weight[f];
}

/* Relative variance of one run among its repeats; NAN without repeats. */
static double noise_variance(const struct trial *t)
{
	double *sum = mem_alloc((size_t)t->c->n_cells + 1, sizeof(*sum)), *n = mem_alloc((size_t)t->c->n_cells + 1, sizeof(*n));
	double squares = 0, free_runs = 0;

	for (size_t i = 0; i < t->n; i++) {
		sum[t->c->rows[t->row[i]].cell] += t->c->rows[t->row[i]].slowdown;
		n[t->c->rows[t->row[i]].cell]++;
	}
	for (size_t i = 0; i < t->n; i++) {
		const struct coloc_row *r = t->c->rows + t->row[i];

		squares += n[r->cell] > 1 ? pow(r->slowdown * n[r->cell] / sum[r->cell] - 1, 2) : 0;
		free_runs += n[r->cell] > 1 ? 1 - 1 / n[r->cell] : 0;
	}
	free(sum);
	free(n);
	return free_runs > 0 ? squares / free_runs : NAN;
}

/* Noise of one run over the spread of pairs around what was predicted for them unseen: empirical Bayes. 0 = no spread beyond noise. */
static double pair_ridge(const struct trial *t, const double *miss)
{
	double total = 0, n = 0, noise = noise_variance(t);

	for (size_t i = 0; i < t->n; i++)
		if (t->c->rows[t->row[i]].n_neighbours == 1) {
			total += fmin(1, miss[i] * miss[i]);
			n++;
		}
	total /= fmax(n, 1);
	noise = isfinite(noise) ? noise : NOISE_SHARE_UNKNOWN * total;
	return total - noise > PAIR_SPREAD_MIN * total ? fmax(noise / (total - noise), PAIR_RIDGE_MIN) : 0;
}

/* The finished blend, pairs and all, on every fold. */
static double blend_try(const struct trial *t, struct latent_blend *blend, double *miss)
{
	bool *mask = mem_alloc(t->c->n_rows + 1, sizeof(*mask));
	double sum = 0;

	blend->links = t->links;
	for (int f = 0; f < INNER_FOLDS; f++) {
		struct latent *l;

		for (size_t i = 0; i < t->c->n_rows; i++)
			mask[i] = (t->hidden && t->hidden[i]) || t->fold[t->c->rows[i].group] == f;
		l = latent_fit(t->c, mask, blend);
		for (size_t i = 0; i < t->n; i++) {
			const struct coloc_row *r = t->c->rows + t->row[i];

			if (t->fold[r->group] != f)
				continue;
			miss[i] = fabs(latent_predict(l, r) / r->slowdown - 1);
			sum += miss[i];
		}
		latent_free(l);
	}
	free(mask);
	return t->n ? sum / (double)t->n : 0;
}

/* One kind for everybody: its blend, and every run's held-out error. Returns the mean error. */
static double kind_try(struct trial *t, double link, bool groups, struct latent_blend *blend, double *miss)
{
	double *z[LATENT_FORMS], sum = 0;
	bool usable[LATENT_FORMS];

	for (int i = 0; i < t->c->n_services; i++)
		t->links[i] = link;
	for (int f = 0; f < LATENT_FORMS; f++) {
		z[f] = mem_alloc(t->n + 1, sizeof(double));
		usable[f] = isfinite(form_tune(t, latent_forms + f, blend->ridge + f, z[f]));
	}
	stack(t, z, usable, blend->weight);
	for (size_t i = 0; i < t->n; i++) {
		double x = 0, y = t->c->rows[t->row[i]].slowdown;

		for (int f = 0; f < LATENT_FORMS; f++)
			x += blend->weight[f] * z[f][i];
		miss[i] = fabs(fmax(1, link_slowdown(link, x)) / y - 1);
		sum += miss[i];
	}
	for (int f = 0; f < LATENT_FORMS; f++)
		free(z[f]);
	blend->pair_ridge = pair_ridge(t, miss);
	if (groups && blend->pair_ridge > 0)
		return blend_try(t, blend, miss);
	return t->n ? sum / (double)t->n : 0;
}

/* By how much `other` beats `common` on a service's runs (-1 = everybody's); 0 unless it does so beyond doubt (paired differences). */
static double gain_of(const struct trial *t, int service, const double *common, const double *other)
{
	double sum = 0, squares = 0, n = 0, mean;

	for (size_t i = 0; i < t->n; i++)
		if (service < 0 || t->c->rows[t->row[i]].victim == service) {
			double d = common[i] - other[i];

			sum += d;
			squares += d * d;
			n++;
		}
	mean = sum / fmax(n, 1);
	return n >= DOUBT_RUNS && mean > DOUBT * sqrt(fmax(0, squares / n - mean * mean) / (n - 1)) ? mean : 0;
}

static void kinds_assign(const struct trial *t, double *const *miss, size_t n_kinds, size_t best, struct choice *ch)
{
	for (int s = 0; s < t->c->n_services; s++) {
		double most = 0;

		ch->kind[s] = (int)best;
		for (size_t k = 0; k < n_kinds; k++) {
			double gain = k == best ? 0 : gain_of(t, s, miss[best], miss[k]);

			if (gain > most) {
				most = gain;
				ch->kind[s] = (int)k;
			}
		}
		ch->blend.links[s] = model_kinds[ch->kind[s]].link;
	}
}

struct choice choose_model(const struct coloc *c, const bool *hidden, uint64_t seed)
{
	struct choice ch = { .kind = mem_alloc((size_t)c->n_services + 1, sizeof(int)) };
	struct latent_blend blends[KINDS] = { 0 };
	double *miss[KINDS], mean[KINDS], most = 0;
	struct trial t;
	size_t best = 0, groups = 0, n_kinds;

	trial_begin(&t, c, hidden, seed);
	for (size_t i = 0; i < t.n; i++)
		groups += c->rows[t.row[i]].n_neighbours > 1;
	n_kinds = groups < GROUP_RUNS_MIN ? 1 : KINDS;
	for (size_t k = 0; k < n_kinds; k++) {
		miss[k] = mem_alloc(t.n + 1, sizeof(double));
		mean[k] = kind_try(&t, model_kinds[k].link, n_kinds > 1, blends + k, miss[k]);
	}
	for (size_t k = 1; k < n_kinds; k++) {
		double gain = gain_of(&t, -1, miss[0], miss[k]);

		if (gain > most) {
			most = gain;
			best = k;
		}
	}
	ch.blend = blends[best];
	if (getenv("DBG")) { for (size_t k = 0; k < n_kinds; k++) { fprintf(stderr, "%s mean %.4f ridge %.3f w", model_kinds[k].name, mean[k], blends[k].pair_ridge); for (int f = 0; f < LATENT_FORMS; f++) fprintf(stderr, " %.2f(%.2f)", blends[k].weight[f], blends[k].ridge[f]); fprintf(stderr, "\n"); } }
	ch.blend.links = mem_alloc((size_t)c->n_services + 1, sizeof(double));
	kinds_assign(&t, miss, n_kinds, best, &ch);
	for (size_t k = 0; k < n_kinds; k++)
		free(miss[k]);
	trial_end(&t);
	return ch;
}

void choice_free(struct choice *ch)
{
	free(ch->blend.links);
	free(ch->kind);
}

struct latent_spec choose_plain(const struct coloc *c, const bool *hidden, uint64_t seed)
{
	struct latent_spec best = { .plain = true, .shared = 1, .ridge = ridges[1] };
	double *z = mem_alloc(c->n_rows + 1, sizeof(*z)), least = INFINITY;
	struct trial t;

	trial_begin(&t, c, hidden, seed);
	for (int rank = 1; rank <= 3; rank++)
		for (size_t i = 0; i < RIDGES; i++) {
			struct latent_spec form = { .plain = true, .shared = rank, .ridge = ridges[i] / 4 };
			double error = form_try(&t, &form, z);

			if (error < least) {
				least = error;
				best = form;
			}
		}
	trial_end(&t);
	free(z);
	return best;
}
