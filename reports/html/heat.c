/*
 * Row × time -> value as strips of shaded cells. More points than HEAT_CELLS are averaged; absent stays absent (hatched).
 */
#include "reports/html/html.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "reports/escape.h"

#define HEAT_CELLS 144u /* ten minutes of a day; about 5 px each on a wide page */
#define HEAT_ROWS 60u

static void strip(FILE *out, const double *v, size_t n, double full)
{
	fprintf(out, "<svg class=\"strip\" viewBox=\"0 0 %zu 1\" preserveAspectRatio=\"none\" aria-hidden=\"true\">", n);
	for (size_t i = 0, last; i < n; i = last) {
		int level = isnan(v[i]) ? -1 : (int)lround(fmin(1, v[i] / full) * 20);

		for (last = i + 1; last < n && (isnan(v[last]) ? -1 : (int)lround(fmin(1, v[last] / full) * 20)) == level; last++)
			;
		if (level < 0)
			fprintf(out, "<rect class=\"na\" x=\"%zu\" width=\"%zu\" height=\"1\"/>", i, last - i);
		else if (level)
			fprintf(out, "<rect class=\"h\" x=\"%zu\" width=\"%zu\" height=\"1\" fill-opacity=\"%.2g\"/>", i, last - i, level / 20.0);
	}
	fputs("</svg>", out);
}

/* The values of one row in order of appearance, averaged into at most HEAT_CELLS cells. */
static size_t collect(const struct chart *c, const char *name, double *cells, double *max)
{
	size_t n = 0, rows = table_rows(c->table), *count = mem_alloc(HEAT_CELLS, sizeof(*count)), used, at = 0;

	for (size_t r = 0; r < rows; r++)
		n += !labels_find(&(struct labels){ &name, 1, 1 }, row_text(c->table, r, c->row));
	used = n < HEAT_CELLS ? n : HEAT_CELLS;
	memset(cells, 0, HEAT_CELLS * sizeof(*cells));
	*max = NAN;
	for (size_t r = 0; used && r < rows; r++) {
		double v = row_number(c->table, r, c->value);
		size_t cell;

		if (labels_find(&(struct labels){ &name, 1, 1 }, row_text(c->table, r, c->row)))
			continue;
		cell = at++ * used / n;
		if (isnan(v))
			continue;
		cells[cell] += v;
		count[cell]++;
		*max = isnan(*max) || v > *max ? v : *max;
	}
	for (size_t i = 0; i < used; i++)
		cells[i] = count[i] ? cells[i] / (double)count[i] : (double)NAN;
	free(count);
	return used;
}

void chart_heat(FILE *out, const struct chart *c)
{
	struct labels rows = labels_of(c->table, c->row, HEAT_ROWS);
	size_t last = table_rows(c->table) - 1;
	double cells[HEAT_CELLS], max, full = c->full;
	char buf[64];

	for (size_t r = 0; !c->full && r <= last; r++)
		full = fmax(full, row_number(c->table, r, c->value));
	fputs("<div class=\"rows\">", out);
	for (size_t i = 0; i < rows.n; i++) {
		size_t n = collect(c, rows.v[i], cells, &max);

		fputs("<span class=\"lab\">", out);
		write_html(out, rows.v[i]);
		fputs("</span>", out);
		strip(out, cells, n, full > 0 ? full : 1);
		fputs("<span class=\"val\" title=\"highest\">", out);
		show_value(out, c, max);
		fputs("</span>\n", out);
	}
	fputs("<span></span><span class=\"axis\"><span>", out);
	write_html(out, cell_show(table_cell(c->table, 0, (size_t)c->x), c->table->columns[c->x].unit, buf, sizeof(buf)));
	fputs("</span><span>", out);
	write_html(out, cell_show(table_cell(c->table, last, (size_t)c->x), c->table->columns[c->x].unit, buf, sizeof(buf)));
	fputs("</span></span><span class=\"val\">peak</span></div>\n", out);
	labels_fini(&rows);
}
