/* Does the run that `fit` advises teach more than a random one? Mean error over all pairs after one more run, many made-up campaigns. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "planner/model/advise.h"
#include "tests/planner/coloc_truth.h"

#define SERVICES 9
#define CAMPAIGNS 60

int main(int argc, char **argv)
{
	double before = 0, advised = 0, random = 0, best = 0, square = 0;
	(void)argv;

	for (uint64_t seed = 1; seed <= CAMPAIGNS; seed++) {
		struct coloc_plan plan = { (enum coloc_law)(seed % 2), SERVICES, 1, 2, 1, 0.45, 0, 0.02, seed };
		struct coloc_truth *t = coloc_truth_new(&plan);
		struct coloc *c = coloc_truth_campaign(t);
		struct latent_blend blend = { .weight = { 0.5, 0.5 }, .ridge = { 0.12, 0.12 }, .links = mem_alloc((size_t)c->n_services, sizeof(double)) };
		struct advice a;
		double mean = 0, least = 1, x, b0;
		int n = 0;

		for (int i = 0; i < c->n_services; i++)
			blend.links[i] = 1;
		a = advise_run(c, &blend, 0.02, seed);
		b0 = coloc_truth_error_after(&plan, &blend, -1, -1);
		before += b0 / CAMPAIGNS;
		x = coloc_truth_error_after(&plan, &blend, a.a, a.b);
		advised += x / CAMPAIGNS;
		for (int i = 0; i < c->n_services; i++)
			for (int j = i; j < c->n_services; j++) {
				double y = coloc_truth_error_after(&plan, &blend, i, j);

				mean += y;
				least = fmin(least, y);
				n++;
			}
		random += mean / n / CAMPAIGNS;
		best += least / CAMPAIGNS;
		square += (x - mean / n) * (x - mean / n) / CAMPAIGNS;
		if (argc > 1)
			printf("seed %d: before %.2f advised %.2f (s%d s%d, gain %.2f, repeat %d) random %.2f best %.2f\n", (int)seed, 100 * b0, 100 * x, a.a, a.b, a.gain_ratio, a.repeat, 100 * mean / n, 100 * least);
		free(blend.links);
		coloc_free(c);
		coloc_truth_free(t);
	}
	printf("mean error over all pairs, %d made-up campaigns of %d services: before %.3f %%; after a random run %.3f %%, after the advised run %.3f %% "
	       "(+- %.3f %%), after the best run in hindsight %.3f %%\n", CAMPAIGNS, SERVICES, 100 * before, 100 * random, 100 * advised,
	       100 * sqrt(fmax(0, square - (random - advised) * (random - advised)) / CAMPAIGNS), 100 * best);
	return 0;
}
