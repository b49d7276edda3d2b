/*
 * Growth runway. Demand grows by a fixed rate per month, (1 + g)^t; a resource is full when demand reaches capacity: t = ln(room / load) / ln(1 + g).
 */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "reports/section.h"
#include "reports/sections/load.h"

#define CURVE_MONTHS 24

static const struct column columns[] = {
	{ "resource", "Resource", UNIT_TEXT, NULL },
	{ "full_now_ratio", "Full now", UNIT_RATIO, "nodes in use together, busiest time" },
	{ "first_node_months", "First node full", UNIT_MONTHS, "as placed, whole months that still fit" },
	{ "first_node", "Which", UNIT_TEXT, NULL },
	{ "used_nodes_months", "Nodes in use full", UNIT_MONTHS, "even if repacked perfectly" },
	{ "fleet_months", "Fleet full", UNIT_MONTHS, "all nodes, even if repacked perfectly" },
	{ 0 }
};

static const struct column curve_columns[] = {
	{ "resource", "Resource", UNIT_TEXT, NULL },
	{ "months", "Months from now", UNIT_COUNT, NULL },
	{ "fill_ratio", "Nodes in use", UNIT_RATIO, "demand ÷ capacity of the nodes in use" },
	{ 0 }
};

static double months_left(double fill, double growth)
{
	return fill > 0 ? fmax(0, floor(log(1 / fill) / log1p(growth) + 1e-9)) : (double)NAN;
}

static double fleet_fill(const struct load *l, uint32_t resource)
{
	const struct resource *r = &l->in->resources[resource];
	double most = NAN;

	for (uint32_t t = 0; t < r->slots; t++) {
		double load = 0, room = 0;

		for (uint32_t n = 0; n < l->in->n_nodes; n++) {
			load += (double)l->v[(size_t)n * l->in->n_columns + r->column + t];
			room += (double)l->in->capacity[(size_t)n * l->in->n_columns + r->column + t];
		}
		most = room > 0 ? fmax(most, load / room) : most;
	}
	return most;
}

static void add_resource(struct table *t, struct table *curve, const struct load *l, uint32_t r, double growth)
{
	double fullest = NAN, fill = load_fill(l, r);
	uint32_t node = 0;

	for (uint32_t n = 0; n < l->in->n_nodes; n++) {
		double v = load_peak(l, n, r, NULL);

		if (isnan(v) || v <= fullest)
			continue;
		fullest = v;
		node = n;
	}
	table_text(t, l->in->resources[r].name);
	table_real(t, fill);
	table_real(t, months_left(fullest, growth));
	table_text(t, fullest > 0 ? l->in->nodes[node].id : NULL);
	table_real(t, months_left(fill, growth));
	table_real(t, months_left(fleet_fill(l, r), growth));
	for (int m = 0; m <= CURVE_MONTHS; m++) {
		table_text(curve, l->in->resources[r].name);
		table_int(curve, m);
		table_real(curve, fmin(2, fill * pow(1 + growth, m)));
	}
}

static void find_runway(struct doc *d, struct doc_section *sec, const struct table *t, double growth, const char *source)
{
	size_t first = table_rows(t);
	double months, least = INFINITY;

	for (size_t r = 0; r < table_rows(t); r++) {
		months = cell_number(table_cell(t, r, 4));
		if (!(months < least) && !(months == least && cell_number(table_cell(t, r, 1)) > cell_number(table_cell(t, first, 1))))
			continue;
		least = months;
		first = r;
	}
	if (first == table_rows(t))
		return;
	section_text(sec, "At +%.3g %% per month the nodes in use are full in %.0f months, first on %s; then nodes have to be added.", growth * 100, least,
		     table_cell(t, first, 0)->text);
	doc_find(d, 0.28, least < 3 ? TONE_WARN : TONE_INFO, source, "At +%.3g %% per month the nodes in use are full in %.0f months, first on %s.",
		 growth * 100, least, table_cell(t, first, 0)->text);
}

void build_growth(const struct input *in, struct doc *d, struct doc_section *sec)
{
	for (size_t i = 0; i < in->n_plans; i++) {
		const struct plan *p = in->plans[i].plan;
		struct load *l = load_new(p->instance, p->item_node);
		char *id = i ? str_fmt("growth@%s", in->plans[i].name) : str_dup("growth");
		char *curve_id = i ? str_fmt("growth_curve@%s", in->plans[i].name) : str_dup("growth_curve");
		struct table *t = table_new(id, "Months until full", in->plans[i].name, columns);
		struct table *u = table_new(curve_id, "Fill of the nodes in use, month by month", in->plans[i].name, curve_columns);
		struct chart c = chart_of(CHART_LINE, "Fill of the nodes in use", "cut at 200 %", u);

		for (uint32_t r = 0; r < p->instance->n_resources; r++)
			add_resource(t, u, l, r, in->growth);
		c.series = 0, c.x = 1, c.value = 2, c.full = 1;
		find_runway(d, sec, t, in->growth, in->plans[i].name);
		section_chart(sec, c);
		section_table_take(sec, t, false);
		section_table_take(sec, u, true);
		load_free(l);
		free(id);
		free(curve_id);
	}
}
