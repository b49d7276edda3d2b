/*
 * Terminal text: findings in words, then aligned tables that fit the width. Numbers stand right, names left; the widest
 * text columns give way first and a cut name ends in "…". Colour only when asked for.
 */
#include "reports/render.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "reports/escape.h"
#include "reports/labels.h"

#define TEXT_ROWS 24        /* rows per table; CSV and JSON have them all */
#define TEXT_SERIES 16
#define TEXT_FINDINGS 12
#define LEAST_WIDTH 12      /* a text column is not cut below this */

struct sheet { const struct render_options *o; FILE *out; };

static void style(const struct sheet *s, const char *code)
{
	if (s->o->colour)
		fprintf(s->out, "\033[%sm", code);
}

static bool is_left(const struct column *c)
{
	return c->unit == UNIT_TEXT;
}

static void pad(FILE *out, size_t n)
{
	while (n--)
		fputc(' ', out);
}

/* text cut to width columns, padded on the side it does not stand on. */
static void put_fitted(FILE *out, const char *text, size_t width, bool left)
{
	size_t have = text_width(text);

	if (!left && have < width)
		pad(out, width - have);
	if (have <= width) {
		write_plain(out, text);
	} else {
		const char *end = text;
		char *head;

		while (end[0]) {
			const char *next = end;

			utf8_next(&next);
			head = str_fmt("%.*s", (int)(next - text), text);
			have = text_width(head);
			free(head);
			if (have > width - 1)
				break;
			end = next;
		}
		head = str_fmt("%.*s", (int)(end - text), text);
		write_plain(out, head);
		fputs("…", out);
		have = text_width(head) + 1;
		free(head);
	}
	if (left && have < width)
		pad(out, width - have);
}

static void fit_widths(const struct table *t, size_t rows, size_t total, size_t *width)
{
	size_t sum = 0;
	char buf[64];

	for (size_t c = 0; c < t->n_columns; c++) {
		width[c] = text_width(t->columns[c].title);
		for (size_t r = 0; r < rows; r++) {
			size_t w = text_width(cell_show(table_cell(t, r, c), t->columns[c].unit, buf, sizeof(buf)));

			width[c] = w > width[c] ? w : width[c];
		}
		sum += width[c] + 2;
	}
	while (sum > total) {
		size_t widest = t->n_columns;

		for (size_t c = 0; c < t->n_columns; c++)
			if (is_left(&t->columns[c]) && width[c] > LEAST_WIDTH && (widest == t->n_columns || width[c] > width[widest]))
				widest = c;
		if (widest == t->n_columns)
			break;
		width[widest]--;
		sum--;
	}
}

/* Columns from the left that fit; the rest is in JSON and CSV. */
static size_t columns_that_fit(const struct table *t, const size_t *width, size_t total)
{
	size_t sum = 0, c;

	for (c = 0; c < t->n_columns; c++) {
		sum += width[c] + 2;
		if (sum > total && c)
			break;
	}
	return c;
}

static void show_table(const struct sheet *s, const struct table *t)
{
	size_t n = table_rows(t), rows = n < TEXT_ROWS || s->o->table ? n : TEXT_ROWS, total = s->o->table ? SIZE_MAX : s->o->width, shown;
	size_t *width = mem_alloc(t->n_columns, sizeof(*width));
	char buf[64];

	fit_widths(t, rows, total, width);
	shown = columns_that_fit(t, width, total);
	fputc('\n', s->out);
	style(s, "1");
	write_plain(s->out, t->title);
	style(s, "0");
	style(s, "2");
	fputs("  [", s->out);
	write_plain(s->out, t->source);
	fputs("]\n", s->out);
	for (size_t c = 0; c < shown; c++) {
		fputs("  ", s->out);
		put_fitted(s->out, t->columns[c].title, width[c], is_left(&t->columns[c]));
	}
	style(s, "0");
	fputc('\n', s->out);
	for (size_t r = 0; r < rows; r++) {
		for (size_t c = 0; c < shown; c++) {
			fputs("  ", s->out);
			put_fitted(s->out, cell_show(table_cell(t, r, c), t->columns[c].unit, buf, sizeof(buf)), width[c],
				   is_left(&t->columns[c]));
		}
		fputc('\n', s->out);
	}
	if (!n)
		fputs("  (no rows)\n", s->out);
	if (rows < n)
		fprintf(s->out, "  … %zu more rows: --table %s, or --format csv\n", n - rows, t->id);
	if (shown < t->n_columns)
		fprintf(s->out, "  … %zu more columns: --format csv --table %s\n", t->n_columns - shown, t->id);
	free(width);
}

/* Row × series of a chart's table as columns, when that fits the width. */
static struct table *pivot(const struct chart *c)
{
	const struct column label = { "row", c->table->columns[c->row].title, UNIT_TEXT, NULL }, end = { 0 };
	const struct column columns[] = { label, end };
	struct labels rows = labels_of(c->table, c->row, TEXT_ROWS), series = labels_of(c->table, c->series, TEXT_SERIES);
	struct table *t = table_new(c->table->id, c->title, c->table->source, columns);
	double *v = mem_alloc(rows.n * series.n + 1, sizeof(*v));

	for (size_t i = 0; i < series.n; i++)
		table_add_column(t, (struct column){ series.v[i], series.v[i], c->table->columns[c->value].unit, NULL });
	for (size_t i = 0; i < rows.n * series.n; i++)
		v[i] = NAN;
	for (size_t r = 0; r < table_rows(c->table); r++) {
		size_t y = labels_find(&rows, row_text(c->table, r, c->row)), x = labels_find(&series, row_text(c->table, r, c->series));

		if (y < rows.n && x < series.n)
			v[y * series.n + x] = row_number(c->table, r, c->value);
	}
	for (size_t y = 0; y < rows.n; y++) {
		table_text(t, rows.v[y]);
		for (size_t x = 0; x < series.n; x++)
			table_real(t, v[y * series.n + x]);
	}
	labels_fini(&rows);
	labels_fini(&series);
	free(v);
	return t;
}

static bool is_pivot(const struct chart *c)
{
	return (c->kind == CHART_MATRIX || c->kind == CHART_STACK) && c->panel == NO_COLUMN && table_rows(c->table);
}

static void show_chart(const struct sheet *s, const struct chart *c)
{
	struct table *t;

	if (!is_pivot(c))
		return;
	t = pivot(c);
	show_table(s, t);
	table_free(t);
}

/* Words wrapped at the width; later lines stand under the first. */
static void wrap(const struct sheet *s, const char *text, size_t indent)
{
	size_t at = indent;

	bool broken = false;

	while (*text) {
		size_t n = strcspn(text, " \n");
		char *word = str_fmt("%.*s", (int)n, text);
		size_t w = text_width(word);

		if (at > indent && (broken || at + 1 + w > s->o->width)) {
			fputc('\n', s->out);
			pad(s->out, indent);
			at = indent;
		} else if (at > indent) {
			fputc(' ', s->out);
			at++;
		}
		write_plain(s->out, word);
		at += w;
		free(word);
		broken = text[n] == '\n';
		text += n + (text[n] != '\0');
	}
	fputc('\n', s->out);
}

static void show_headline(const struct sheet *s, const struct doc *d)
{
	static const char *const marks[] = { "·", "!", "✗" }, *const colours[] = { "0", "33", "31" };

	style(s, "1");
	wrap(s, d->title, 0);
	style(s, "0");
	wrap(s, d->subtitle, 0);
	fputc('\n', s->out);
	for (size_t i = 0; i < d->n_tiles; i++) {
		fputs("  ", s->out);
		put_fitted(s->out, d->tiles[i].label, 24, true);
		fputc(' ', s->out);
		style(s, "1");
		put_fitted(s->out, d->tiles[i].value, 15, true);
		style(s, "0");
		fputc(' ', s->out);
		wrap(s, d->tiles[i].detail, 43);
	}
	if (d->n_findings)
		fputc('\n', s->out);
	for (size_t i = 0; i < d->n_findings && i < TEXT_FINDINGS; i++) {
		const struct finding *f = &d->findings[i];

		style(s, colours[f->tone]);
		fprintf(s->out, "  %s ", marks[f->tone]);
		wrap(s, f->text, 4);
		style(s, "0");
	}
}

static void show_section(const struct sheet *s, const struct doc_section *sec)
{
	fputc('\n', s->out);
	style(s, "1;4");
	write_plain(s->out, sec->title);
	style(s, "0");
	fputc('\n', s->out);
	for (size_t b = 0; b < sec->n_blocks; b++) {
		const struct block *k = &sec->blocks[b];

		if (k->kind == BLOCK_TEXT) {
			fputs("  ", s->out);
			wrap(s, k->text, 2);
		} else if (k->kind == BLOCK_CHART) {
			show_chart(s, &k->chart);
		} else if (k->table && !k->table->raw && !k->folded) {
			show_table(s, k->table);
		}
	}
}

static bool has_text(const struct doc_section *sec)
{
	for (size_t b = 0; b < sec->n_blocks; b++)
		if (sec->blocks[b].kind == BLOCK_TEXT || (sec->blocks[b].kind == BLOCK_CHART && is_pivot(&sec->blocks[b].chart)) ||
		    (sec->blocks[b].table && !sec->blocks[b].table->raw && !sec->blocks[b].folded))
			return true;
	return false;
}

void render_text(const struct doc *d, const struct render_options *o, FILE *out)
{
	struct sheet s = { o, out };

	if (!o->table)
		show_headline(&s, d);
	for (size_t i = 0; i < d->n_sections; i++) {
		const struct doc_section *sec = &d->sections[i];

		if (!o->table && has_text(sec))
			show_section(&s, sec);
		for (size_t b = 0; o->table && b < sec->n_blocks; b++)
			if (sec->blocks[b].table && !strcmp(sec->blocks[b].table->id, o->table))
				show_table(&s, sec->blocks[b].table);
	}
}
