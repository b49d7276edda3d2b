/*
 * The model on made-up truths (tests/planner/coloc_truth.h): held-out errors beside the rivals and coverage, for every law by
 * which neighbours may add up, many sizes, densities and noises. `make bench-families`; FAMILIES=n: only the first n plans per law.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <gsl/gsl_errno.h>

#include "base/parse.h"
#include "planner/model/cv.h"
#include "tests/planner/coloc_truth.h"

/* services, types, group_max, repeats, density, groups, noise */
static const struct coloc_plan plans[] = {
	{ 0, 10, 1, 2, 1, 1.0, 0, 0.03, 1 },
	{ 0, 8, 1, 4, 2, 0.8, 1, 0.05, 2 },
	{ 0, 6, 1, 6, 3, 1.0, 1.5, 0.02, 3 },
	{ 0, 16, 2, 3, 1, 0.4, 0.5, 0.05, 4 },
	{ 0, 30, 1, 2, 1, 0.15, 0, 0.03, 5 },
	{ 0, 12, 1, 5, 1, 0.5, 0.5, 0.10, 6 },
	{ 0, 5, 1, 3, 2, 1.0, 0.5, 0.01, 7 },
	{ 0, 60, 1, 3, 1, 0.1, 0.3, 0.04, 8 },
};

int main(int argc, char **argv)
{
	size_t n = sizeof(plans) / sizeof(*plans), wins = 0, runs = 0;
	uint64_t limit = n, law_only = LAWS;
	double total[RIVALS] = { 0 }, covered = 0;

	gsl_set_error_handler_off();
	if ((argc > 1 && parse_u64(argv[1], &limit) < 0) || (argc > 2 && parse_u64(argv[2], &law_only) < 0)) {
		fprintf(stderr, "usage: bench_families [PLANS [LAW]]\n");
		return 2;
	}
	printf("%-14s %8s %5s %5s %7s %5s %6s  %8s %8s %8s %8s %8s %6s\n", "law", "services", "types", "group", "density", "runs", "noise", "cotenant",
	       "nothing", "mean", "factors", "coverage", "cpu s");
	for (int law = 0; law < LAWS; law++)
		for (size_t i = 0; i < n && i < limit; i++) {
			struct coloc_plan p = plans[i];
			struct coloc_truth *t;
			struct coloc *c;
			struct cv *cv;
			clock_t start = clock();
			bool best = true;

			if (law_only < LAWS && (int)law_only != law)
				continue;
			p.law = (enum coloc_law)law;
			p.seed = p.seed * 100 + (uint64_t)law;
			t = coloc_truth_new(&p);
			c = coloc_truth_campaign(t);
			cv = cv_leave_colocation(c, 1);
			printf("%-14s %8d %5d %5d %5.0f %% %5zu %4.0f %%  %6.2f %% %6.2f %% %6.2f %% %6.2f %% %6.1f %% %6.1f\n", coloc_law_names[law], p.services, p.types,
			       p.group_max, 100 * p.density_ratio, c->n_rows, 100 * p.noise_ratio, 100 * cv->error_ratio[0], 100 * cv->error_ratio[1],
			       100 * cv->error_ratio[2], 100 * cv->error_ratio[3], 100 * cv->coverage_ratio,
			       (double)(clock() - start) / CLOCKS_PER_SEC);
			fflush(stdout);
			for (int m = 0; m < RIVALS; m++) {
				total[m] += cv->error_ratio[m];
				best = best && cv->error_ratio[0] <= cv->error_ratio[m];
			}
			covered += cv->coverage_ratio;
			wins += best;
			runs++;
			cv_free(cv);
			coloc_free(c);
			coloc_truth_free(t);
		}
	printf("mean of %zu: cotenant %.2f %%, no interference %.2f %%, mean of others %.2f %%, factorisation %.2f %%; best in %zu; coverage %.1f %%\n", runs,
	       100 * total[0] / (double)runs, 100 * total[1] / (double)runs, 100 * total[2] / (double)runs, 100 * total[3] / (double)runs, wins,
	       100 * covered / (double)runs);
	return 0;
}
