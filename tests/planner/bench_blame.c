/*
 * Slowdowns told by blame against what the load generators saw: bench_blame MEASURED.csv SESSION.db…
 * "estimated": the session's own blame, no solo run. "predicted": a model fitted on blame alone, the co-location left out.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <gsl/gsl_errno.h>

#include "planner/model/cv.h"
#include "planner/model/fit.h"

static bool same(const struct coloc *a, const struct coloc_row *x, const struct coloc *b, const struct coloc_row *y)
{
	if (x->n_neighbours != y->n_neighbours || strcmp(a->services[x->victim], b->services[y->victim]))
		return false;
	for (int i = 0; i < x->n_neighbours; i++) {
		bool found = false;

		for (int j = 0; j < y->n_neighbours; j++)
			found |= !strcmp(a->services[x->neighbours[i]], b->services[y->neighbours[j]]);
		if (!found)
			return false;
	}
	return true;
}

/* Mean slowdown the load generators saw in this very co-location; NAN = none. */
static double truth_of(const struct coloc *truth, const struct coloc *c, const struct coloc_row *r)
{
	double sum = 0, n = 0;

	for (size_t i = 0; i < truth->n_rows; i++)
		if (same(c, r, truth, truth->rows + i)) {
			sum += truth->rows[i].slowdown;
			n++;
		}
	return n > 0 ? sum / n : NAN;
}

int main(int argc, char **argv)
{
	struct coloc *truth, *c = coloc_new("sessions");
	struct err e = { 0 };
	double estimated = 0, predicted = 0, nothing = 0, n = 0;
	struct cv *cv;

	gsl_set_error_handler_off();
	if (argc < 3) {
		fprintf(stderr, "usage: bench_blame MEASURED.csv SESSION.db...\n");
		return 2;
	}
	truth = coloc_read(argv[1], &e);
	for (int i = 2; i < argc && truth; i++) {
		struct err skip = { 0 };

		session_rows_add(c, argv[i], &skip); /* sessions of one service alone tell nothing, and say so */
	}
	if (!truth || coloc_seal(truth, NULL, &e) < 0 || coloc_seal(c, NULL, &e) < 0) {
		fprintf(stderr, "%s\n", e.text);
		return 2;
	}
	cv = cv_leave_colocation(c, 1);
	for (size_t i = 0; i < cv->n; i++) {
		const struct coloc_row *r = c->rows + cv->row[i];
		double y = truth_of(truth, c, r);

		if (!isfinite(y))
			continue;
		estimated += fabs(r->slowdown / y - 1);
		predicted += fabs(cv->predicted[RIVAL_MODEL][i] / y - 1);
		nothing += fabs(1 / y - 1);
		n++;
	}
	printf(" blame of %d sessions against the load generators' own figures, %.0f slowdowns, no solo run used:\n", argc - 2, n);
	printf("  %-44s mean absolute error %6.2f %%\n", "estimated in that session", 100 * estimated / n);
	printf("  %-44s mean absolute error %6.2f %%\n", "predicted, its co-location left out", 100 * predicted / n);
	printf("  %-44s mean absolute error %6.2f %%\n", "no interference", 100 * nothing / n);
	cv_free(cv);
	coloc_free(truth);
	coloc_free(c);
	return 0;
}
