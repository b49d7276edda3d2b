/* Made-up co-locations with a known truth: see coloc_truth.h. */
#include "tests/planner/coloc_truth.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

#define RESOURCES 3
#define MEMBERS_MAX 8

const char *const coloc_law_names[LAWS] = { "additive", "multiplicative", "max", "queue", "saturating", "fair share" };

struct coloc_truth {
	struct coloc_plan plan;
	struct rng rng;
	double *p, *s;    /* [(service * types + type) * RESOURCES + resource] */
};

static double normal(struct rng *r)
{
	return sqrt(-2 * log(1 - rng_unit(r))) * cos(2 * M_PI * rng_unit(r));
}

/* A service leans on one resource more than on the others; node types agree roughly. */
struct coloc_truth *coloc_truth_new(const struct coloc_plan *plan)
{
	struct coloc_truth *t = mem_alloc(1, sizeof(*t));
	size_t n = (size_t)plan->services * (size_t)plan->types * RESOURCES;

	t->plan = *plan;
	t->p = mem_alloc(n, sizeof(double));
	t->s = mem_alloc(n, sizeof(double));
	rng_seed(&t->rng, plan->seed);
	for (int i = 0; i < plan->services; i++) {
		int lean_p = (int)rng_below(&t->rng, RESOURCES), lean_s = (int)rng_below(&t->rng, RESOURCES);

		for (int k = 0; k < RESOURCES; k++) {
			double p = exp(0.6 * normal(&t->rng)) * (k == lean_p ? 1 : 0.25), s = 0.25 * exp(0.6 * normal(&t->rng)) * (k == lean_s ? 1 : 0.25);

			for (int y = 0; y < plan->types; y++) {
				size_t at = (size_t)((i * plan->types + y) * RESOURCES + k);

				t->p[at] = p * exp(0.2 * y * normal(&t->rng));
				t->s[at] = s * exp(0.2 * y * normal(&t->rng));
			}
		}
	}
	return t;
}

void coloc_truth_free(struct coloc_truth *t)
{
	if (!t)
		return;
	free(t->p);
	free(t->s);
	free(t);
}

/* Max-min fair share of one CPU: everybody gets what it wants up to a level that fills the CPU. */
static double fair_share(const double *want, int n)
{
	double left = 1, level = 0;
	int open = n;
	bool done[MEMBERS_MAX] = { false };

	for (bool moved = true; moved && open;) {
		moved = false;
		level = left / open;
		for (int i = 0; i < n; i++)
			if (!done[i] && want[i] <= level) {
				left -= want[i];
				done[i] = moved = true;
				open--;
			}
	}
	return done[0] ? 1 : want[0] / level;
}

double coloc_truth_slowdown(const struct coloc_truth *t, int v, const int *g, int n, int type)
{
	const double *s = t->s + (v * t->plan.types + type) * RESOURCES;
	double sum[RESOURCES] = { 0 }, z = 0, product = 1, most = 0, want[MEMBERS_MAX] = { 0 };

	for (int j = 0; j < n; j++) {
		const double *p = t->p + (g[j] * t->plan.types + type) * RESOURCES;
		double one = 0;

		for (int k = 0; k < RESOURCES; k++) {
			sum[k] += p[k];
			one += s[k] * p[k];
		}
		product *= 1 + one;
		want[j + 1] = fmin(1, 0.6 * p[0]);
	}
	for (int k = 0; k < RESOURCES; k++) {
		z += s[k] * sum[k];
		most = fmax(most, s[k] * sum[k]);
	}
	switch (t->plan.law) {
	case LAW_MULTIPLICATIVE: return product;
	case LAW_MAX: return 1 + most;
	case LAW_QUEUE: return 1 / (1 - fmin(0.5 * z, 0.9));
	case LAW_SATURATING: return 1 + 1.2 * (1 - exp(-z / 0.6));
	case LAW_FAIR_SHARE:
		want[0] = fmin(1, 0.6 * t->p[(v * t->plan.types + type) * RESOURCES]);
		return fair_share(want, n + 1) * (1 + 0.3 * (s[1] * sum[1] + s[2] * sum[2]));
	default: return 1 + z;
	}
}

void coloc_truth_measure(struct coloc_truth *t, struct coloc *c, const int *member, int n, int type)
{
	char name[MEMBERS_MAX][16], *list[MEMBERS_MAX], kind[16];
	struct err e = { 0 };

	snprintf(kind, sizeof(kind), "node-%d", type);
	for (int i = 0; i < n; i++)
		snprintf(name[i], sizeof(name[i]), "s%d", member[i]);
	for (int i = 0; i < n; i++)
		for (int r = 0; r < t->plan.repeats; r++) {
			int others[MEMBERS_MAX], m = 0;
			double y;

			for (int j = 0; j < n; j++)
				if (j != i) {
					list[m] = name[j];
					others[m++] = member[j];
				}
			y = coloc_truth_slowdown(t, member[i], others, m, type) * exp(t->plan.noise_ratio * normal(&t->rng));
			if (coloc_append(c, "made up", name[i], list, m, kind, member[i] % 2 ? "throughput" : "time", 1000,
					 member[i] % 2 ? 1000 / y : 1000 * y, &e) < 0)
				abort();
		}
}

struct coloc *coloc_truth_campaign(struct coloc_truth *t)
{
	const struct coloc_plan *plan = &t->plan;
	struct coloc *c = coloc_new("made up");
	struct err e = { 0 };
	int pairs = 0;

	for (int y = 0; y < plan->types; y++)
		for (int a = 0; a < plan->services; a++)
			for (int b = a; b < plan->services; b++) {
				if (rng_unit(&t->rng) > plan->density_ratio)
					continue;
				coloc_truth_measure(t, c, (int[]){ a, b }, 2, y);
				pairs++;
			}
	for (int i = 0; plan->group_max > 2 && i < plan->groups_ratio * pairs; i++) {
		int n = 3 + (int)rng_below(&t->rng, (uint32_t)plan->group_max - 2), member[MEMBERS_MAX];

		for (int j = 0; j < n; j++)
			member[j] = (int)rng_below(&t->rng, (uint32_t)plan->services);
		coloc_truth_measure(t, c, member, n, (int)rng_below(&t->rng, (uint32_t)plan->types));
	}
	if (coloc_seal(c, NULL, &e) < 0)
		abort();
	return c;
}

/* Mean error of a refit over all pairs, against the noise-free truth. id: the truth's number of each service. */
static double pairs_error(const struct coloc_truth *t, const struct coloc *c, const struct latent_blend *blend, const int *id)
{
	struct latent *l = latent_fit(c, NULL, blend);
	double sum = 0;

	for (int v = 0; v < c->n_services; v++)
		for (int j = 0; j < c->n_services; j++) {
			struct coloc_row row = { .victim = v, .n_neighbours = 1, .neighbours = &j };

			sum += fabs(latent_predict(l, &row) / coloc_truth_slowdown(t, id[v], id + j, 1, 0) - 1);
		}
	latent_free(l);
	return sum / (c->n_services * c->n_services);
}

double coloc_truth_error_after(const struct coloc_plan *plan, const struct latent_blend *blend, int a, int b)
{
	struct coloc_truth *t = coloc_truth_new(plan);
	struct coloc *c = coloc_truth_campaign(t);
	int *id = mem_alloc((size_t)c->n_services, sizeof(*id));
	struct err e = { 0 };
	double error;

	for (int i = 0; i < c->n_services; i++)
		id[i] = atoi(c->services[i] + 1);
	if (a >= 0)
		coloc_truth_measure(t, c, (int[]){ id[a], id[b] }, 2, 0);
	if (coloc_seal(c, NULL, &e) < 0)
		abort();
	error = pairs_error(t, c, blend, id);
	free(id);
	coloc_free(c);
	coloc_truth_free(t);
	return error;
}
