/*
 * Predicted slowdown of every service in the plan, at its worst placed replica, against its limit. With a model the prediction is made
 * again here from the placement; without one the plan's own upper edges are shown.
 */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "reports/section.h"
#include "reports/sections/load.h"

#define DEFAULT_CONFIDENCE 0.9 /* for services that name none */

static const struct column columns[] = {
	{ "service", "Service", UNIT_TEXT, NULL },
	{ "slowdown_ratio", "Predicted", UNIT_SLOWDOWN, "worst replica" },
	{ "low_ratio", "low", UNIT_SLOWDOWN, NULL },
	{ "high_ratio", "high", UNIT_SLOWDOWN, "held against the limit" },
	{ "limit_ratio", "Limit", UNIT_SLOWDOWN, "largest slowdown accepted" },
	{ "of_limit_ratio", "Of limit", UNIT_RATIO, "high ÷ limit; above 100 % breaks it" },
	{ "confidence_ratio", "Confidence", UNIT_RATIO, NULL },
	{ "node", "Worst node", UNIT_TEXT, NULL },
	{ "binding", "Through", UNIT_TEXT, "the pressure that contributes most" },
	{ "extrapolated", "Beyond measured", UNIT_TEXT, NULL },
	{ 0 }
};

struct forecast { double *pressure; struct prediction *worst; int32_t *node; };

static int find_service(const struct model *m, const struct instance *in, uint32_t s)
{
	return model_find_service(m, in->services[s].profile ? in->services[s].profile : in->services[s].id);
}

static int find_type(const struct model *m, const struct instance *in, int32_t node)
{
	return model_find_node_type(m, in->nodes[node].type ? in->nodes[node].type : "");
}

static void sum_pressures(const struct model *m, const struct plan *p, double *sum)
{
	const struct instance *in = p->instance;
	int n = model_n_pressures(m);

	for (uint32_t i = 0; i < in->n_items; i++) {
		int s = find_service(m, in, in->item_service[i]);
		const double *x;

		if (s < 0 || p->item_node[i] == NO_NODE)
			continue;
		x = model_pressure(m, s, find_type(m, in, p->item_node[i]));
		for (int k = 0; k < n; k++)
			sum[p->item_node[i] * n + k] += x[k];
	}
}

static void predict_item(const struct model *m, const struct plan *p, const double *sum, uint32_t item, struct prediction *out)
{
	const struct instance *in = p->instance;
	const struct service *sv = &in->services[in->item_service[item]];
	int n = model_n_pressures(m), type = find_type(m, in, p->item_node[item]), s = find_service(m, in, in->item_service[item]);
	const double *own = model_pressure(m, s, type);
	double rest[MODEL_MAX_PRESSURES];

	for (int k = 0; k < n; k++)
		rest[k] = fmax(0, sum[p->item_node[item] * n + k] - own[k]);
	model_predict(m, s, type, rest, sv->limit_confidence > 0 ? sv->limit_confidence : DEFAULT_CONFIDENCE, out);
}

static void add_row(struct table *t, const struct input *in, const struct plan *p, uint32_t s, const struct prediction *w, int32_t node)
{
	const struct service *sv = &p->instance->services[s];
	double limit = isfinite(sv->limit_ratio) ? sv->limit_ratio : (double)NAN;

	table_text(t, sv->id);
	table_real(t, w->slowdown);
	table_real(t, w->low);
	table_real(t, w->high);
	table_real(t, limit);
	table_real(t, w->high / limit);
	table_real(t, sv->limit_confidence > 0 ? sv->limit_confidence : DEFAULT_CONFIDENCE);
	table_text(t, node == NO_NODE ? NULL : p->instance->nodes[node].id);
	table_text(t, in->model && w->binding >= 0 && w->binding < model_n_pressures(in->model) ? model_pressure_name(in->model, w->binding) : NULL);
	table_text(t, !in->model ? NULL : w->extrapolated ? "yes" : "no");
}

/* The worst replica of each service, by its upper edge. */
static void add_services(struct table *t, const struct input *in, const struct plan *p)
{
	const struct instance *ins = p->instance;
	int n = in->model ? model_n_pressures(in->model) : 0;
	double *sum = mem_alloc((size_t)ins->n_nodes * (size_t)n + 1, sizeof(*sum));

	if (in->model)
		sum_pressures(in->model, p, sum);
	for (uint32_t s = 0; s < ins->n_services; s++) {
		struct prediction worst = { NAN, NAN, -1, -1, 0 };
		int32_t node = NO_NODE;

		for (uint32_t i = ins->services[s].first_item; i < ins->services[s].first_item + ins->services[s].replicas; i++) {
			struct prediction now = { NAN, NAN, NAN, -1, 0 };

			if (p->item_node[i] == NO_NODE)
				continue;
			if (in->model && find_service(in->model, ins, s) >= 0)
				predict_item(in->model, p, sum, i, &now);
			else if (p->item_slowdown)
				now.slowdown = now.high = p->item_slowdown[i];
			if (!(now.high > worst.high))
				continue;
			worst = now;
			node = p->item_node[i];
		}
		if (node != NO_NODE)
			add_row(t, in, p, s, &worst, node);
	}
	free(sum);
}

static void find_near(struct doc *d, const struct table *t, const char *source)
{
	size_t broken = 0;

	for (size_t r = 0; r < table_rows(t); r++)
		broken += cell_number(table_cell(t, r, 5)) > 1 + 1e-9;
	if (broken)
		doc_find(d, 8, TONE_BAD, source, "%zu %s predicted to exceed the limit at the confidence asked for.", broken,
			 broken == 1 ? "service is" : "services are");
	else if (table_rows(t) && !isnan(cell_number(table_cell(t, 0, 5))))
		doc_find(d, 0.3, TONE_INFO, source, "No service is predicted to exceed its limit; closest is %s, %.2f× of %.2f× at most.",
			 table_cell(t, 0, 0)->text, cell_number(table_cell(t, 0, 3)), cell_number(table_cell(t, 0, 4)));
}

void build_slowdown(const struct input *in, struct doc *d, struct doc_section *sec)
{
	for (size_t i = 0; i < in->n_plans; i++) {
		char *id = i ? str_fmt("slowdown@%s", in->plans[i].name) : str_dup("slowdown");
		char *source = in->model ? str_fmt("%s, %s", in->plans[i].name, in->model_name) : str_dup(in->plans[i].name);
		struct table *t = table_new(id, "Predicted slowdown, closest to its limit first", source, columns);
		struct chart c = chart_of(CHART_RANGE, "Slowdown against limit", "tick: predicted, bar: interval, dark mark: limit; red: above it", t);

		add_services(t, in, in->plans[i].plan);
		table_sort_down(t, 5);
		find_near(d, t, source);
		c.row = 0, c.value = 1, c.low = 2, c.high = 3, c.limit = 4;
		if (table_rows(t))
			section_chart(sec, c);
		else
			section_text(sec, "The plan carries no predictions: it was made without a model (--model).");
		section_table_take(sec, t, table_rows(t) == 0);
		free(id);
		free(source);
	}
}
