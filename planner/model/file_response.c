/* One response of the model file (docs/model.md): how a service presses and answers on one node type. */
#include "planner/model/file.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

#define PAIR_SLACK 1e-6 /* numbers are written with nine digits */

/* Names that the first version of this form used; any exponent may stand as a number. */
static const struct { const char *name; double link; } link_names[] = { { "linear", 1 }, { "log", 0 }, { "queue", -1 } };

/* Negative values only where the pressure allows it: model_signs_check() sees to the sum. */
static int numbers(const struct json_at *at, const char *key, const struct model *m, bool signs, double *out, struct err *e)
{
	struct json_at list = json_key(at, key);
	size_t got, n = (size_t)m->n_pressures;
	int err;

	if ((err = json_check_array(&list, &got, e)) < 0)
		return err;
	if (got != n)
		return json_fail(&list, e, "must have %zu numbers, got %zu", n, got);
	for (size_t i = 0; i < n; i++) {
		struct json_at v = json_item(&list, i);

		if ((err = json_as_f64(&v, signs && model_pressure_is_signed(m->pressures[i]) ? -MODEL_VALUE_MAX : 0, MODEL_VALUE_MAX, out + i, e)) < 0)
			return err;
	}
	return 0;
}

static int curve_read(const struct json_at *at, struct curve *c, struct err *e)
{
	size_t n;
	int err;

	if ((err = json_check_array(at, &n, e)) < 0)
		return err;
	if (n > MODEL_MAX_KNOTS)
		return json_fail(at, e, "has %zu points, at most %d are possible", n, MODEL_MAX_KNOTS);
	for (size_t i = 0; i < n; i++) {
		struct json_at pair = json_item(at, i);
		double *xy[2] = { &c->x[i], &c->y[i] };
		size_t two;

		if ((err = json_check_array(&pair, &two, e)) < 0)
			return err;
		if (two != 2)
			return json_fail(&pair, e, "must be [pressure, effect]");
		for (size_t j = 0; j < 2; j++) {
			struct json_at v = json_item(&pair, j);

			if ((err = json_as_f64(&v, 0, MODEL_VALUE_MAX, xy[j], e)) < 0)
				return err;
		}
		if (c->x[i] <= (i ? c->x[i - 1] : 0) || c->y[i] < (i ? c->y[i - 1] : 0))
			return json_fail(&pair, e, "the curve must rise from (0, 0)");
	}
	c->n = (int)n;
	return 0;
}

static int curves_read(const struct json_at *at, int n_pressures, struct response *r, struct err *e)
{
	struct json_at list = json_key(at, "curves");
	size_t n;
	int err;

	if (!list.value)
		return 0;
	if ((err = json_check_array(&list, &n, e)) < 0)
		return err;
	if (n != (size_t)n_pressures)
		return json_fail(&list, e, "must have one curve per pressure (%d), got %zu", n_pressures, n);
	r->curves = mem_alloc(n, sizeof(*r->curves));
	for (size_t i = 0; i < n; i++) {
		struct json_at c = json_item(&list, i);

		if ((err = curve_read(&c, r->curves + i, e)) < 0)
			return err;
	}
	return 0;
}

static int link_read(const struct json_at *at, double *link, struct err *e)
{
	struct json_at v = json_key(at, "link");

	if (!json_is_string(v.value))
		return json_get_f64(at, "link", true, MODEL_LINK_MIN, MODEL_LINK_MAX, link, e);
	for (size_t i = 0; i < sizeof(link_names) / sizeof(*link_names); i++)
		if (!strcmp(json_string_value(v.value), link_names[i].name)) {
			*link = link_names[i].link;
			return 0;
		}
	return json_fail(&v, e, "must be an exponent or one of linear, log, queue; got \"%.40s\"", json_string_value(v.value));
}

int model_response_read(const struct model *m, const struct json_at *at, struct response *r, struct err *e)
{
	static const char *const keys[] = { "node_type", "link", "pressure", "sensitivity", "range", "curves",
					    "error_width_ratio", "error_growth_ratio", NULL };
	int err;

	if ((err = json_check_object(at, e)) < 0 || (err = json_only(at, keys, e)) < 0 ||
	    (err = link_read(at, &r->link, e)) < 0 ||
	    (err = numbers(at, "pressure", m, false, r->pressure, e)) < 0 ||
	    (err = numbers(at, "sensitivity", m, true, r->sensitivity, e)) < 0 ||
	    (err = numbers(at, "range", m, false, r->range, e)) < 0 || (err = curves_read(at, m->n_pressures, r, e)) < 0 ||
	    (err = json_get_f64(at, "error_width_ratio", true, 0, 1e3, &r->width, e)) < 0 ||
	    (err = json_get_f64(at, "error_growth_ratio", true, 0, 1e3, &r->growth, e)) < 0)
		return err;
	r->known = true;
	return 0;
}

/* What one more `neighbour` adds to z at least, over the response's curves. */
static double effect_least(const struct model *m, const struct response *r, const double *pressure)
{
	double z = 0;

	for (int k = 0; k < m->n_pressures; k++)
		z += pressure[k] * (r->curves ? curve_effect_least(r->curves + k, r->sensitivity[k]) : r->sensitivity[k]);
	return z;
}

/* Whose neighbourhood could make somebody faster? Only a "beside NAME" makes that NAME's, a crowd anybody's. */
static bool could_help(const struct model *m, const struct response *r, int neighbour, int type)
{
	const double *p = model_pressure(m, neighbour, type);
	double most = 0;

	for (int k = 0; k < m->n_pressures; k++)
		most = fmax(most, -r->sensitivity[k] * p[k]);
	return most > 0 && effect_least(m, r, p) < -PAIR_SLACK * (1 + most);
}

static bool is_signed(const struct model *m, const struct response *r)
{
	for (int k = 0; k < m->n_pressures; k++)
		if (r->sensitivity[k] < 0)
			return true;
	return false;
}

static int owners_check(const struct model *m, const struct json_at *services, struct err *e)
{
	for (int k = 0; k < m->n_pressures; k++) {
		const char *name = model_pressure_beside(m->pressures[k]);
		int neighbour = name ? model_find_service(m, name) : -1;

		if (name && neighbour < 0)
			return json_fail(services, e, "has no service \"%.80s\", after which a pressure is named", name);
		for (int s = 0; name && s < m->n_services; s++)
			for (int t = 0; t <= m->n_types; t++) {
				const struct response *r = m->responses + (size_t)s * (size_t)(m->n_types + 1) + (size_t)t;
				struct json_at at = json_item(services, (size_t)s);

				if (r->known && s != neighbour && r->pressure[k] > 0)
					return json_fail(&at, e, "must not exert the pressure \"%.80s\"", m->pressures[k]);
			}
	}
	return 0;
}

int model_signs_check(const struct model *m, const struct json_at *services, struct err *e)
{
	int err = owners_check(m, services, e);

	for (int s = 0; s < m->n_services && !err; s++)
		for (int t = 0; t <= m->n_types && !err; t++) {
			const struct response *r = m->responses + (size_t)s * (size_t)(m->n_types + 1) + (size_t)t;
			struct json_at at = json_item(services, (size_t)s);

			for (int j = 0; r->known && is_signed(m, r) && j < m->n_services && !err; j++)
				if (could_help(m, r, j, t))
					err = json_fail(&at, e, "would become faster by one more \"%.80s\": its sensitivities must add up to 0 or more",
							m->services[j].name);
		}
	return err;
}
