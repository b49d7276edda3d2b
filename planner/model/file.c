/*
 * The model file: JSON, docs/model.md. Read strictly: unknown keys, NaN, negative pressures and curves that are not
 * monotone are refused with the field's path, because the planner relies on monotone predictions.
 */
#include "planner/model/file.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

#define MODEL_FILE_VERSION 1
#define MODEL_FILE_MAX (256u << 20)

void model_free(struct model *m)
{
	if (!m)
		return;
	for (int i = 0; i < m->n_pressures; i++)
		free(m->pressures[i]);
	for (int i = 0; i < m->n_types; i++)
		free(m->types[i]);
	for (int i = 0; i < m->n_services; i++) {
		free(m->services[i].name);
		free(m->services[i].kind);
	}
	for (int i = 0; i < m->n_services * (m->n_types + 1); i++)
		free(m->responses[i].curves);
	for (int i = 0; i < m->n_held; i++)
		free(m->held[i].neighbours);
	free(m->held);
	model_free(m->next);
	free(m->types);
	free(m->index);
	free(m->services);
	free(m->responses);
	free(m->scores);
	free(m->metric);
	free(m->source);
	free(m->advice);
	free(m);
}

static int service_read(struct model *m, const struct json_at *at, int service, struct err *e)
{
	static const char *const keys[] = { "name", "kind", "runs", "held_out_error_ratio", "responses", NULL };
	struct model_service *s = m->services + service;
	struct response *rows = m->responses + (size_t)service * (size_t)(m->n_types + 1);
	struct json_at list = json_key(at, "responses");
	const char *name, *kind = "linear";
	int64_t runs = 0;
	size_t n;
	int err;

	s->error_ratio = NAN;
	if ((err = json_check_object(at, e)) < 0 || (err = json_only(at, keys, e)) < 0 ||
	    (err = json_get_str(at, "name", true, &name, e)) < 0 || (err = json_get_str(at, "kind", false, &kind, e)) < 0 ||
	    (err = json_get_i64(at, "runs", false, 0, 1 << 30, &runs, e)) < 0 ||
	    (err = json_get_f64(at, "held_out_error_ratio", false, 0, 1e6, &s->error_ratio, e)) < 0 ||
	    (err = json_check_array(&list, &n, e)) < 0)
		return err;
	if (model_find_service(m, name) >= 0)
		return json_fail(at, e, "service \"%.80s\" stands in the file twice", name);
	model_name(m, service, name);
	s->kind = str_dup(kind);
	s->n_runs = (int)runs;
	for (size_t i = 0; i < n; i++) {
		struct json_at r = json_item(&list, i);
		const char *type = NULL;
		int t = m->n_types;

		if ((err = json_get_str(&r, "node_type", false, &type, e)) < 0)
			return err;
		if (type && (t = model_find_node_type(m, type)) < 0)
			return json_fail(&r, e, "node_type \"%.80s\" is not in node_types", type);
		if (rows[t].known)
			return json_fail(&r, e, "this node type has a response already");
		if ((err = model_response_read(m, &r, rows + t, e)) < 0)
			return err;
	}
	return rows[m->n_types].known ? 0 : json_fail(&list, e, "the response without node_type (all pooled) is missing");
}

static int names(const struct json_at *at, const char *key, size_t max, size_t *n, char ***out, struct err *e)
{
	struct json_at list = json_key(at, key);
	int err;

	if ((err = json_check_array(&list, n, e)) < 0)
		return err;
	if (*n > max)
		return json_fail(&list, e, "has %zu names, at most %zu are possible", *n, max);
	*out = mem_alloc(*n + 1, sizeof(**out));
	for (size_t i = 0; i < *n; i++) {
		struct json_at v = json_item(&list, i);
		const char *text;

		if ((err = json_as_str(&v, &text, e)) < 0)
			return err;
		for (size_t j = 0; j < i; j++)
			if (!strcmp((*out)[j], text))
				return json_fail(&v, e, "\"%.80s\" stands in the list twice", text);
		(*out)[i] = str_dup(text);
	}
	return 0;
}

static int report_read(const struct json_at *at, struct model_report *r, struct err *e)
{
	static const char *const keys[] = { "runs", "colocations", "error_ratio", "no_interference_error_ratio",
					    "service_mean_error_ratio", "factorisation_error_ratio", "coverage_at_90_ratio",
					    "noise_ratio", NULL };
	struct { const char *key; double *out; } rows[] = {
		{ keys[2], &r->error_ratio }, { keys[3], &r->no_interference_ratio }, { keys[4], &r->service_mean_ratio },
		{ keys[5], &r->factorisation_ratio }, { keys[6], &r->coverage_ratio }, { keys[7], &r->noise_ratio },
	};
	int64_t runs = 0, colocations = 0;
	int err;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		*rows[i].out = NAN;
	if (!at->value)
		return 0;
	if ((err = json_check_object(at, e)) < 0 || (err = json_only(at, keys, e)) < 0 ||
	    (err = json_get_i64(at, "runs", false, 0, 1 << 30, &runs, e)) < 0 ||
	    (err = json_get_i64(at, "colocations", false, 0, 1 << 30, &colocations, e)) < 0)
		return err;
	r->n_runs = (int)runs;
	r->n_colocations = (int)colocations;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if ((err = json_get_f64(at, rows[i].key, false, 0, 1e6, rows[i].out, e)) < 0)
			return err;
	return 0;
}

static int scores_read(struct model *m, const struct json_at *at, struct err *e)
{
	struct json_at list = json_key(at, "scores");
	size_t n;
	int err;

	if ((err = json_check_array(&list, &n, e)) < 0)
		return err;
	m->scores = mem_alloc(n + 1, sizeof(*m->scores));
	for (m->n_scores = 0; (size_t)m->n_scores < n; m->n_scores++) {
		struct json_at v = json_item(&list, (size_t)m->n_scores);
		double *score = m->scores + m->n_scores;

		if ((err = json_as_f64(&v, 0, MODEL_VALUE_MAX, score, e)) < 0)
			return err;
		if (m->n_scores && *score < score[-1])
			return json_fail(&v, e, "scores must be sorted");
	}
	return 0;
}

static int body_read(struct model *m, const struct json_at *top, struct err *e)
{
	struct json_at list = json_key(top, "services"), report = json_key(top, "held_out");
	const char *metric = "time", *source = "", *advice = "";
	int64_t groups;
	int err;

	if ((err = json_get_str(top, "metric", false, &metric, e)) < 0 ||
	    (err = json_get_str(top, "source", false, &source, e)) < 0 ||
	    (err = json_get_str(top, "advice", false, &advice, e)) < 0 || (err = report_read(&report, &m->report, e)) < 0)
		return err;
	m->metric = str_dup(metric);
	m->source = str_dup(source);
	m->advice = str_dup(advice);
	for (int i = 0, n = m->n_services; i < n; i++) {
		struct json_at s = json_item(&list, (size_t)i);

		m->n_services = i; /* what is whole so far: lookups and model_free() see no half-built row */
		err = service_read(m, &s, i, e);
		m->n_services = n;
		if (err < 0)
			return err;
	}
	if ((err = model_signs_check(m, &list, e)) < 0 || (err = scores_read(m, top, e)) < 0 || (err = model_held_read(m, top, e)) < 0)
		return err;
	groups = m->n_scores; /* files before score_groups took every run for independent */
	err = json_get_i64(top, "score_groups", false, m->n_scores ? 1 : 0, m->n_scores, &groups, e);
	m->n_score_groups = (int)groups;
	return err;
}

/* The body of one metric: the top of the file, or one of its "further_metrics". */
static struct model *metric_read(const struct json_at *top, struct err *e)
{
	struct json_at list = json_key(top, "services");
	char **pressures = NULL, **types = NULL;
	size_t n_pressures = 0, n_types = 0, n_services = 0;
	struct model *m = NULL;

	if (json_check_array(&list, &n_services, e) < 0)
		return NULL;
	if (!n_services || n_services > 1000000) {
		json_fail(&list, e, "must have 1 to 1000000 services, got %zu", n_services);
		return NULL;
	}
	if (names(top, "pressures", MODEL_MAX_PRESSURES, &n_pressures, &pressures, e) < 0 ||
	    names(top, "node_types", 1000, &n_types, &types, e) < 0)
		goto out;
	m = model_new((int)n_services, (int)n_types, (int)n_pressures);
	for (size_t i = 0; i < n_pressures; i++)
		m->pressures[i] = pressures[i];
	for (size_t i = 0; i < n_types; i++)
		m->types[i] = types[i];
	n_pressures = n_types = 0;
	if (body_read(m, top, e) < 0) {
		model_free(m);
		m = NULL;
	}
out:
	for (size_t i = 0; pressures && i < n_pressures; i++)
		free(pressures[i]);
	for (size_t i = 0; types && i < n_types; i++)
		free(types[i]);
	free(pressures);
	free(types);
	return m;
}

#define BODY_KEYS "metric", "source", "advice", "pressures", "node_types", "services", "scores", "score_groups", "held_out", "held_out_runs"

static struct model *top_read(const struct json_at *top, struct err *e)
{
	static const char *const top_keys[] = { "cotenant_model", "further_metrics", BODY_KEYS, NULL }, *const keys[] = { BODY_KEYS, NULL };
	struct json_at list = json_key(top, "further_metrics");
	struct model *first, **last;
	int64_t version;
	size_t n = 0;

	if (json_is_object(top->value) && !json_object_get(top->value, "cotenant_model")) {
		json_fail(top, e, "cotenant_model: is missing; this is not a model, such as fit writes");
		return NULL;
	}
	if (json_check_object(top, e) < 0 || json_get_i64(top, "cotenant_model", true, 1, MODEL_FILE_VERSION, &version, e) < 0 ||
	    json_only(top, top_keys, e) < 0 || (list.value && json_check_array(&list, &n, e) < 0) || !(first = metric_read(top, e)))
		return NULL;
	last = &first->next;
	for (size_t i = 0; i < n; i++) {
		struct json_at at = json_item(&list, i);

		if (json_check_object(&at, e) < 0 || json_only(&at, keys, e) < 0 || !(*last = metric_read(&at, e))) {
			model_free(first);
			return NULL;
		}
		last = &(*last)->next;
	}
	return first;
}

struct model *model_read(const char *path, struct err *e)
{
	struct json_at top = { .file = path };
	struct model *m;
	json_t *root;

	if (json_read(path, MODEL_FILE_MAX, &root, e) < 0)
		return NULL;
	top.value = root;
	m = top_read(&top, e);
	json_decref(root);
	return m;
}
