/* Held-out errors of the interference model beside its rivals on measured co-locations: `make bench-model DATA=FILE.csv`. */
#include <stdio.h>
#include <stdlib.h>

#include <gsl/gsl_errno.h>

#include "planner/model/cv.h"

static void show(const char *title, const struct coloc *c, struct cv *cv)
{
	printf("%s: %zu predictions of %zu runs\n", title, cv->n, c->n_rows);
	for (int m = 0; m < RIVALS; m++)
		printf("  %-36s mean absolute error %6.2f %%\n", rival_names[m], 100 * cv->error_ratio[m]);
	printf("  90 %% intervals cover %.1f %%\n", 100 * cv->coverage_ratio);
	cv_free(cv);
}

int main(int argc, char **argv)
{
	struct err e = { 0 };
	struct coloc *c;
	struct latent_spec spec;

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
	spec = cv_choose(c, NULL, false, 1);
	printf("%s: %d services, %d co-locations, %d node types; model: %s, ridge %g\n", argv[1], c->n_services, c->n_groups,
	       c->n_types, spec.name, spec.ridge);
	show("each co-location left out", c, cv_leave_colocation(c, 1));
	show("half of each service's co-locations left out", c, cv_leave_half(c, 1));
	coloc_free(c);
	return 0;
}
