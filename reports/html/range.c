/*
 * Value with its interval against a limit: a bar from low to high, a tick at the value, a mark at the limit.
 */
#include "reports/html/html.h"

#include <math.h>

#include "reports/escape.h"

#define RANGE_ROWS 60u

void chart_range(FILE *out, const struct chart *c)
{
	size_t n = table_rows(c->table);
	double from = c->table->columns[c->value].unit == UNIT_SLOWDOWN ? 1 : 0, to = from;

	n = n < RANGE_ROWS ? n : RANGE_ROWS;
	for (size_t r = 0; r < n; r++)
		to = fmax(to, fmax(fmax(row_number(c->table, r, c->value), row_number(c->table, r, c->high)), row_number(c->table, r, c->limit)));
	to = to > from ? from + (to - from) * 1.04 : from + 1;
	fputs("<div class=\"rows\">", out);
	for (size_t r = 0; r < n; r++) {
		double v = row_number(c->table, r, c->value), low = row_number(c->table, r, c->low), high = row_number(c->table, r, c->high),
		       limit = row_number(c->table, r, c->limit), scale = 1000 / (to - from);
		bool bad = fmax(v, high) > limit;

		if (isnan(v))
			continue;
		fputs("<span class=\"lab\">", out);
		write_html(out, row_text(c->table, r, c->row));
		fprintf(out, "</span><svg class=\"range%s\" viewBox=\"0 0 1000 10\" preserveAspectRatio=\"none\" aria-hidden=\"true\">"
			     "<rect class=\"room\" y=\"4\" width=\"1000\" height=\"2\"/>", bad ? " bad" : "");
		low = isnan(low) ? from : low;
		high = isnan(high) ? v : high;
		fprintf(out, "<rect class=\"span\" x=\"%.1f\" y=\"2\" width=\"%.1f\" height=\"6\"/>", (low - from) * scale, fmax(2, (high - low) * scale));
		fprintf(out, "<rect class=\"tick\" x=\"%.1f\" width=\"5\" height=\"10\"/>", (v - from) * scale - 2.5);
		if (!isnan(limit))
			fprintf(out, "<rect class=\"mark\" x=\"%.1f\" width=\"3\" height=\"10\"><title>limit</title></rect>", (limit - from) * scale - 1.5);
		fputs("</svg><span class=\"val\">", out);
		show_value(out, c, v);
		fputs("</span>\n", out);
	}
	fputs("<span></span><span class=\"axis\"><span>", out);
	show_value(out, c, from);
	fputs("</span><span>", out);
	show_value(out, c, to);
	fputs("</span></span><span></span></div>\n", out);
}
