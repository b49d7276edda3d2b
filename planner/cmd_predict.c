/* cotenant predict: how much slower each service of a group that never ran together will be, with intervals that held. */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/opt.h"
#include "planner/model/model.h"

#define COUNT_MAX 1000

static struct values {
	struct opt_list groups;
	const char *count, *node_type, *format, *metric;
	bool matrix, held_out;
	double confidence, limit;
} values;

struct group {
	char *text;
	int n, *service;
};

static int name_find(const struct model *m, const char *name, struct err *e)
{
	int i = model_find_service(m, name);

	return i >= 0 ? i : err_set(e, -EINVAL, "the model does not know the service \"%.80s\"; it knows %d, the first is \"%.80s\"",
				    name, m->n_services, m->services[0].name);
}

static int group_parse(const struct model *m, const char *text, struct group *g, struct err *e)
{
	char *save = NULL;
	int err = 0;

	*g = (struct group){ .text = str_dup(text) };
	for (char *p = strtok_r(g->text, ",", &save); p && !err; p = strtok_r(NULL, ",", &save)) {
		int i = name_find(m, p, e);

		g->service = mem_resize(g->service, (size_t)g->n + 1, sizeof(*g->service));
		g->service[g->n++] = i;
		err = i < 0 ? i : 0;
	}
	if (!err && g->n < 2)
		err = err_set(e, -EINVAL, "--group %s: needs at least two services", text);
	return err;
}

static void pressure_sum(const struct model *m, const int *service, int n, int skip, int type, double *sum)
{
	memset(sum, 0, MODEL_MAX_PRESSURES * sizeof(*sum));
	for (int i = 0; i < n; i++)
		for (int k = 0; i != skip && k < m->n_pressures; k++)
			sum[k] += model_pressure(m, service[i], type)[k];
}

/* One prediction as data: text and JSON are two ways to show it. */
struct row {
	const struct model *m;
	const struct group *g;
	int v;                 /* the victim's place in the group */
	struct prediction p;
};

static struct row row_of(const struct model *m, const struct group *g, int v, int type)
{
	struct row r = { .m = m, .g = g, .v = v };
	double sum[MODEL_MAX_PRESSURES];

	pressure_sum(m, g->service, g->n, v, type, sum);
	model_predict(m, g->service[v], type, sum, values.confidence, &r.p);
	return r;
}

static const char *through(const struct row *r)
{
	return r->m->n_pressures ? r->m->pressures[r->p.binding] : "";
}

static void row_json(const struct row *r, json_t *out)
{
	json_t *o = json_object(), *neighbours = json_array();

	for (int i = 0; i < r->g->n; i++)
		if (i != r->v)
			json_array_append_new(neighbours, json_string(r->m->services[r->g->service[i]].name));
	json_object_set_new(o, "metric", json_string(r->m->metric));
	json_object_set_new(o, "victim", json_string(r->m->services[r->g->service[r->v]].name));
	json_object_set_new(o, "neighbours", neighbours);
	json_object_set_new(o, "slowdown_ratio", json_real(r->p.slowdown));
	json_object_set_new(o, "low_ratio", json_real(r->p.low));
	json_object_set_new(o, "high_ratio", json_real(r->p.high));
	json_object_set_new(o, "through", json_string(through(r)));
	json_object_set_new(o, "extrapolated", json_boolean(r->p.extrapolated));
	json_array_append_new(out, o);
}

static void row_text(const struct row *r)
{
	const struct model_service *s = r->m->services + r->g->service[r->v];

	printf("%-20s %8.3f %8.3f … %-8.3f %-12s ", s->name, r->p.slowdown, r->p.low, r->p.high, through(r));
	if (isfinite(s->error_ratio))
		printf("%6.1f %%", 100 * s->error_ratio);
	else
		printf("   n/a  ");
	printf("%s\n", r->p.extrapolated ? "  extrapolated" : "");
}

/* One named group; out NULL = text. Members that this metric was never measured of are neighbours only. */
static int group_run(const struct model *m, const char *text, int type, json_t *out, struct err *e)
{
	struct group g;
	int err = group_parse(m, text, &g, e);

	if (!err && !out)
		printf("%s, %s:\n%-20s %8s %19s %-12s %8s\n", text, m->metric, "victim", "slowdown", "interval", "through", "held out");
	for (int v = 0; v < g.n && !err; v++) {
		struct row r = row_of(m, &g, v, type);

		if (!model_is_victim(m, g.service[v]))
			continue;
		if (out)
			row_json(&r, out);
		else
			row_text(&r);
	}
	free(g.text);
	free(g.service);
	return err;
}

static void matrix_text(const struct model *m, int type)
{
	printf("%s; rows: victim; columns: neighbour; slowdown (upper edge at %g %%)\n%-20s", m->metric, 100 * values.confidence, "");
	for (int b = 0; b < m->n_services; b++)
		printf(" %15.15s", m->services[b].name);
	putchar('\n');
	for (int a = 0; a < m->n_services; a++) {
		if (!model_is_victim(m, a))
			continue;
		printf("%-20.20s", m->services[a].name);
		for (int b = 0; b < m->n_services; b++) {
			struct prediction p;

			model_predict(m, a, type, model_pressure(m, b, type), values.confidence, &p);
			printf("   %5.2f (%5.2f)%c", p.slowdown, p.high, p.extrapolated ? '*' : ' ');
		}
		putchar('\n');
	}
	puts("* beyond what was measured");
}

static void matrix_json(const struct model *m, int type, json_t *out)
{
	for (int a = 0; a < m->n_services; a++)
		for (int b = 0; b < m->n_services && model_is_victim(m, a); b++) {
			int pair[2] = { a, b };
			struct group g = { .n = 2, .service = pair };
			struct row r = row_of(m, &g, 0, type);

			row_json(&r, out);
		}
}

/* Too many Kafkas: copies on one node until the upper edge breaks the limit. */
static int count_run(const struct model *m, int type, json_t *out, struct err *e)
{
	int s = name_find(m, values.count, e), fits = 1;
	double sum[MODEL_MAX_PRESSURES] = { 0 };
	const char *stopped = "no limit within 1000 copies";
	struct prediction p = { 0 };

	if (s < 0)
		return s;
	if (!model_is_victim(m, s))
		return err_set(e, -EINVAL, "%s was never measured as a victim in %s: nothing says what it suffers", values.count, m->metric);
	if (!out)
		printf("%-8s %8s %19s\n", "copies", "slowdown", "interval");
	for (int n = 2; n <= COUNT_MAX; n++) {
		for (int k = 0; k < m->n_pressures; k++)
			sum[k] += model_pressure(m, s, type)[k];
		model_predict(m, s, type, sum, values.confidence, &p);
		if (!out && n <= 32)
			printf("%-8d %8.3f %8.3f … %-8.3f%s\n", n, p.slowdown, p.low, p.high, p.extrapolated ? "  extrapolated" : "");
		if (p.high > values.limit) {
			stopped = m->n_pressures ? m->pressures[p.binding] : "";
			break;
		}
		fits = n;
	}
	if (out)
		json_array_append_new(out, json_pack("{s:s, s:s, s:f, s:i, s:s, s:b}", "metric", m->metric, "service", m->services[s].name,
						     "limit_ratio", values.limit, "fits", fits, "through", stopped, "extrapolated", p.extrapolated));
	else
		printf("%d of %s fit on one node within a slowdown of %g of %s at %g %% confidence; what breaks it: %s%s\n", fits,
		       m->services[s].name, values.limit, m->metric, 100 * values.confidence, stopped,
		       p.extrapolated ? "; extrapolated: more copies than were ever measured" : "");
	return 0;
}

static void foot_show(const struct model *m)
{
	const struct model_report *r = &m->report;

	printf("held-out error %.1f %% (no interference %.1f %%), 90 %% intervals cover %.0f %%, from %d runs of %d co-locations; "
	       "metric %s\n", 100 * r->error_ratio, 100 * r->no_interference_ratio, 100 * r->coverage_ratio, r->n_runs,
	       r->n_colocations, m->metric);
}

static json_t *known(double v)
{
	return isfinite(v) ? json_real(v) : json_null();
}

/* Beside what was measured: every run that was predicted without its own co-location. */
static void held_show(const struct model *m, json_t *out)
{
	if (!out)
		printf("%s, each co-location left out in turn\n%-56s %9s %9s %19s %7s\n", m->metric, "victim beside neighbours", "measured", "predicted", "interval", "off");
	for (int i = 0; i < m->n_held; i++) {
		const struct model_held *h = m->held + i;
		bool holds = h->measured <= h->high && (h->measured >= h->low || h->low <= 1);
		char *text = str_fmt("%s beside", m->services[h->victim].name);
		json_t *neighbours = json_array();

		for (int j = 0; j < h->n_neighbours; j++) {
			char *longer = str_fmt("%s%s %s", text, j ? "," : "", m->services[h->neighbours[j]].name);

			free(text);
			text = longer;
			json_array_append_new(neighbours, json_string(m->services[h->neighbours[j]].name));
		}
		if (out)
			json_array_append_new(out, json_pack("{s:s, s:s, s:O, s:f, s:f, s:f, s:f, s:b}", "metric", m->metric, "victim", m->services[h->victim].name,
							     "neighbours", neighbours, "measured_ratio", h->measured, "predicted_ratio", h->predicted, "low_ratio",
							     h->low, "high_ratio", h->high, "holds", holds));
		else
			printf("%-56s %9.3f %9.3f %8.3f … %-8.3f %+6.1f %%%s\n", text, h->measured, h->predicted, h->low, h->high,
			       100 * (h->predicted / h->measured - 1), holds ? "" : "  outside");
		json_decref(neighbours);
		free(text);
	}
}

static json_t *foot_json(const struct model *m)
{
	const struct model_report *r = &m->report;
	json_t *o = json_object();

	json_object_set_new(o, "metric", json_string(m->metric));
	json_object_set_new(o, "held_out_error_ratio", known(r->error_ratio));
	json_object_set_new(o, "no_interference_error_ratio", known(r->no_interference_ratio));
	json_object_set_new(o, "coverage_at_90_ratio", known(r->coverage_ratio));
	json_object_set_new(o, "noise_ratio", known(r->noise_ratio));
	json_object_set_new(o, "runs", json_integer(r->n_runs));
	json_object_set_new(o, "colocations", json_integer(r->n_colocations));
	return o;
}

/* Everything asked about one metric; out NULL = text. */
static int metric_run(const struct model *m, json_t *out, struct err *e)
{
	int type = -1, err = 0;

	if (values.node_type && (type = model_find_node_type(m, values.node_type)) < 0)
		return err_set(e, -EINVAL, "--node-type %s: the model does not know it", values.node_type);
	for (size_t i = 0; i < values.groups.n && !err; i++)
		err = group_run(m, values.groups.v[i], type, out, e);
	if (values.held_out)
		held_show(m, out);
	else if (!values.groups.n && values.count)
		err = count_run(m, type, out, e);
	else if (!values.groups.n && out)
		matrix_json(m, type, out);
	else if (!values.groups.n)
		matrix_text(m, type);
	if (!err && !out)
		foot_show(m);
	return err;
}

/* Groups are shown in every metric; the matrix and the count in the first, which plans go by, unless --metric names another. */
static int run(const struct operands *op, struct err *e)
{
	struct model *all = model_read(op->argv[0], e);
	const struct model *first = all;
	json_t *root = strcmp(values.format, "json") ? NULL : json_object(), *rows = json_array(), *feet = json_array();
	int err = 0;

	if (!all) {
		err = e->code;
		goto out;
	}
	if (values.metric && !(first = model_of_metric(all, values.metric))) {
		err = err_set(e, -EINVAL, "--metric %s: the model has none of this; its first is %s", values.metric, all->metric);
		goto out;
	}
	for (const struct model *m = first; m && !err; m = values.metric || !values.groups.n ? NULL : m->next) {
		err = metric_run(m, root ? rows : NULL, e);
		json_array_append_new(feet, foot_json(m));
	}
	if (!err && root) {
		json_object_set_new(root, "held_out_error_ratio", known(first->report.error_ratio));
		json_object_set_new(root, "coverage_at_90_ratio", known(first->report.coverage_ratio));
		json_object_set_new(root, "confidence_ratio", json_real(values.confidence));
		json_object_set(root, "metrics", feet);
		json_object_set(root, "predictions", rows);
		if (json_dumpf(root, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(6)) || putchar('\n') == EOF)
			err = err_set(e, -EIO, "cannot write to standard output");
	}
out:
	json_decref(root);
	json_decref(rows);
	json_decref(feet);
	model_free(all);
	return err;
}

#define AT(field) offsetof(struct values, field)

static const struct opt opts[] = {
	{ .name = "matrix", .kind = OPT_FLAG, .offset = AT(matrix), .help = "every pair (this is also the default)" },
	{ .name = "group", .key = 'g', .kind = OPT_LIST, .offset = AT(groups), .arg = "A,B,B", .help = "this group; may be repeated" },
	{ .name = "count", .kind = OPT_STR, .offset = AT(count), .arg = "A", .help = "how many of A fit on one node within --limit" },
	{ .name = "held-out", .kind = OPT_FLAG, .offset = AT(held_out), .help = "instead: every measured run beside its prediction without its own co-location" },
	{ .name = "limit", .kind = OPT_F64, .offset = AT(limit), .arg = "RATIO", .min = "1", .def = "1.5", .help = "slowdown that A accepts" },
	{ .name = "confidence", .kind = OPT_RATIO, .offset = AT(confidence), .arg = "P", .min = "0.01", .max = "0.999", .def = "0.9",
	  .help = "of the intervals" },
	{ .name = "node-type", .kind = OPT_STR, .offset = AT(node_type), .arg = "NAME", .help = "on this type of node (default: all pooled)" },
	{ .name = "metric", .key = 'm', .kind = OPT_STR, .offset = AT(metric), .arg = "NAME", .help = "of a model with several: this one (default: groups in all, the rest in the first)" },
	{ .name = "format", .kind = OPT_STR, .offset = AT(format), .arg = "text|json", .def = "text", .help = "form of the output" },
	{ 0 },
};

const struct verb verb_predict = {
	.name = "predict", .operands = "MODEL.json", .opts = opts, .values = &values, .min_operands = 1, .max_operands = 1,
	.run = run, .summary = "how much slower services will be beside each other",
	.details = "Prints the slowdown of each service of a group, or of every pair, with an interval, the resource behind it, and "
		   "the error the model made on runs it had not seen.",
};
