/*
 * What the charts share: values, legends, and the table from kind to drawing.
 */
#include "reports/html/html.h"

#include "reports/escape.h"

static void (*const draw[CHART_KINDS])(FILE *out, const struct chart *c) = {
	[CHART_MATRIX] = chart_matrix, [CHART_HEAT] = chart_heat, [CHART_STACK] = chart_stack, [CHART_RANGE] = chart_range,
	[CHART_LINE] = chart_line, [CHART_SCATTER] = chart_scatter, [CHART_FLEET] = chart_fleet,
};

void show_value(FILE *out, const struct chart *c, double v)
{
	char buf[64];

	unit_show(c->table->columns[c->value].unit, v, buf, sizeof(buf));
	write_html(out, buf);
}

void html_legend(FILE *out, const struct labels *series)
{
	if (series->n < 2)
		return;
	fputs("<ul class=\"legend\">", out);
	for (size_t i = 0; i < series->n && i < PALETTE; i++) {
		fprintf(out, "<li><i class=\"k%zu\"></i>", i);
		write_html(out, series->v[i]);
		fputs("</li>", out);
	}
	if (series->n > PALETTE)
		fprintf(out, "<li><i class=\"kx\"></i>%zu more</li>", series->n - PALETTE);
	fputs("</ul>\n", out);
}

void html_chart(FILE *out, const struct chart *c)
{
	fputs("<figure class=\"chart\"><figcaption><b>", out);
	write_html(out, c->title);
	fputs("</b>", out);
	if (c->note) {
		fputs(" <span>", out);
		write_html(out, c->note);
		fputs("</span>", out);
	}
	fputs("</figcaption>\n", out);
	if (table_rows(c->table))
		draw[c->kind](out, c);
	else
		fputs("<p class=\"dim\">Nothing to draw.</p>", out);
	fputs("</figure>\n", out);
}
