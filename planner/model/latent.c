/* Hierarchical, non-negative, robust factorisation of slowdowns: see latent.h. */
#include "planner/model/latent_work.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "planner/model/model.h"

bool latent_is_load(const struct latent *l, int k)
{
	return l->kinds[k] == 'l';
}

bool latent_is_count(const struct latent *l, int k)
{
	return l->kinds[k] == 'c';
}

double latent_sum_p(const struct latent *l, int k, const struct coloc_row *r)
{
	double x = 0;

	for (int j = 0; j < r->n_neighbours; j++)
		x += l->p[latent_at(l, k, r->neighbours[j], r->type)];
	return x;
}

double latent_z(const struct latent *l, const struct coloc_row *r)
{
	double z = 0;

	for (int k = 0; k < l->k; k++)
		z += l->s[latent_at(l, k, r->victim, r->type)] * latent_effect(l, k, r->victim, latent_sum_p(l, k, r));
	return z;
}

static void start(struct latent *l, double level)
{
	struct rng rng;
	int parts = l->k;

	rng_seed(&rng, 1);
	for (int k = 0; k < l->k; k++)
		for (size_t i = latent_at(l, k, 0, 0); i < latent_at(l, k + 1, 0, 0); i++) {
			double jitter = l->plain || k ? 0.8 + 0.4 * rng_unit(&rng) : 1;

			l->s[i] = latent_is_load(l, k) ? 1 : level / parts * jitter;
			l->p[i] = latent_is_count(l, k) ? 1 : latent_is_load(l, k) ? level / parts : jitter;
		}
}

double latent_weight(double link, double y)
{
	double slope = pow(y, 1 - link); /* d slowdown / d z */

	return slope * slope / (y * y);
}

/* Repeats of one run become one row, their median, that weighs as much as all of them. */
static void rows_take(struct latent_work *w, const bool *hidden)
{
	struct latent_cell *cells = mem_alloc(w->c->n_rows + 1, sizeof(*cells));
	const struct latent *l = w->l;

	w->n = latent_cells_take(w->c, hidden, cells);
	for (size_t i = 0; i < w->n; i++) {
		const struct coloc_row *r = w->rows[i] = cells[i].row;
		double y = cells[i].slowdown, link = l->links[r->victim];

		w->z[i] = l->plain ? y - 1 + r->n_neighbours : link_transform(link, y);
		w->base[i] = w->w[i] = cells[i].runs * (l->plain ? 1 : latent_weight(link, y));
	}
	free(cells);
}

static void work_free(struct latent_work *w)
{
	free(w->pin_kind);
	free(w->pin_level);
	free(w->rows);
	free(w->num);
	free(w->den);
	free(w->z); /* the block of all five */
}

static struct latent *latent_new(const struct coloc *c, const struct latent_spec *form, const double *links)
{
	struct latent *l = mem_alloc(1, sizeof(*l));

	l->plain = form->plain;
	l->k = form->shared + form->count + form->load;
	for (int k = 0; k < l->k; k++)
		l->kinds[k] = k < form->shared ? 's' : form->load && k == l->k - 1 ? 'l' : 'c';
	l->n_services = c->n_services;
	l->n_types = c->n_types;
	l->links = mem_alloc((size_t)c->n_services + 1, sizeof(double));
	for (int i = 0; i < c->n_services; i++)
		l->links[i] = links ? links[i] : 1;
	return l;
}

struct latent *latent_form_fit(const struct coloc *c, const bool *hidden, const struct latent_spec *form, const double *links)
{
	struct latent *l = latent_new(c, form, links);
	struct latent_work w = { .l = l, .c = c, .form = form };
	size_t entities = (size_t)c->n_services * (size_t)c->n_types, size;
	double level = 0;

	w.pin_kind = mem_alloc((size_t)c->n_services + 1, sizeof(*w.pin_kind));
	w.pin_level = mem_alloc((size_t)c->n_services + 1, sizeof(*w.pin_level));
	latent_pins_find(&w);
	size = (size_t)l->k * (size_t)l->n_services * (size_t)(l->n_types + 1);
	l->s = mem_alloc(size + 1, sizeof(double));
	l->p = mem_alloc(size + 1, sizeof(double));
	w.rows = mem_alloc(c->n_rows + 1, sizeof(*w.rows));
	w.z = mem_alloc(c->n_rows + 1, 5 * sizeof(double));
	w.fit = w.z + c->n_rows;
	w.w = w.z + 2 * c->n_rows;
	w.base = w.z + 3 * c->n_rows;
	w.part = w.z + 4 * c->n_rows;
	w.num = mem_alloc(entities + 1, sizeof(double));
	w.den = mem_alloc(entities + 1, sizeof(double));
	rows_take(&w, hidden);
	for (size_t i = 0; i < w.n; i++)
		level += fmax(w.z[i], 0) / w.rows[i]->n_neighbours;
	level = w.n ? fmax(level / (double)w.n, 1e-3) : 1e-3;
	start(l, form->plain ? sqrt(level) : level);
	for (int k = 0; k < l->k; k++)
		latent_pins_set(&w, k);
	for (size_t i = 0; i < w.n; i++)
		w.fit[i] = latent_z(l, w.rows[i]);
	if (w.n && l->k)
		latent_descend(&w);
	work_free(&w);
	return l;
}

void latent_free(struct latent *l)
{
	if (!l)
		return;
	free(l->s);
	free(l->p);
	free(l->links);
	free(l->curves);
	free(l);
}

double latent_predict(const struct latent *l, const struct coloc_row *r)
{
	double z = latent_z(l, r);

	return fmax(1, l->plain ? 1 + z - r->n_neighbours : link_slowdown(l->links[r->victim], z));
}
