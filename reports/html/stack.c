/*
 * Stacked bars: one row each, optionally in panels side by side (today | planned) and lanes inside a bar (one thin bar
 * per resource). full = capacity; a bar that exceeds it shrinks the scale and a mark shows where capacity ends.
 */
#include "reports/html/html.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "reports/escape.h"

#define STACK_ROWS 60u
#define STACK_LANES 12u
#define LANE_HEIGHT 10

struct stack {
	const struct chart *c;
	struct labels rows, panels, lanes, series;
	size_t *begin, *next;  /* rows of the table chained per (row, panel, lane) */
	double scale;
};

static size_t bar_of(const struct stack *s, size_t r)
{
	size_t y = labels_find(&s->rows, row_text(s->c->table, r, s->c->row)), p = labels_find(&s->panels, row_text(s->c->table, r, s->c->panel)),
	       l = labels_find(&s->lanes, row_text(s->c->table, r, s->c->lane));

	return y < s->rows.n && l < s->lanes.n ? (y * s->panels.n + p) * s->lanes.n + l : SIZE_MAX;
}

static void index_bars(struct stack *s)
{
	size_t n = table_rows(s->c->table), bars = s->rows.n * s->panels.n * s->lanes.n;
	double *sum = mem_alloc(bars + 1, sizeof(*sum));

	s->begin = mem_alloc(bars + 1, sizeof(*s->begin));
	s->next = mem_alloc(n + 1, sizeof(*s->next));
	for (size_t r = n; r--;) {
		size_t b = bar_of(s, r);
		double v = row_number(s->c->table, r, s->c->value);

		if (b == SIZE_MAX || isnan(v))
			continue;
		s->next[r] = s->begin[b];
		s->begin[b] = r + 1;
		sum[b] += v;
	}
	s->scale = s->c->full;
	for (size_t b = 0; b < bars; b++)
		s->scale = fmax(s->scale, sum[b]);
	free(sum);
}

static double draw_lane(FILE *out, const struct stack *s, size_t bar, size_t lane)
{
	double at = 0, y = (double)lane * LANE_HEIGHT;

	for (size_t r = s->begin[bar]; r; r = s->next[r - 1]) {
		double v = row_number(s->c->table, r - 1, s->c->value);
		const char *name = row_text(s->c->table, r - 1, s->c->series);
		size_t k = labels_find(&s->series, name);

		if (v <= 0)
			continue;
		if (k < PALETTE)
			fprintf(out, "<rect class=\"k%zu\"", k);
		else
			fputs("<rect class=\"kx\"", out);
		fprintf(out, " x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\"><title>", at / s->scale * 1000, y + 0.5,
			v / s->scale * 1000, LANE_HEIGHT - 1);
		write_html(out, name);
		fputs(" ", out);
		if (s->lanes.v[lane][0]) {
			write_html(out, s->lanes.v[lane]);
			fputs(" ", out);
		}
		show_value(out, s->c, v);
		fputs("</title></rect>", out);
		at += v;
	}
	return at;
}

static void draw_bar(FILE *out, const struct stack *s, size_t row, size_t panel)
{
	size_t lanes = s->lanes.n;
	double most = 0;

	fprintf(out, "<svg class=\"bar\" style=\"--l:%zu\" viewBox=\"0 0 1000 %zu\" preserveAspectRatio=\"none\" aria-hidden=\"true\">", lanes,
		lanes * LANE_HEIGHT);
	fprintf(out, "<rect class=\"room\" width=\"%.1f\" height=\"%zu\"/>", s->c->full ? s->c->full / s->scale * 1000 : 1000, lanes * LANE_HEIGHT);
	for (size_t l = 0; l < lanes; l++)
		most = fmax(most, draw_lane(out, s, (row * s->panels.n + panel) * lanes + l, l));
	if (s->c->full && s->scale > s->c->full)
		fprintf(out, "<rect class=\"mark\" x=\"%.1f\" width=\"3\" height=\"%zu\"/>", s->c->full / s->scale * 1000 - 1.5, lanes * LANE_HEIGHT);
	fputs("</svg>", out);
	if (s->panels.n == 1) {
		fputs("<span class=\"val\">", out);
		show_value(out, s->c, most);
		fputs("</span>", out);
	}
}

struct sized { double size; const char *name; };

static int by_size_down(const void *pa, const void *pb)
{
	const struct sized *a = pa, *b = pb;

	return a->size != b->size ? (a->size < b->size ? 1 : -1) : strcmp(a->name, b->name);
}

/* When there are more series than colours, the largest get them. */
static void sort_series(const struct chart *c, struct labels *series)
{
	struct sized *s;

	if (series->n <= PALETTE)
		return;
	s = mem_alloc(series->n, sizeof(*s));
	for (size_t i = 0; i < series->n; i++)
		s[i].name = series->v[i];
	for (size_t r = 0; r < table_rows(c->table); r++) {
		size_t k = labels_find(series, row_text(c->table, r, c->series));
		double v = row_number(c->table, r, c->value);

		if (k < series->n && !isnan(v))
			s[k].size += v;
	}
	qsort(s, series->n, sizeof(*s), by_size_down);
	for (size_t i = 0; i < series->n; i++)
		series->v[i] = s[i].name;
	free(s);
}

void chart_stack(FILE *out, const struct chart *c)
{
	struct stack s = { .c = c, .rows = labels_of(c->table, c->row, STACK_ROWS), .panels = labels_of(c->table, c->panel, 4),
			   .lanes = labels_of(c->table, c->lane, STACK_LANES), .series = labels_of(c->table, c->series, 400) };

	sort_series(c, &s.series);
	index_bars(&s);
	html_legend(out, &s.series);
	if (s.lanes.n > 1) {
		fputs("<p class=\"dim\">Each bar, top to bottom: ", out);
		for (size_t l = 0; l < s.lanes.n; l++) {
			fputs(l ? ", " : "", out);
			write_html(out, s.lanes.v[l]);
		}
		fputs(".</p>", out);
	}
	fprintf(out, "<div class=\"%s\">", s.panels.n > 1 ? "rows two" : "rows");
	if (s.panels.n > 1) {
		fputs("<span></span>", out);
		for (size_t p = 0; p < s.panels.n && p < 2; p++) {
			fputs("<span class=\"head\">", out);
			write_html(out, s.panels.v[p]);
			fputs("</span>", out);
		}
		fputs("\n", out);
	}
	for (size_t y = 0; y < s.rows.n; y++) {
		fputs("<span class=\"lab\">", out);
		write_html(out, s.rows.v[y]);
		fputs("</span>", out);
		for (size_t p = 0; p < s.panels.n && p < 2; p++)
			draw_bar(out, &s, y, p);
		fputs("\n", out);
	}
	fputs("</div>\n", out);
	free(s.begin);
	free(s.next);
	labels_fini(&s.rows);
	labels_fini(&s.panels);
	labels_fini(&s.lanes);
	labels_fini(&s.series);
}
