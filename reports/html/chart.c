/*
 * What the charts share: columns as lists of names, legends, and the table from kind to drawing.
 */
#include "reports/html/html.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "reports/escape.h"

static void (*const draw[CHART_KINDS])(FILE *out, const struct chart *c) = {
	[CHART_MATRIX] = chart_matrix, [CHART_HEAT] = chart_heat, [CHART_STACK] = chart_stack, [CHART_RANGE] = chart_range,
	[CHART_LINE] = chart_line, [CHART_SCATTER] = chart_scatter, [CHART_FLEET] = chart_fleet,
};

const char *row_text(const struct table *t, size_t row, int column)
{
	const struct cell *c;

	if (column == NO_COLUMN)
		return "";
	c = table_cell(t, row, (size_t)column);
	return c->kind == CELL_TEXT ? c->text : "";
}

double row_number(const struct table *t, size_t row, int column)
{
	return column == NO_COLUMN ? (double)NAN : cell_number(table_cell(t, row, (size_t)column));
}

size_t labels_find(const struct labels *s, const char *name)
{
	size_t i = 0;

	while (i < s->n && strcmp(s->v[i], name))
		i++;
	return i;
}

struct labels labels_of(const struct table *t, int column, size_t max)
{
	struct labels s = { 0 };

	for (size_t r = 0; r < table_rows(t) && s.n < max; r++) {
		const char *name = row_text(t, r, column);

		if (s.n && !strcmp(s.v[s.n - 1], name))
			continue;
		if (labels_find(&s, name) < s.n)
			continue;
		s.v = array_grow(s.v, &s.cap, s.n + 1, sizeof(*s.v));
		s.v[s.n++] = name;
	}
	return s;
}

void labels_fini(struct labels *s)
{
	free(s->v);
	*s = (struct labels){ 0 };
}

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
