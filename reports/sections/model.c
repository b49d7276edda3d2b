/*
 * What the model knows: predicted slowdown of pairs, sensitivity curves, and its own record of held-out errors.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "reports/section.h"

#define CURVE_POINTS 21
#define CONFIDENCE 0.9
#define MOST_SERVICES 40u  /* pairs grow with the square; with more, the first ones of the file */

static const struct column pair_columns[] = {
	{ "victim", "Slowed", UNIT_TEXT, NULL },
	{ "neighbour", "Neighbour", UNIT_TEXT, NULL },
	{ "slowdown_ratio", "Slowdown", UNIT_SLOWDOWN, "predicted, next to one replica" },
	{ "low_ratio", "low", UNIT_SLOWDOWN, "90 % interval" },
	{ "high_ratio", "high", UNIT_SLOWDOWN, "90 % interval" },
	{ "through", "Through", UNIT_TEXT, "the pressure that contributes most" },
	{ "extrapolated", "Beyond measured", UNIT_TEXT, NULL },
	{ 0 }
};

static const struct column curve_columns[] = {
	{ "pressure", "Pressure", UNIT_TEXT, NULL },
	{ "service", "Service", UNIT_TEXT, NULL },
	{ "level", "Level", UNIT_NUMBER, "in the model's unit of pressure" },
	{ "slowdown_ratio", "Slowdown", UNIT_SLOWDOWN, NULL },
	{ "low_ratio", "low", UNIT_SLOWDOWN, NULL },
	{ "high_ratio", "high", UNIT_SLOWDOWN, NULL },
	{ 0 }
};

static const struct column held_columns[] = {
	{ "metric", "Metric", UNIT_TEXT, "plans go by the first" },
	{ "runs", "Runs", UNIT_NUMBER, NULL },
	{ "colocations", "Co-locations", UNIT_NUMBER, "each left out in turn" },
	{ "error_ratio", "Error", UNIT_RATIO, "mean absolute error of slowdowns it had not seen" },
	{ "no_interference_error_ratio", "No interference", UNIT_RATIO, "error of assuming that nobody is slowed down" },
	{ "service_mean_error_ratio", "Mean of others", UNIT_RATIO, "error of the service's other runs' mean" },
	{ "factorisation_error_ratio", "Factorisation", UNIT_RATIO, "error of a plain matrix factorisation" },
	{ "coverage_at_90_ratio", "Coverage", UNIT_RATIO, "share of runs inside their 90 % interval" },
	{ "noise_ratio", "Noise floor", UNIT_RATIO, "repeats of one run among themselves: no model can be better" },
	{ 0 }
};

static const struct column run_columns[] = {
	{ "run", "Run", UNIT_TEXT, "the service, beside its neighbours" },
	{ "measured_ratio", "Measured", UNIT_SLOWDOWN, NULL },
	{ "predicted_ratio", "Predicted", UNIT_SLOWDOWN, "without this co-location" },
	{ "low_ratio", "low", UNIT_SLOWDOWN, "90 % interval" },
	{ "high_ratio", "high", UNIT_SLOWDOWN, "90 % interval" },
	{ "interval", "Interval", UNIT_TEXT, "did it hold?" },
	{ 0 }
};

static const struct column kind_columns[] = {
	{ "service", "Service", UNIT_TEXT, NULL },
	{ "kind", "Model", UNIT_TEXT, "the kind that cross-validation chose" },
	{ "runs", "Runs", UNIT_NUMBER, NULL },
	{ "held_out_error_ratio", "Error", UNIT_RATIO, "held out" },
	{ 0 }
};

/* victims: only those that were measured as such, not synthetic pressure. */
static size_t model_names(const struct input *in, const char **names, bool victims)
{
	json_t *list = json_object_get(in->model_json, "services"), *row;
	size_t i, n = 0;

	json_array_foreach(list, i, row) {
		const char *name = json_string_value(json_object_get(row, "name"));
		int service = name ? model_find_service(in->model, name) : -1;

		if (service >= 0 && n < MOST_SERVICES && (!victims || model_is_victim(in->model, service)))
			names[n++] = name;
	}
	return n;
}

static void add_pair(struct table *t, const struct model *m, const char *victim, const char *neighbour)
{
	struct prediction p;

	model_predict(m, model_find_service(m, victim), -1, model_pressure(m, model_find_service(m, neighbour), -1), CONFIDENCE, &p);
	table_text(t, victim);
	table_text(t, neighbour);
	table_real(t, p.slowdown);
	table_real(t, p.low);
	table_real(t, p.high);
	table_text(t, p.binding >= 0 && p.binding < model_n_pressures(m) ? model_pressure_name(m, p.binding) : NULL);
	table_text(t, p.extrapolated ? "yes" : "no");
}

static double number_of(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	return json_is_number(v) ? json_number_value(v) : (double)NAN;
}

static void held_row(struct table *t, const json_t *body)
{
	const json_t *held = json_object_get(body, "held_out");

	table_text(t, json_string_value(json_object_get(body, "metric")));
	for (const struct column *c = held_columns + 1; c->key; c++)
		table_real(t, number_of(held, c->key));
}

static void add_held_out(const struct input *in, struct doc_section *sec)
{
	struct table *t = table_new("held_out", "How wrong the model is on runs it has not seen", in->model_name, held_columns);
	json_t *body;
	size_t i;

	held_row(t, in->model_json);
	json_array_foreach(json_object_get(in->model_json, "further_metrics"), i, body)
		held_row(t, body);
	section_table_take(sec, t, false);
}

static void add_kinds(const struct input *in, struct doc_section *sec)
{
	struct table *t = table_new("model_kinds", "Which model describes which service", in->model_name, kind_columns);
	json_t *row;
	size_t i;

	json_array_foreach(json_object_get(in->model_json, "services"), i, row) {
		if (i >= MOST_SERVICES)
			break;
		table_text(t, json_string_value(json_object_get(row, "name")));
		table_text(t, json_string_value(json_object_get(row, "kind")));
		table_real(t, number_of(row, "runs"));
		table_real(t, number_of(row, "held_out_error_ratio"));
	}
	section_table_take(sec, t, false);
}

/* "redis beside nginx, writer" */
static char *run_name(const json_t *run)
{
	const char *victim = json_string_value(json_object_get(run, "victim"));
	char *text = str_fmt("%s beside", victim ? victim : "");
	json_t *name;
	size_t i;

	json_array_foreach(json_object_get(run, "neighbours"), i, name) {
		char *longer = str_fmt("%s%s %s", text, i ? "," : "", json_string_value(name) ? json_string_value(name) : "");

		free(text);
		text = longer;
	}
	return text;
}

/* Every held-out run: on the diagonal the model is right; the colour says whether the interval held. */
static void add_runs(const struct input *in, struct doc_section *sec)
{
	json_t *list = json_object_get(in->model_json, "held_out_runs"), *run;
	struct table *t;
	struct chart c;
	size_t i;

	if (!json_array_size(list))
		return;
	t = table_new("held_out_runs", "Predicted against measured, each co-location left out", in->model_name, run_columns);
	json_array_foreach(list, i, run) {
		double y = number_of(run, "measured_ratio"), low = number_of(run, "low_ratio"), high = number_of(run, "high_ratio");
		char *name = run_name(run);

		table_text(t, name);
		table_real(t, y);
		table_real(t, number_of(run, "predicted_ratio"));
		table_real(t, low);
		table_real(t, high);
		table_text(t, (y >= low || low <= 1) && y <= high ? "holds" : "missed");
		free(name);
	}
	c = chart_of(CHART_SCATTER, t->title, "across: measured slowdown; up: predicted; on the line the model is right", t);
	c.row = 0, c.series = 5, c.x = 1, c.value = 2;
	section_chart(sec, c);
	section_table_take(sec, t, true);
}

/* The worst pair of different services. */
static void find_worst(struct doc *d, const struct table *t, const char *source)
{
	size_t worst = 0;
	double most = 1.05;

	for (size_t r = 0; r < table_rows(t); r++) {
		double v = cell_number(table_cell(t, r, 2));

		if (v <= most || !strcmp(table_cell(t, r, 0)->text, table_cell(t, r, 1)->text))
			continue;
		most = v;
		worst = r;
	}
	if (most > 1.05)
		doc_find(d, (most - 1) * 0.2, TONE_INFO, source, "%s next to %s is predicted to run %.2f× slower, the worst pair.",
			 table_cell(t, worst, 0)->text, table_cell(t, worst, 1)->text, most);
}

void build_pairs(const struct input *in, struct doc *d, struct doc_section *sec)
{
	const char *names[MOST_SERVICES], *victims[MOST_SERVICES];
	size_t n = model_names(in, names, false), n_victims = model_names(in, victims, true);
	struct table *t = table_new("pairs", "Predicted slowdown in pairs", in->model_name, pair_columns);
	struct chart c = chart_of(CHART_MATRIX, "Slowdown of the row next to the column", NULL, t);
	const char *source = in->model_name;

	for (size_t v = 0; v < n_victims; v++)
		for (size_t k = 0; k < n; k++)
			add_pair(t, in->model, victims[v], names[k]);
	c.row = 0, c.series = 1, c.value = 2;
	section_chart(sec, c);
	section_table_take(sec, t, true);
	add_held_out(in, sec);
	add_kinds(in, sec);
	add_runs(in, sec);
	find_worst(d, t, source);
}

/* What a curve runs along, one resource: all forms' parts of it take the level, since a blend answers by their sum. */
struct axis { const struct model *m; int first, n_name; };

static bool is_part(const struct axis *r, int pressure)
{
	return model_pressure_same_resource(model_pressure_name(r->m, r->first), model_pressure_name(r->m, pressure));
}

static void add_curve(struct table *t, const struct axis *r, const char *name, double most)
{
	char text[80];

	snprintf(text, sizeof(text), "%.*s", r->n_name, model_pressure_name(r->m, r->first));
	for (int i = 0; i < CURVE_POINTS; i++) {
		double level[MODEL_MAX_PRESSURES] = { 0 }, x = most * i / (CURVE_POINTS - 1);
		struct prediction p;

		for (int k = 0; k < model_n_pressures(r->m); k++)
			level[k] = is_part(r, k) ? x : 0;
		model_predict(r->m, model_find_service(r->m, name), -1, level, CONFIDENCE, &p);
		table_text(t, text);
		table_text(t, name);
		table_real(t, x);
		table_real(t, p.slowdown);
		table_real(t, p.low);
		table_real(t, p.high);
	}
}

/* The most that any service exerts on the resource; 0 where an earlier pressure is the same resource. */
static double most_pressure(const struct axis *r, const char *const *names, size_t n)
{
	double most = 0;

	for (int k = 0; k < model_n_pressures(r->m); k++) {
		if (!is_part(r, k))
			continue;
		if (k < r->first)
			return 0;
		for (size_t i = 0; i < n; i++)
			most = fmax(most, model_pressure(r->m, model_find_service(r->m, names[i]), -1)[k]);
	}
	return most;
}

static void add_resource(const struct input *in, struct doc_section *sec, const struct axis *r, double most)
{
	const char *victims[MOST_SERVICES], *name = model_pressure_name(r->m, r->first);
	size_t n_victims = model_names(in, victims, true);
	struct table *t;
	struct chart c;
	char id[80], title[120];

	snprintf(id, sizeof(id), "curve_%.*s", r->n_name, name);
	snprintf(title, sizeof(title), "Sensitivity to %.*s", r->n_name, name);
	t = table_new(id, title, in->model_name, curve_columns);
	for (size_t i = 0; i < n_victims; i++)
		add_curve(t, r, victims[i], most);
	c = chart_of(CHART_LINE, t->title, "up to the most any service exerts", t);
	c.series = 1, c.x = 2, c.value = 3;
	section_chart(sec, c);
	section_table_take(sec, t, true);
}

void build_curves(const struct input *in, struct doc *d, struct doc_section *sec)
{
	const char *names[MOST_SERVICES];
	size_t n = model_names(in, names, false);
	bool named = false;

	(void)d;
	for (int k = 0; k < model_n_pressures(in->model); k++)
		named |= !model_pressure_is_nameless(model_pressure_name(in->model, k));
	for (int k = 0; k < model_n_pressures(in->model); k++) {
		const char *name = model_pressure_name(in->model, k);
		struct axis r = { in->model, k, (int)model_pressure_resource(name) };
		double most = most_pressure(&r, names, n);

		if (!(most > 0) || (named && model_pressure_is_nameless(name)) || model_pressure_is_signed(name))
			continue; /* one neighbour more or less is no curve */
		add_resource(in, sec, &r, most);
	}
}
