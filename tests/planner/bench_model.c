/* Held-out errors of the interference model beside its rivals on measured co-locations: `make bench-model DATA=FILE.csv`. */
#include <stdio.h>
#include <stdlib.h>

#include <time.h>

#include <gsl/gsl_errno.h>

#include "planner/model/cv.h"
#include "planner/model/fit.h"

#define SERVICES 10000
#define NODES 1000

static void show(const char *title, const struct coloc *c, struct cv *cv)
{
	printf("%s: %zu predictions of %zu runs\n", title, cv->n, c->n_rows);
	for (int m = 0; m < RIVALS; m++)
		printf("  %-36s mean absolute error %6.2f %%\n", rival_names[m], 100 * cv->error_ratio[m]);
	printf("  90 %% intervals cover %.1f %%\n", 100 * cv->coverage_ratio);
	cv_free(cv);
}

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Every service's slowdown on a fleet: the model's services dealt over the nodes, one running sum of pressures per node. */
static void speed(const struct model *m)
{
	static double sum[NODES][MODEL_MAX_PRESSURES];
	double start = now_s(), worst = 0;

	for (int i = 0; i < SERVICES; i++)
		for (int k = 0; k < m->n_pressures; k++)
			sum[i % NODES][k] += model_pressure(m, i % m->n_services, 0)[k];
	for (int i = 0; i < SERVICES; i++) {
		double others[MODEL_MAX_PRESSURES], upper;

		for (int k = 0; k < m->n_pressures; k++)
			others[k] = sum[i % NODES][k] - model_pressure(m, i % m->n_services, 0)[k];
		upper = model_upper(m, i % m->n_services, 0, others, 0.9);
		worst = upper > worst ? upper : worst;
	}
	start = now_s() - start;
	printf("%d services on %d nodes predicted in %.3f ms, %.0f ns each, %d pressures (largest upper edge %.2f)\n", SERVICES, NODES,
	       1e3 * start, 1e9 * start / SERVICES, m->n_pressures, worst);
}

int main(int argc, char **argv)
{
	struct err e = { 0 };
	struct coloc *c;
	struct model *m;

	gsl_set_error_handler_off();
	if (argc < 2) {
		fprintf(stderr, "usage: bench_model FILE.csv [METRIC]\n");
		return 2;
	}
	c = coloc_read(argv[1], &e);
	if (!c || coloc_seal(c, argc > 2 ? argv[2] : NULL, &e) < 0) {
		fprintf(stderr, "%s\n", e.text);
		coloc_free(c);
		return 2;
	}
	printf("%s: %d services, %d co-locations, %d node types\n", argv[1], c->n_services, c->n_groups, c->n_types);
	show("each co-location left out", c, cv_leave_colocation(c, 1));
	show("half of each service's co-locations left out", c, cv_leave_half(c, 1));
	m = fit_model(c, 1, &e);
	if (m)
		speed(m);
	model_free(m);
	coloc_free(c);
	return 0;
}
