/*
 * Plots with two axes: lines, scatter with diagonal, and sorted step curves of many rows. Ticks at 1, 2 or 5 × 10^k
 * (Heckbert, "Nice numbers for graph labels", Graphics Gems, 1990).
 */
#include "reports/html/html.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "reports/escape.h"

#define WIDTH 640.0
#define HEIGHT 280.0
#define LEFT 56.0
#define BOTTOM 34.0
#define TOP 10.0
#define RIGHT 14.0
#define FLEET_POINTS 500u /* steps drawn per curve */
#define SCATTER_POINTS 3000u

struct axes { double x0, x1, y0, y1; };

static double px(const struct axes *a, double x)
{
	return LEFT + (x - a->x0) / (a->x1 - a->x0) * (WIDTH - LEFT - RIGHT);
}

static double py(const struct axes *a, double y)
{
	return HEIGHT - BOTTOM - (y - a->y0) / (a->y1 - a->y0) * (HEIGHT - TOP - BOTTOM);
}

static double nice_step(double span, int ticks)
{
	double raw = span / ticks, power = pow(10, floor(log10(raw))), f = raw / power;

	return power * (f < 1.5 ? 1 : f < 3.5 ? 2 : f < 7.5 ? 5 : 10);
}

static void ticks(FILE *out, const struct axes *a, bool vertical, enum unit u)
{
	double lo = vertical ? a->y0 : a->x0, hi = vertical ? a->y1 : a->x1, step = nice_step(hi - lo, vertical ? 4 : 6);
	char buf[64];

	int first = (int)ceil(lo / step), last = (int)floor(hi / step + 1e-6);

	for (int i = first; i <= last; i++) {
		double v = i * step;

		if (vertical)
			fprintf(out, "<path class=\"grid\" d=\"M%.0f %.1fH%.0f\"/><text x=\"%.0f\" y=\"%.1f\" text-anchor=\"end\">", LEFT, py(a, v),
				WIDTH - RIGHT, LEFT - 6, py(a, v) + 4);
		else
			fprintf(out, "<text x=\"%.1f\" y=\"%.0f\" text-anchor=\"middle\">", px(a, v), HEIGHT - BOTTOM + 16);
		unit_show(u, v, buf, sizeof(buf));
		write_html(out, buf);
		fputs("</text>", out);
	}
}

static void begin(FILE *out, const struct axes *a, const struct chart *c, const char *x_title)
{
	int xc = c->x != NO_COLUMN ? c->x : c->value;

	fprintf(out, "<svg class=\"plot\" viewBox=\"0 0 %.0f %.0f\" role=\"img\" aria-label=\"", WIDTH, HEIGHT);
	write_html(out, c->title);
	fputs("\">", out);
	ticks(out, a, true, c->table->columns[c->value].unit);
	if (x_title) {
		ticks(out, a, false, c->x == NO_COLUMN ? UNIT_COUNT : c->table->columns[xc].unit);
		fprintf(out, "<text class=\"dim\" x=\"%.0f\" y=\"%.0f\" text-anchor=\"end\">", WIDTH - RIGHT, HEIGHT - 2);
		write_html(out, x_title);
		fputs("</text>", out);
	}
}

static void colour(FILE *out, size_t k)
{
	if (k < PALETTE)
		fprintf(out, "k%zu", k);
	else
		fputs("kx", out);
}

static struct axes fit(const struct chart *c, bool same)
{
	struct axes a = { INFINITY, -INFINITY, INFINITY, -INFINITY };

	for (size_t r = 0; r < table_rows(c->table); r++) {
		double x = row_number(c->table, r, c->x), y = row_number(c->table, r, c->value);

		a.x0 = fmin(a.x0, x), a.x1 = fmax(a.x1, x), a.y0 = fmin(a.y0, y), a.y1 = fmax(a.y1, y);
	}
	if (same)
		a.x0 = a.y0 = fmin(a.x0, a.y0), a.x1 = a.y1 = fmax(a.x1, a.y1);
	else
		a.y0 = c->table->columns[c->value].unit == UNIT_SLOWDOWN ? 1 : fmin(0, a.y0);
	if (c->full)
		a.y1 = fmax(a.y1, c->full);
	if (!(a.x1 > a.x0))
		a.x1 = a.x0 + 1;
	a.y1 = a.y1 > a.y0 ? a.y1 + (a.y1 - a.y0) * 0.03 : a.y0 + 1;
	return a;
}

void chart_line(FILE *out, const struct chart *c)
{
	struct labels series = labels_of(c->table, c->series, 60);
	struct axes a = fit(c, false);

	html_legend(out, &series);
	fputs("<div class=\"scroll\">", out);
	begin(out, &a, c, c->table->columns[c->x].title);
	for (size_t k = 0; k < series.n; k++) {
		bool pen = false;

		fputs("<path class=\"line ", out);
		colour(out, k);
		fputs("\" d=\"", out);
		for (size_t r = 0; r < table_rows(c->table); r++) {
			double y = row_number(c->table, r, c->value);

			if (strcmp(row_text(c->table, r, c->series), series.v[k]) != 0)
				continue;
			if (!isnan(y))
				fprintf(out, "%c%.1f %.1f", pen ? 'L' : 'M', px(&a, row_number(c->table, r, c->x)), py(&a, y));
			pen = !isnan(y);
		}
		fputs("\"><title>", out);
		write_html(out, series.v[k]);
		fputs("</title></path>", out);
	}
	fputs("</svg></div>\n", out);
	labels_fini(&series);
}

void chart_scatter(FILE *out, const struct chart *c)
{
	struct labels series = labels_of(c->table, c->series, 60);
	struct axes a = fit(c, true);
	size_t n = table_rows(c->table), skip = n / SCATTER_POINTS + 1;

	html_legend(out, &series);
	fputs("<div class=\"scroll\">", out);
	begin(out, &a, c, c->table->columns[c->x].title);
	fprintf(out, "<path class=\"diagonal\" d=\"M%.1f %.1fL%.1f %.1f\"/>", px(&a, a.x0), py(&a, a.x0), px(&a, a.x1), py(&a, a.x1));
	for (size_t r = 0; r < n; r += skip) {
		double x = row_number(c->table, r, c->x), y = row_number(c->table, r, c->value);

		if (isnan(x) || isnan(y))
			continue;
		fputs("<circle class=\"dot ", out);
		colour(out, labels_find(&series, row_text(c->table, r, c->series)));
		fprintf(out, "\" cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\"><title>", px(&a, x), py(&a, y));
		write_html(out, row_text(c->table, r, c->row));
		fputs("</title></circle>", out);
	}
	fputs("</svg></div>\n", out);
	labels_fini(&series);
}

static int larger(const void *pa, const void *pb)
{
	double a = *(const double *)pa, b = *(const double *)pb;

	return a < b ? 1 : a > b ? -1 : 0;
}

static void fleet_curve(FILE *out, const struct chart *c, const struct axes *a, const char *panel, const char *series, size_t k)
{
	double *v = mem_alloc(table_rows(c->table) + 1, sizeof(*v));
	size_t n = 0, step;

	for (size_t r = 0; r < table_rows(c->table); r++)
		if (!strcmp(row_text(c->table, r, c->panel), panel) && !strcmp(row_text(c->table, r, c->series), series) &&
		    !isnan(row_number(c->table, r, c->value)))
			v[n++] = row_number(c->table, r, c->value);
	qsort(v, n, sizeof(*v), larger);
	step = n / FLEET_POINTS + 1;
	fputs("<path class=\"line ", out);
	colour(out, k);
	fputs("\" d=\"", out);
	for (size_t i = 0; i < n; i += step)
		fprintf(out, i ? "V%.1fH%.1f" : "M%.1f %.1f", i ? py(a, v[i]) : px(a, 0), i ? px(a, (double)(i + step < n ? i + step : n)) : py(a, v[0]));
	fputs("\"><title>", out);
	write_html(out, series);
	fputs("</title></path>", out);
	free(v);
}

void chart_fleet(FILE *out, const struct chart *c)
{
	struct labels panels = labels_of(c->table, c->panel, 4), series = labels_of(c->table, c->series, 16);
	struct axes a = { 0, 0, 0, c->full };

	for (size_t r = 0; r < table_rows(c->table); r++) {
		a.x1 += !strcmp(row_text(c->table, r, c->panel), panels.v[0]) && !strcmp(row_text(c->table, r, c->series), series.v[0]);
		a.y1 = fmax(a.y1, row_number(c->table, r, c->value));
	}
	a.y1 = a.y1 > 0 ? a.y1 * 1.02 : 1;
	html_legend(out, &series);
	fputs("<div class=\"panels\">", out);
	for (size_t p = 0; p < panels.n; p++) {
		fputs("<div><div class=\"head\">", out);
		write_html(out, panels.v[p]);
		fputs("</div>", out);
		begin(out, &a, c, "nodes, fullest first");
		for (size_t k = 0; k < series.n; k++)
			fleet_curve(out, c, &a, panels.v[p], series.v[k], k);
		fputs("</svg></div>", out);
	}
	fputs("</div>\n", out);
	labels_fini(&panels);
	labels_fini(&series);
}
