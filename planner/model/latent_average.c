/* The mean of several forms on the link's scale: their components side by side. See latent.h. */
#include "planner/model/latent_work.h"

#include <string.h>

#include "base/mem.h"

/* What an averaged fit is made of: one resource; two; two and what everybody does and suffers; the
 * named resources. 7 pressures and the named ones. */
static const struct latent_spec forms[] = {
	{ .shared = 1 },
	{ .shared = 2 },
	{ .shared = 2, .count = true, .load = true },
	{ .named = true }, /* only where there was synthetic pressure */
};

#define N_FORMS (sizeof(forms) / sizeof(*forms))

/* Component `from` of one form goes to the end of the average; its z counts 1 / n_forms. */
static void component_append(struct latent *sum, const struct latent *form, int from, double n_forms)
{
	size_t row = latent_at(form, 1, 0, 0);

	sum->kinds[sum->k] = form->kinds[from];
	memcpy(sum->names[sum->k], form->names[from], LATENT_NAME_MAX);
	for (size_t i = 0; i < row; i++) {
		double s = form->s[latent_at(form, from, 0, 0) + i], p = form->p[latent_at(form, from, 0, 0) + i];

		sum->s[latent_at(sum, sum->k, 0, 0) + i] = latent_is_load(form, from) ? s : s / n_forms;
		sum->p[latent_at(sum, sum->k, 0, 0) + i] = latent_is_load(form, from) ? p / n_forms : p;
	}
	sum->k++;
}

struct latent *latent_fit(const struct coloc *c, const bool *hidden, const struct latent_spec *spec)
{
	struct latent *sum, *parts[N_FORMS];
	double n_forms = 0;

	if (!spec->average)
		return latent_form_fit(c, hidden, spec);
	sum = mem_alloc(1, sizeof(*sum));
	sum->spec = *spec;
	sum->n_services = c->n_services;
	sum->n_types = c->n_types;
	sum->s = mem_alloc(latent_at(sum, MODEL_MAX_PRESSURES, 0, 0), sizeof(double));
	sum->p = mem_alloc(latent_at(sum, MODEL_MAX_PRESSURES, 0, 0), sizeof(double));
	for (size_t f = 0; f < N_FORMS; f++) {
		struct latent_spec form = forms[f];

		form.link = spec->link;
		form.ridge = spec->ridge;
		parts[f] = latent_form_fit(c, hidden, &form);
		n_forms += parts[f]->k > 0;
	}
	for (size_t f = 0; f < N_FORMS; f++) {
		for (int k = 0; k < parts[f]->k; k++)
			component_append(sum, parts[f], k, n_forms);
		latent_free(parts[f]);
	}
	return sum;
}
