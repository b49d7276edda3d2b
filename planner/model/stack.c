/* Stacking (Wolpert 1992; Breiman 1996): forms of the model weighted by their held-out predictions. See trial.h. */
#include "planner/model/trial.h"

#include <math.h>

#include "planner/model/model.h"

#define EVEN_TRUST 0.5 /* pull of the weights towards even ones, as a share of the targets' variance */
#define STACK_ROUNDS 60

/*
 * Weights >= 0 with sum 1 of the usable forms: least squares of the held-out predictions on relative errors, pulled towards even
 * weights. Solved by moving weight between two forms at a time, exactly, until nothing moves.
 */
void stack_weigh(const struct trial *t, double *const *z, const bool *usable, double *weight)
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
