/* Reading the held-out runs of a model file: see file.h and docs/model.md. */
#include "planner/model/file.h"

#include "base/mem.h"

static int held_run_read(const struct model *m, const struct json_at *at, struct model_held *h, struct err *e)
{
	static const char *const keys[] = { "victim", "neighbours", "node_type", "measured_ratio", "predicted_ratio", "low_ratio", "high_ratio", NULL };
	struct json_at list = json_key(at, "neighbours");
	const char *victim, *type = NULL;
	size_t n;
	int err;

	if ((err = json_check_object(at, e)) < 0 || (err = json_only(at, keys, e)) < 0 ||
	    (err = json_get_str(at, "victim", true, &victim, e)) < 0 || (err = json_get_str(at, "node_type", false, &type, e)) < 0 ||
	    (err = json_get_f64(at, "measured_ratio", true, 0, MODEL_VALUE_MAX, &h->measured, e)) < 0 ||
	    (err = json_get_f64(at, "predicted_ratio", true, 0, MODEL_VALUE_MAX, &h->predicted, e)) < 0 ||
	    (err = json_get_f64(at, "low_ratio", true, 0, MODEL_VALUE_MAX, &h->low, e)) < 0 ||
	    (err = json_get_f64(at, "high_ratio", true, 0, MODEL_VALUE_MAX, &h->high, e)) < 0 || (err = json_check_array(&list, &n, e)) < 0)
		return err;
	if ((h->victim = model_find_service(m, victim)) < 0)
		return json_fail(at, e, "victim \"%.80s\" is not among the services", victim);
	h->node_type = type ? model_find_node_type(m, type) : -1;
	h->neighbours = mem_alloc(n + 1, sizeof(*h->neighbours));
	for (size_t i = 0; i < n; i++) {
		struct json_at v = json_item(&list, i);
		const char *name;

		if ((err = json_as_str(&v, &name, e)) < 0)
			return err;
		if ((h->neighbours[i] = model_find_service(m, name)) < 0)
			return json_fail(&v, e, "\"%.80s\" is not among the services", name);
	}
	h->n_neighbours = (int)n;
	return 0;
}

int model_held_read(struct model *m, const struct json_at *top, struct err *e)
{
	struct json_at list = json_key(top, "held_out_runs");
	size_t n;
	int err = 0;

	if (!list.value)
		return 0;
	if ((err = json_check_array(&list, &n, e)) < 0)
		return err;
	m->held = mem_alloc(n + 1, sizeof(*m->held));
	for (size_t i = 0; i < n && !err; i++) {
		struct json_at at = json_item(&list, i);

		m->n_held++; /* counted first: a half-read run is freed too */
		err = held_run_read(m, &at, m->held + i, e);
	}
	return err;
}
