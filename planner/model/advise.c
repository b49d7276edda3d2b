/* Expected variance reduction of one more run: see advise.h. */
#include "planner/model/advise.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "planner/model/trial.h"

#define REFITS 24              /* covariances from fewer are mostly luck */
#define LEFT_OUT_FOLDS 3       /* each refit is without every third co-location */
#define TARGETS_MAX 4000       /* pairs looked at; of more services, a seeded sample */
#define NOISE_MIN 0.01
#define NOISE_UNKNOWN 0.05

struct pair { int victim, neighbour; };

struct board {
	const struct coloc *c;
	int type;
	size_t n;              /* targets */
	struct pair *pair;
	double *y;             /* [target * REFITS + refit], log slowdown, centred */
	double *var;
	int *measured;         /* [victim * n_services + neighbour]: runs of this pair on this type */
	bool *is_victim, with_itself;
	double pair_ridge, spread; /* of what is particular to a pair: variance of log slowdown */
};

static void seen_mark(struct board *b)
{
	size_t n = (size_t)b->c->n_services;
	size_t *on_type = mem_alloc((size_t)b->c->n_types + 1, sizeof(*on_type));

	for (size_t i = 0; i < b->c->n_rows; i++)
		on_type[b->c->rows[i].type] += b->c->rows[i].n_neighbours > 0;
	for (int t = 1; t < b->c->n_types; t++) /* the type with the fewest runs is known least */
		b->type = on_type[t] < on_type[b->type] ? t : b->type;
	free(on_type);
	b->measured = mem_alloc(n * n + 1, sizeof(int));
	b->is_victim = mem_alloc(n + 1, sizeof(bool));
	for (size_t i = 0; i < b->c->n_rows; i++) {
		const struct coloc_row *r = b->c->rows + i;

		b->is_victim[r->victim] |= r->n_neighbours > 0;
		for (int j = 0; j < r->n_neighbours; j++)
			b->with_itself |= r->neighbours[j] == r->victim;
		if (r->n_neighbours == 1 && r->type == b->type)
			b->measured[(size_t)r->victim * n + (size_t)r->neighbours[0]]++;
	}
}

static void targets_list(struct board *b, struct rng *r)
{
	int n = b->c->n_services, victims = 0;
	double keep;

	for (int i = 0; i < n; i++)
		victims += b->is_victim[i];
	keep = victims ? TARGETS_MAX / ((double)victims * victims) : 1;
	b->pair = mem_alloc((size_t)victims * (size_t)victims + 1, sizeof(*b->pair));
	for (int v = 0; v < n; v++)
		for (int j = 0; j < n; j++)
			if (b->is_victim[v] && b->is_victim[j] && (v != j || b->with_itself) && (keep >= 1 || rng_unit(r) < keep))
				b->pair[b->n++] = (struct pair){ v, j };
}

static void refit(struct board *b, const struct latent_blend *blend, int which, uint64_t seed)
{
	const struct coloc *c = b->c;
	int *fold = folds_deal(c->n_groups, LEFT_OUT_FOLDS, seed + (uint64_t)(which / LEFT_OUT_FOLDS) * 7919u);
	bool *hidden = mem_alloc(c->n_rows + 1, sizeof(*hidden));
	struct latent *l;

	for (size_t i = 0; i < c->n_rows; i++)
		hidden[i] = fold[c->rows[i].group] == which % LEFT_OUT_FOLDS;
	l = latent_fit(c, hidden, blend);
	for (size_t i = 0; i < b->n; i++) {
		struct coloc_row row = { .victim = b->pair[i].victim, .type = b->type, .n_neighbours = 1, .neighbours = &b->pair[i].neighbour };

		b->y[i * REFITS + (size_t)which] = log(latent_predict(l, &row));
	}
	latent_free(l);
	free(hidden);
	free(fold);
}

static void centre(struct board *b)
{
	for (size_t i = 0; i < b->n; i++) {
		double *y = b->y + i * REFITS, mean = 0;

		for (int k = 0; k < REFITS; k++)
			mean += y[k] / REFITS;
		for (int k = 0; k < REFITS; k++) {
			y[k] -= mean;
			b->var[i] += y[k] * y[k] / (REFITS - 1);
		}
	}
}

/*
 * Refits without every third co-location overstate how little is known of what was measured: n runs leave var / (1 + n var / noise^2).
 * Without this, repeats looked better than new pairs and the advised run was no better than a random one.
 */
static double left_of(const struct board *b, size_t i, double noise)
{
	int n = b->measured[b->pair[i].victim * b->c->n_services + b->pair[i].neighbour];

	return 1 / (1 + n * b->var[i] / (noise * noise));
}

/* Share of what is particular to pair i (latent_pair.c) that its runs leave unknown, as a variance. */
static double own_left(const struct board *b, size_t i)
{
	int n = b->measured[b->pair[i].victim * b->c->n_services + b->pair[i].neighbour];

	return b->pair_ridge > 0 ? b->spread * b->pair_ridge / (n + b->pair_ridge) : 0;
}

/* What measuring target j is expected to take off the sum of all targets' variances. */
static double gain_of(const struct board *b, size_t j, double noise)
{
	double sum = 0, left = left_of(b, j, noise), own = own_left(b, j), known = b->var[j] * left + own;

	for (size_t i = 0; i < b->n; i++) {
		const double *x = b->y + i * REFITS, *y = b->y + j * REFITS;
		double cov = 0, luck;

		for (int k = 0; k < REFITS; k++)
			cov += x[k] * y[k] / (REFITS - 1);
		luck = b->var[i] * b->var[j] / (REFITS - 1); /* E[cov^2] of independent ones */
		if (i != j)
			sum += fmax(0, cov * cov - luck) * pow(left_of(b, i, noise) * left, 2);
	}
	return known > 0 ? (sum + known * known) / (known + noise * noise) : 0;
}

static struct advice pick(const struct board *b, double noise)
{
	struct advice best = { .a = -1, .b = -1, .node_type = b->type };
	int n = b->c->n_services;
	double *gain = mem_alloc((size_t)n * (size_t)n + 1, sizeof(*gain)), total = 0;

	for (size_t j = 0; j < b->n; j++) {
		gain[b->pair[j].victim * n + b->pair[j].neighbour] = gain_of(b, j, noise);
		total += b->var[j] * left_of(b, j, noise) + own_left(b, j);
	}
	for (size_t j = 0; j < b->n; j++) {
		int v = b->pair[j].victim, o = b->pair[j].neighbour;
		double both = gain[v * n + o] + (v == o ? 0 : gain[o * n + v]);

		if (both > best.gain_ratio) {
			best.gain_ratio = both;
			best.a = v;
			best.b = o;
		}
	}
	if (best.a >= 0)
		best.repeat = b->measured[best.a * n + best.b] || b->measured[best.b * n + best.a];
	best.gain_ratio = total > 0 ? fmin(1, best.gain_ratio / total) : 0;
	free(gain);
	return best;
}

struct advice advise_run(const struct coloc *c, const struct latent_blend *blend, double noise_ratio, uint64_t seed)
{
	double noise = isfinite(noise_ratio) ? fmax(noise_ratio, NOISE_MIN) : NOISE_UNKNOWN;
	struct board b = { .c = c, .pair_ridge = blend->pair_ridge };
	struct latent_blend common = *blend; /* refits tell how sure the common part is */
	struct advice best;
	struct rng r;

	rng_seed(&r, seed);
	seen_mark(&b);
	targets_list(&b, &r);
	b.y = mem_alloc(b.n * REFITS + 1, sizeof(double));
	b.var = mem_alloc(b.n + 1, sizeof(double));
	common.pair_ridge = 0;
	for (int k = 0; k < REFITS; k++)
		refit(&b, &common, k, seed);
	centre(&b);
	b.spread = b.pair_ridge > 0 ? noise * noise / b.pair_ridge : 0;
	best = pick(&b, noise);
	free(b.pair);
	free(b.y);
	free(b.var);
	free(b.measured);
	free(b.is_victim);
	return best;
}
