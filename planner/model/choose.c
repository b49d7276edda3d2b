/* Cross-validated choice of forms, shrinkage and kinds: see choose.h. */
#include "planner/model/choose.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "planner/model/model.h"
#include "planner/model/trial.h"

#define DOUBT 2.5            /* standard errors by which a service's own runs must speak for a kind of its own */
#define DOUBT_COMMON 1.0     /* the same for everybody's kind: the one-standard-error rule */
#define DOUBT_RUNS 6
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

/* Best shrinkage of a form; its held-out predictions stay in z. */
static double form_tune(const struct trial *t, const struct latent_spec *row, double *ridge, double *z)
{
	double *mine = mem_alloc(t->n + 1, sizeof(*mine)), least = INFINITY;

	for (size_t i = 0; i < RIDGES; i++) {
		struct latent_spec form = *row;
		double error;

		form.ridge = ridges[i];
		error = trial_form(t, &form, mine);
		if (error < least) {
			least = error;
			*ridge = ridges[i];
			memcpy(z, mine, t->n * sizeof(*z));
		}
	}
	free(mine);
	return least;
}

/* Mean squared miss of pairs, or of groups; a wild miss of 100 % counts once. NAN = there are none. */
static double spread_of(const struct trial *t, const double *miss, bool groups)
{
	double total = 0, n = 0;

	for (size_t i = 0; i < t->n; i++)
		if ((t->c->rows[t->row[i]].n_neighbours > 1) == groups) {
			total += fmin(1, miss[i] * miss[i]);
			n++;
		}
	return n > 0 ? total / n : NAN;
}

/* Noise of one run over the spread of pairs around what was predicted for them unseen: empirical Bayes. 0 = no spread beyond noise. */
static double pair_ridge(const struct trial *t, double spread)
{
	double noise = trial_noise_variance(t);

	noise = isfinite(noise) ? noise : NOISE_SHARE_UNKNOWN * spread;
	return spread - noise > PAIR_SPREAD_MIN * spread ? fmax(noise / (spread - noise), PAIR_RIDGE_MIN) : 0;
}

/* One kind for everybody: its blend, and every run's held-out error. */
static void kind_try(struct trial *t, double link, bool groups, struct latent_blend *blend, double *miss)
{
	double *z[LATENT_FORMS], pairs_spread;
	bool usable[LATENT_FORMS];

	for (int i = 0; i < t->c->n_services; i++)
		t->links[i] = link;
	for (int f = 0; f < LATENT_FORMS; f++) {
		z[f] = mem_alloc(t->n + 1, sizeof(double));
		usable[f] = isfinite(form_tune(t, latent_forms + f, blend->ridge + f, z[f]));
	}
	stack_weigh(t, z, usable, blend->weight);
	for (size_t i = 0; i < t->n; i++) {
		double x = 0, y = t->c->rows[t->row[i]].slowdown;

		for (int f = 0; f < LATENT_FORMS; f++)
			x += blend->weight[f] * z[f][i];
		miss[i] = fabs(fmax(1, link_slowdown(link, x)) / y - 1);
	}
	for (int f = 0; f < LATENT_FORMS; f++)
		free(z[f]);
	pairs_spread = spread_of(t, miss, false);
	blend->pair_ridge = pair_ridge(t, pairs_spread);
	blend->group_trust = fmin(1, pairs_spread / spread_of(t, miss, true));
	if (groups && blend->pair_ridge > 0)
		trial_blend(t, blend, miss);
}

/* By how much `other` beats `common` on a service's runs (-1 = everybody's); 0 unless it does so beyond doubt (paired differences). */
static double gain_of(const struct trial *t, int service, const double *common, const double *other)
{
	double sum = 0, squares = 0, n = 0, mean, doubt = service < 0 ? DOUBT_COMMON : DOUBT;

	for (size_t i = 0; i < t->n; i++)
		if (service < 0 || t->c->rows[t->row[i]].victim == service) {
			double d = common[i] - other[i];

			sum += d;
			squares += d * d;
			n++;
		}
	mean = sum / fmax(n, 1);
	return n >= DOUBT_RUNS && mean > doubt * sqrt(fmax(0, squares / n - mean * mean) / (n - 1)) ? mean : 0;
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
	double *miss[KINDS], most = 0;
	struct trial t;
	size_t best = 0, groups = 0, n_kinds;

	trial_begin(&t, c, hidden, seed);
	for (size_t i = 0; i < t.n; i++)
		groups += c->rows[t.row[i]].n_neighbours > 1;
	n_kinds = groups < GROUP_RUNS_MIN ? 1 : KINDS;
	for (size_t k = 0; k < n_kinds; k++) {
		miss[k] = mem_alloc(t.n + 1, sizeof(double));
		kind_try(&t, model_kinds[k].link, n_kinds > 1, blends + k, miss[k]);
	}
	for (size_t k = 1; k < n_kinds; k++) {
		double gain = gain_of(&t, -1, miss[0], miss[k]);

		if (gain > most) {
			most = gain;
			best = k;
		}
	}
	ch.blend = blends[best];
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
			double error = trial_form(&t, &form, z);

			if (error < least) {
				least = error;
				best = form;
			}
		}
	trial_end(&t);
	free(z);
	return best;
}
