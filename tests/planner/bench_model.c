/*
 * Held-out errors of the interference model beside its rivals on measured co-locations, for every metric of the file, and its
 * speed: `make bench-model DATA=FILE.csv`. Where the file has groups of three and more, they are also predicted by a model that
 * saw only pairs and synthetic pressure: groups that never ran together.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <gsl/gsl_errno.h>

#include "base/mem.h"
#include "planner/model/cv.h"
#include "planner/model/fit.h"
#include "tests/planner/held_split.h"

#define SERVICES 10000
#define NODES 1000
#define SEED 1

static void show(const char *title, const struct coloc *c, struct cv *cv)
{
	printf(" %s: %zu predictions of %zu runs\n", title, cv->n, c->n_rows);
	for (int m = 0; m < RIVALS; m++)
		printf("  %-44s mean absolute error %6.2f %%\n", rival_names[m], 100 * cv->error_ratio[m]);
	printf("  90 %% intervals cover %.1f %%\n", 100 * cv->coverage_ratio);
	cv_free(cv);
}

static bool is_press(const struct coloc *c, int service)
{
	return !strncmp(c->services[service], "press-", 6);
}

static bool is_group(const struct coloc *c, const struct coloc_row *r)
{
	int real = 0;

	for (int j = 0; j < r->n_neighbours; j++)
		real += !is_press(c, r->neighbours[j]);
	return real >= 2;
}

static struct coloc *pairs_only(const struct coloc *c)
{
	struct coloc *out = coloc_new(c->source);
	struct err e = { 0 };

	for (size_t i = 0; i < c->n_rows; i++) {
		const struct coloc_row *r = c->rows + i;
		char *names[COLOC_MAX_NEIGHBOURS];

		for (int j = 0; j < r->n_neighbours; j++)
			names[j] = c->services[r->neighbours[j]];
		if (!is_group(c, r) && coloc_append(out, c->source, c->services[r->victim], names, r->n_neighbours, c->types[r->type],
						    c->metrics[r->metric], r->alone, r->shared, &e) < 0)
			abort();
	}
	return out;
}

/* The victim's measured pairs put together by a plain law; NAN when one of them was never measured. */
static double pairs_combined(const struct coloc *p, const struct coloc *c, const struct coloc_row *r, bool multiply)
{
	double y = 1;

	for (int j = 0; j < r->n_neighbours; j++) {
		double sum = 0, n = 0;

		for (size_t i = 0; i < p->n_rows; i++) {
			const struct coloc_row *q = p->rows + i;

			if (q->n_neighbours == 1 && !strcmp(p->services[q->victim], c->services[r->victim]) &&
			    !strcmp(p->services[q->neighbours[0]], c->services[r->neighbours[j]]) && !strcmp(p->types[q->type], c->types[r->type])) {
				sum += q->slowdown;
				n++;
			}
		}
		y = multiply ? y * sum / n : y + sum / n - 1;
	}
	return y;
}

struct score { double sum, n; };

static void score_add(struct score *s, double predicted, double measured)
{
	if (isfinite(predicted)) {
		s->sum += fabs(predicted / measured - 1);
		s->n++;
	}
}

static void score_show(const char *name, const struct score *s)
{
	if (s->n > 0)
		printf("  %-44s mean absolute error %6.2f %%\n", name, 100 * s->sum / s->n);
}

/* What the planner would do: the model's file-level prediction, interval included. */
static bool model_says(const struct model *m, const struct coloc *c, const struct coloc_row *r, struct prediction *out)
{
	int victim = model_find_service(m, c->services[r->victim]), type = model_find_node_type(m, c->types[r->type]);
	double sum[MODEL_MAX_PRESSURES] = { 0 };

	for (int j = 0; j < r->n_neighbours; j++) {
		int n = model_find_service(m, c->services[r->neighbours[j]]);

		for (int k = 0; k < m->n_pressures && n >= 0; k++)
			sum[k] += model_pressure(m, n, type)[k];
		if (n < 0)
			return false;
	}
	if (victim < 0)
		return false;
	model_predict(m, victim, type, sum, 0.9, out);
	return true;
}

static void groups_from_pairs(const struct coloc *c)
{
	struct coloc *p = pairs_only(c);
	struct err e = { 0 };
	struct model *m = coloc_seal(p, NULL, &e) < 0 ? NULL : fit_model(p, SEED, &e);
	struct score model = { 0 }, nothing = { 0 }, added = { 0 }, multiplied = { 0 };
	double inside = 0;

	for (size_t i = 0; m && i < c->n_rows; i++) {
		const struct coloc_row *r = c->rows + i;
		struct prediction y;

		if (!is_group(c, r) || !model_says(m, c, r, &y))
			continue;
		score_add(&model, y.slowdown, r->slowdown);
		score_add(&nothing, 1, r->slowdown);
		score_add(&added, pairs_combined(p, c, r, false), r->slowdown);
		score_add(&multiplied, pairs_combined(p, c, r, true), r->slowdown);
		inside += r->slowdown >= y.low && r->slowdown <= y.high;
	}
	if (model.n > 0) {
		printf(" groups of three and more from pairs and pressure alone: %.0f predictions\n", model.n);
		score_show(rival_names[RIVAL_MODEL], &model);
		score_show(rival_names[RIVAL_NOTHING], &nothing);
		score_show("the victim's measured pairs, added", &added);
		score_show("the victim's measured pairs, multiplied", &multiplied);
		printf("  90 %% intervals cover %.1f %%\n", 100 * inside / model.n);
	}
	model_free(m);
	coloc_free(p);
}

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* The same model with as many services of their own as the fleet has, so that memory counts too. */
static struct model *enlarge(const struct model *m)
{
	struct model *big = model_new(SERVICES, m->n_types, m->n_pressures);
	int rows = m->n_types + 1;

	for (int k = 0; k < m->n_pressures; k++)
		big->pressures[k] = str_dup(m->pressures[k]);
	for (int t = 0; t < m->n_types; t++)
		big->types[t] = str_dup(m->types[t]);
	big->scores = mem_alloc((size_t)m->n_scores + 1, sizeof(*big->scores));
	memcpy(big->scores, m->scores, (size_t)m->n_scores * sizeof(*big->scores));
	big->n_scores = m->n_scores;
	big->n_score_groups = m->n_score_groups;
	for (int i = 0; i < SERVICES; i++) {
		char *name = str_fmt("%s.%d", m->services[i % m->n_services].name, i);

		model_name(big, i, name);
		free(name);
		for (int t = 0; t < rows; t++) {
			struct response *r = big->responses + i * rows + t;

			*r = m->responses[i % m->n_services * rows + t];
			if (!r->curves)
				continue;
			r->curves = mem_alloc((size_t)m->n_pressures, sizeof(*r->curves));
			memcpy(r->curves, m->responses[i % m->n_services * rows + t].curves, (size_t)m->n_pressures * sizeof(*r->curves));
		}
	}
	return big;
}

/* Every service's slowdown on a fleet: one running sum of pressures per node, as the packers keep it. */
static void speed(const struct model *m)
{
	static double sum[NODES][MODEL_MAX_PRESSURES];
	struct model *big = enlarge(m);
	double start = now_s(), worst = 0, per;

	memset(sum, 0, sizeof(sum));
	for (int i = 0; i < SERVICES; i++)
		for (int k = 0; k < big->n_pressures; k++)
			sum[i % NODES][k] += model_pressure(big, i, 0)[k];
	for (int i = 0; i < SERVICES; i++) {
		double others[MODEL_MAX_PRESSURES], upper;

		for (int k = 0; k < big->n_pressures; k++)
			others[k] = sum[i % NODES][k] - model_pressure(big, i, 0)[k];
		upper = model_upper(big, i, 0, others, 0.9);
		worst = upper > worst ? upper : worst;
	}
	start = now_s() - start;
	per = 1e9 * start / SERVICES;
	printf(" %d services on %d nodes predicted in %.3f ms: %.0f ns each, %.1f ns per neighbour and resource (%d pressures, 9 neighbours; worst %.3g)\n",
	       SERVICES, NODES, 1e3 * start, per, per / 9 / (m->n_pressures ? m->n_pressures : 1), m->n_pressures, worst);
	model_free(big);
}

/* metric NULL: each service's most frequent one. */
static struct coloc *metric_run(const char *path, const char *metric)
{
	struct err e = { 0 };
	struct coloc *c = coloc_read(path, &e);
	struct model *m;

	if (!c || coloc_seal(c, metric, &e) < 0 || !(m = fit_model(c, SEED, &e))) {
		printf("%s, %s: %s\n", path, metric ? metric : "first metric", e.text);
		coloc_free(c);
		return NULL;
	}
	printf("%s, metric %s: %d services, %d co-locations, %d node types", path, m->metric, c->n_services, c->n_groups, c->n_types);
	if (isfinite(m->report.noise_ratio))
		printf("; noise floor (one run against the mean of its repeats) %.2f %%", 100 * m->report.noise_ratio);
	putchar('\n');
	printf(" each co-location left out, as `fit` prints it: %d predictions of %zu runs\n", m->n_held, c->n_rows);
	printf("  %-44s mean absolute error %6.2f %%\n", rival_names[RIVAL_MODEL], 100 * m->report.error_ratio);
	printf("  %-44s mean absolute error %6.2f %%\n", rival_names[RIVAL_NOTHING], 100 * m->report.no_interference_ratio);
	printf("  %-44s mean absolute error %6.2f %%\n", rival_names[RIVAL_MEAN], 100 * m->report.service_mean_ratio);
	printf("  %-44s mean absolute error %6.2f %%\n", rival_names[RIVAL_FACTORISATION], 100 * m->report.factorisation_ratio);
	printf("  90 %% intervals cover %.1f %%\n", 100 * m->report.coverage_ratio);
	held_split_show(m);
	show("half of each service's co-locations left out", c, cv_leave_half(c, SEED));
	groups_from_pairs(c);
	speed(m);
	model_free(m);
	return c;
}

int main(int argc, char **argv)
{
	struct coloc *first;

	gsl_set_error_handler_off();
	if (argc < 2) {
		fprintf(stderr, "usage: bench_model FILE.csv [METRIC]\n");
		return 2;
	}
	first = metric_run(argv[1], argc > 2 ? argv[2] : NULL);
	for (int k = 0; first && argc < 3 && k < first->n_metrics; k++)
		if (first->dropped[k])
			coloc_free(metric_run(argv[1], first->metrics[k]));
	if (!first)
		return 2;
	coloc_free(first);
	return 0;
}
