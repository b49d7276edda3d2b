/* cotenant predict: how much slower each service of a group that never ran together will be, with intervals that held. */
#include <errno.h>
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
	const char *count, *node_type, *format;
	bool matrix;
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

static void victim_row(const struct model *m, const struct group *g, int v, int type, bool json, const char *comma)
{
	double sum[MODEL_MAX_PRESSURES];
	const struct model_service *s = m->services + g->service[v];
	struct prediction p;

	pressure_sum(m, g->service, g->n, v, type, sum);
	model_predict(m, g->service[v], type, sum, values.confidence, &p);
	if (json) {
		printf("%s\n  {\"victim\": \"%s\", \"neighbours\": [", comma, s->name);
		for (int i = 0, first = 1; i < g->n; i++)
			if (i != v) {
				printf("%s\"%s\"", first ? "" : ", ", m->services[g->service[i]].name);
				first = 0;
			}
		printf("], \"slowdown_ratio\": %.4f, \"low_ratio\": %.4f, \"high_ratio\": %.4f, \"through\": \"%s\", \"extrapolated\": %s}",
		       p.slowdown, p.low, p.high, m->n_pressures ? m->pressures[p.binding] : "", p.extrapolated ? "true" : "false");
		return;
	}
	printf("%-20s %8.3f %8.3f … %-8.3f %-10s ", s->name, p.slowdown, p.low, p.high, m->n_pressures ? m->pressures[p.binding] : "");
	if (isfinite(s->error_ratio))
		printf("%6.1f %%", 100 * s->error_ratio);
	else
		printf("   n/a  ");
	printf("%s\n", p.extrapolated ? "  extrapolated" : "");
}

static void group_show(const struct model *m, const struct group *g, int type)
{
	bool json = !strcmp(values.format, "json");

	if (!json)
		printf("%-20s %8s %19s %-10s %8s\n", "victim", "slowdown", "interval", "through", "held out");
	for (int v = 0; v < g->n; v++)
		victim_row(m, g, v, type, json, v ? "," : "");
}

static int groups_run(const struct model *m, int type, struct err *e)
{
	bool json = !strcmp(values.format, "json");
	int err = 0;

	for (size_t i = 0; i < values.groups.n && !err; i++) {
		struct group g;

		err = group_parse(m, values.groups.v[i], &g, e);
		if (!err) {
			if (json)
				printf("%s", i ? "," : "");
			else
				printf("%s:\n", values.groups.v[i]);
			group_show(m, &g, type);
		}
		free(g.text);
		free(g.service);
	}
	return err;
}

static bool is_victim(const struct model *m, int service)
{
	return strcmp(m->services[service].kind, MODEL_KIND_NEIGHBOUR) != 0;
}

static void matrix_text(const struct model *m, int type)
{
	printf("rows: victim; columns: neighbour; slowdown (upper edge at %g %%)\n%-20s", 100 * values.confidence, "");
	for (int b = 0; b < m->n_services; b++)
		printf(" %15.15s", m->services[b].name);
	putchar('\n');
	for (int a = 0; a < m->n_services; a++) {
		if (!is_victim(m, a))
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

static void matrix_json(const struct model *m, int type)
{
	const char *comma = "";

	for (int a = 0; a < m->n_services; a++)
		for (int b = 0; b < m->n_services; b++) {
			int pair[2] = { a, b };
			struct group g = { .n = 2, .service = pair };

			if (!is_victim(m, a))
				continue;
			victim_row(m, &g, 0, type, true, comma);
			comma = ",";
		}
}

/* Too many Kafkas: copies on one node until the upper edge breaks the limit. */
static int count_run(const struct model *m, int type, struct err *e)
{
	int s = name_find(m, values.count, e), fits = 1;
	double sum[MODEL_MAX_PRESSURES] = { 0 };
	bool json = !strcmp(values.format, "json");
	const char *stopped = "no limit within 1000 copies";
	struct prediction p;

	if (s < 0)
		return s;
	if (!json)
		printf("%-8s %8s %19s\n", "copies", "slowdown", "interval");
	for (int n = 2; n <= COUNT_MAX; n++) {
		for (int k = 0; k < m->n_pressures; k++)
			sum[k] += model_pressure(m, s, type)[k];
		model_predict(m, s, type, sum, values.confidence, &p);
		if (!json && n <= 32)
			printf("%-8d %8.3f %8.3f … %-8.3f%s\n", n, p.slowdown, p.low, p.high, p.extrapolated ? "  extrapolated" : "");
		if (p.high > values.limit) {
			stopped = m->n_pressures ? m->pressures[p.binding] : "";
			break;
		}
		fits = n;
	}
	if (json)
		printf("\n  {\"service\": \"%s\", \"limit_ratio\": %g, \"fits\": %d, \"through\": \"%s\"}", m->services[s].name, values.limit,
		       fits, stopped);
	else
		printf("%d of %s fit on one node within a slowdown of %g at %g %% confidence; what breaks it: %s\n", fits,
		       m->services[s].name, values.limit, 100 * values.confidence, stopped);
	return 0;
}

static void foot_show(const struct model *m)
{
	const struct model_report *r = &m->report;

	printf("held-out error %.1f %% (no interference %.1f %%), 90 %% intervals cover %.0f %%, from %d runs of %d co-locations; "
	       "metric %s\n", 100 * r->error_ratio, 100 * r->no_interference_ratio, 100 * r->coverage_ratio, r->n_runs,
	       r->n_colocations, m->metric);
}

static int run(const struct operands *op, struct err *e)
{
	struct model *m = model_read(op->argv[0], e);
	bool json = !strcmp(values.format, "json");
	int type = -1, err = 0;

	if (!m)
		return e->code;
	if (values.node_type && (type = model_find_node_type(m, values.node_type)) < 0) {
		err = err_set(e, -EINVAL, "--node-type %s: the model does not know it", values.node_type);
		goto out;
	}
	if (json)
		printf("{\"held_out_error_ratio\": %.5f, \"coverage_at_90_ratio\": %.4f, \"confidence_ratio\": %g, \"predictions\": [",
		       isfinite(m->report.error_ratio) ? m->report.error_ratio : -1,
		       isfinite(m->report.coverage_ratio) ? m->report.coverage_ratio : -1, values.confidence);
	if (values.groups.n)
		err = groups_run(m, type, e);
	else if (values.count)
		err = count_run(m, type, e);
	else
		(json ? matrix_json : matrix_text)(m, type);
	if (!err) {
		if (json)
			puts("]}");
		else
			foot_show(m);
	}
out:
	model_free(m);
	return err;
}

#define AT(field) offsetof(struct values, field)

static const struct opt opts[] = {
	{ .name = "matrix", .kind = OPT_FLAG, .offset = AT(matrix), .help = "every pair (this is also the default)" },
	{ .name = "group", .key = 'g', .kind = OPT_LIST, .offset = AT(groups), .arg = "A,B,B", .help = "this group; may be repeated" },
	{ .name = "count", .kind = OPT_STR, .offset = AT(count), .arg = "A", .help = "how many of A fit on one node within --limit" },
	{ .name = "limit", .kind = OPT_F64, .offset = AT(limit), .arg = "RATIO", .min = "1", .def = "1.5", .help = "slowdown that A accepts" },
	{ .name = "confidence", .kind = OPT_RATIO, .offset = AT(confidence), .arg = "P", .min = "0.01", .max = "0.999", .def = "0.9",
	  .help = "of the intervals" },
	{ .name = "node-type", .kind = OPT_STR, .offset = AT(node_type), .arg = "NAME", .help = "on this type of node (default: all pooled)" },
	{ .name = "format", .kind = OPT_STR, .offset = AT(format), .arg = "text|json", .def = "text", .help = "form of the output" },
	{ 0 },
};

const struct verb verb_predict = {
	.name = "predict", .operands = "MODEL.json", .opts = opts, .values = &values, .min_operands = 1, .max_operands = 1,
	.run = run, .summary = "How much slower services will be beside each other",
	.details = "Prints the slowdown of each service of a group, or of every pair, with an interval, the resource behind it, and "
		   "the error the model made on runs it had not seen.",
};
