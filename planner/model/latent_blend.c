/* The weighted mean of several forms on the link's scale: their components side by side. See latent.h. */
#include "planner/model/latent_work.h"

#include <string.h>

#include "base/mem.h"

/*
 * The forms. Ranks 1 to 3 are the resources themselves; the fourth adds what everybody does and suffers; the last two exist where
 * there was synthetic pressure. 10 components and twice the named ones: no more than MODEL_MAX_PRESSURES.
 */
const struct latent_spec latent_forms[LATENT_FORMS] = {
	{ .name = "one resource", .shared = 1 },
	{ .name = "two resources", .shared = 2 },
	{ .name = "three resources", .shared = 3 },
	{ .name = "two resources, count, load", .shared = 2, .count = true, .load = true },
	{ .name = "named resources", .named = true },
	{ .name = "named resources, measured curves", .named = true, .curved = true },
};

/* Component `from` of one form goes to the end of the blend; its z counts `weight`. */
static void component_append(struct latent *sum, const struct latent *form, int from, double weight)
{
	size_t row = latent_at(form, 1, 0, 0);
	bool load = latent_is_load(form, from);

	sum->kinds[sum->k] = form->curves && form->kinds[from] == 'n' ? 'b' : form->kinds[from];
	memcpy(sum->names[sum->k], form->names[from], LATENT_NAME_MAX);
	for (size_t i = 0; i < row; i++) {
		sum->s[latent_at(sum, sum->k, 0, 0) + i] = form->s[latent_at(form, from, 0, 0) + i] * (load ? 1 : weight);
		sum->p[latent_at(sum, sum->k, 0, 0) + i] = form->p[latent_at(form, from, 0, 0) + i] * (load ? weight : 1);
	}
	if (form->curves)
		memcpy(sum->curves + (size_t)sum->k * (size_t)sum->n_services, form->curves + (size_t)from * (size_t)sum->n_services,
		       (size_t)sum->n_services * sizeof(*sum->curves));
	sum->k++;
}

struct latent *latent_fit(const struct coloc *c, const bool *hidden, const struct latent_blend *blend)
{
	struct latent *sum = mem_alloc(1, sizeof(*sum));

	sum->n_services = c->n_services;
	sum->n_types = c->n_types;
	sum->links = mem_alloc((size_t)c->n_services + 1, sizeof(double));
	memcpy(sum->links, blend->links, (size_t)c->n_services * sizeof(double));
	sum->s = mem_alloc(latent_at(sum, MODEL_MAX_PRESSURES, 0, 0), sizeof(double));
	sum->p = mem_alloc(latent_at(sum, MODEL_MAX_PRESSURES, 0, 0), sizeof(double));
	for (int f = 0; f < LATENT_FORMS; f++) {
		struct latent_spec form = latent_forms[f];
		struct latent *part;

		if (blend->weight[f] <= 0)
			continue;
		form.ridge = blend->ridge[f];
		part = latent_form_fit(c, hidden, &form, blend->links);
		if (part->curves && !sum->curves)
			sum->curves = mem_alloc(MODEL_MAX_PRESSURES * (size_t)sum->n_services, sizeof(*sum->curves));
		for (int k = 0; k < part->k; k++)
			component_append(sum, part, k, blend->weight[f]);
		latent_free(part);
	}
	if (blend->pair_ridge > 0)
		latent_pairs_add(sum, c, hidden, blend);
	return sum;
}
