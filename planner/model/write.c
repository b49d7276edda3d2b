/* Writing the model file (docs/model.md): the mirror of file.c, which tests read back what is written here. */
#include "planner/model/model.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "base/file.h"

static json_t *numbers(const double *v, int n)
{
	json_t *list = json_array();

	for (int i = 0; i < n; i++)
		json_array_append_new(list, json_real(v[i]));
	return list;
}

static json_t *curves(const struct response *r, int n)
{
	json_t *list = json_array();

	for (int k = 0; k < n; k++) {
		json_t *c = json_array();

		for (int i = 0; i < r->curves[k].n; i++)
			json_array_append_new(c, json_pack("[f, f]", r->curves[k].x[i], r->curves[k].y[i]));
		json_array_append_new(list, c);
	}
	return list;
}

static json_t *response(const struct model *m, const struct response *r, const char *type)
{
	json_t *o = json_object();

	if (type)
		json_object_set_new(o, "node_type", json_string(type));
	json_object_set_new(o, "link", json_real(r->link));
	json_object_set_new(o, "pressure", numbers(r->pressure, m->n_pressures));
	json_object_set_new(o, "sensitivity", numbers(r->sensitivity, m->n_pressures));
	json_object_set_new(o, "range", numbers(r->range, m->n_pressures));
	if (r->curves)
		json_object_set_new(o, "curves", curves(r, m->n_pressures));
	json_object_set_new(o, "error_width_ratio", json_real(r->width));
	json_object_set_new(o, "error_growth_ratio", json_real(r->growth));
	return o;
}

static void set_known(json_t *o, const char *key, double v)
{
	if (isfinite(v)) /* absent is not zero */
		json_object_set_new(o, key, json_real(v));
}

static json_t *service(const struct model *m, int i)
{
	const struct model_service *s = m->services + i;
	const struct response *rows = m->responses + (size_t)i * (size_t)(m->n_types + 1);
	json_t *o = json_object(), *list = json_array();

	json_object_set_new(o, "name", json_string(s->name));
	json_object_set_new(o, "kind", json_string(s->kind));
	json_object_set_new(o, "runs", json_integer(s->n_runs));
	set_known(o, "held_out_error_ratio", s->error_ratio);
	json_array_append_new(list, response(m, rows + m->n_types, NULL));
	for (int t = 0; t < m->n_types; t++)
		if (rows[t].known)
			json_array_append_new(list, response(m, rows + t, m->types[t]));
	json_object_set_new(o, "responses", list);
	return o;
}

static json_t *report(const struct model_report *r)
{
	json_t *o = json_object();

	json_object_set_new(o, "runs", json_integer(r->n_runs));
	json_object_set_new(o, "colocations", json_integer(r->n_colocations));
	set_known(o, "error_ratio", r->error_ratio);
	set_known(o, "no_interference_error_ratio", r->no_interference_ratio);
	set_known(o, "service_mean_error_ratio", r->service_mean_ratio);
	set_known(o, "factorisation_error_ratio", r->factorisation_ratio);
	set_known(o, "coverage_at_90_ratio", r->coverage_ratio);
	set_known(o, "noise_ratio", r->noise_ratio);
	return o;
}

static json_t *names(char *const *v, int n)
{
	json_t *list = json_array();

	for (int i = 0; i < n; i++)
		json_array_append_new(list, json_string(v[i]));
	return list;
}

static json_t *held(const struct model *m)
{
	json_t *list = json_array();

	for (int i = 0; i < m->n_held; i++) {
		const struct model_held *h = m->held + i;
		json_t *o = json_object(), *neighbours = json_array();

		for (int j = 0; j < h->n_neighbours; j++)
			json_array_append_new(neighbours, json_string(m->services[h->neighbours[j]].name));
		json_object_set_new(o, "victim", json_string(m->services[h->victim].name));
		json_object_set_new(o, "neighbours", neighbours);
		if (h->node_type >= 0)
			json_object_set_new(o, "node_type", json_string(m->types[h->node_type]));
		json_object_set_new(o, "measured_ratio", json_real(h->measured));
		json_object_set_new(o, "predicted_ratio", json_real(h->predicted));
		json_object_set_new(o, "low_ratio", json_real(h->low));
		json_object_set_new(o, "high_ratio", json_real(h->high));
		json_array_append_new(list, o);
	}
	return list;
}

static void body(json_t *o, const struct model *m)
{
	json_t *services = json_array();

	json_object_set_new(o, "metric", json_string(m->metric));
	json_object_set_new(o, "source", json_string(m->source));
	json_object_set_new(o, "advice", json_string(m->advice));
	json_object_set_new(o, "pressures", names(m->pressures, m->n_pressures));
	json_object_set_new(o, "node_types", names(m->types, m->n_types));
	json_object_set_new(o, "held_out", report(&m->report));
	for (int i = 0; i < m->n_services; i++)
		json_array_append_new(services, service(m, i));
	json_object_set_new(o, "services", services);
	json_object_set_new(o, "scores", numbers(m->scores, m->n_scores));
	json_object_set_new(o, "score_groups", json_integer(m->n_score_groups));
	json_object_set_new(o, "held_out_runs", held(m));
}

int model_write(const struct model *m, const char *path, bool overwrite, struct err *e)
{
	json_t *root = json_object(), *further = json_array();
	struct file_out f;
	int err;

	json_object_set_new(root, "cotenant_model", json_integer(1));
	body(root, m);
	for (const struct model *next = m->next; next; next = next->next) {
		json_t *o = json_object();

		body(o, next);
		json_array_append_new(further, o);
	}
	json_object_set_new(root, "further_metrics", further);
	if ((err = file_out_open(&f, path, overwrite, e)) < 0)
		goto out;
	if (json_dumpf(root, f.stream, JSON_INDENT(1) | JSON_REAL_PRECISION(9)) < 0 || fputc('\n', f.stream) == EOF) {
		err = err_set(e, -EIO, "%s: cannot write the model: %s", path, strerror(errno));
		file_out_abort(&f);
		goto out;
	}
	err = file_out_commit(&f, e);
out:
	json_decref(root);
	return err;
}
