/*
 * Row × series -> value as a table whose cells are shaded: the numbers are in the picture.
 */
#include "reports/html/html.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "reports/escape.h"

#define SLOWDOWN_FULL 1.5 /* a slowdown that deserves the full shade even if nothing is worse */
#define MATRIX_MAX 40 /* rows and columns shown; the table below has all */

static void show_cell(FILE *out, const struct chart *c, double v, double full)
{
	double zero = c->table->columns[c->value].unit == UNIT_SLOWDOWN ? 1 : 0; /* undisturbed is 1.00× */
	double level = full > zero ? sqrt(fmax(0, v - zero) / (full - zero)) : 0; /* root: small values stay visible beside large ones */

	if (isnan(v)) {
		fputs("<td class=\"na\">·</td>", out);
		return;
	}
	fprintf(out, "<td style=\"--v:%.0f%%\"%s>", level * 100, level > 0.62 ? " class=\"hot\"" : "");
	if (v == 0)
		fputs("0", out);
	else
		show_value(out, c, v);
	fputs("</td>", out);
}

void chart_matrix(FILE *out, const struct chart *c)
{
	struct labels rows = labels_of(c->table, c->row, MATRIX_MAX), cols = labels_of(c->table, c->series, MATRIX_MAX);
	double *v = mem_alloc(rows.n * cols.n + 1, sizeof(*v)), full = c->full;

	for (size_t i = 0; i < rows.n * cols.n; i++)
		v[i] = NAN;
	for (size_t r = 0; r < table_rows(c->table); r++) {
		size_t y = labels_find(&rows, row_text(c->table, r, c->row)), x = labels_find(&cols, row_text(c->table, r, c->series));

		if (y < rows.n && x < cols.n)
			v[y * cols.n + x] = row_number(c->table, r, c->value);
	}
	for (size_t i = 0; !c->full && i < rows.n * cols.n; i++)
		full = v[i] > full ? v[i] : full;
	if (c->table->columns[c->value].unit == UNIT_SLOWDOWN)
		full = fmax(full, SLOWDOWN_FULL);
	fputs("<div class=\"scroll\"><table class=\"matrix\"><thead><tr><th scope=\"col\">", out);
	write_html(out, c->table->columns[c->row].title);
	fputs(" ↓ · ", out);
	write_html(out, c->table->columns[c->series].title);
	fputs(" →</th>", out);
	for (size_t x = 0; x < cols.n; x++) {
		fputs("<th scope=\"col\">", out);
		write_html(out, cols.v[x]);
		fputs("</th>", out);
	}
	fputs("</tr></thead><tbody>\n", out);
	for (size_t y = 0; y < rows.n; y++) {
		fputs("<tr><th scope=\"row\">", out);
		write_html(out, rows.v[y]);
		fputs("</th>", out);
		for (size_t x = 0; x < cols.n; x++)
			show_cell(out, c, v[y * cols.n + x], full);
		fputs("</tr>\n", out);
	}
	fputs("</tbody></table></div>\n", out);
	free(v);
	labels_fini(&rows);
	labels_fini(&cols);
}
