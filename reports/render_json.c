/*
 * JSON twin of every table: {"format":"cotenant-report","version":1,"headline":[…],"findings":[…],"sections":[…]}.
 * Rows are arrays in column order; absent is null. Written as it goes, so size is bounded by the output alone.
 */
#include "reports/render.h"

#include <inttypes.h>
#include <string.h>

#include "reports/escape.h"

static void pair(FILE *out, const char *key, const char *value, const char *end)
{
	fprintf(out, "\"%s\":", key);
	if (value)
		write_json(out, value);
	else
		fputs("null", out);
	fputs(end, out);
}

static void cell(FILE *out, const struct cell *c)
{
	switch (c->kind) {
	case CELL_ABSENT: fputs("null", out); break;
	case CELL_TEXT: write_json(out, c->text); break;
	case CELL_INT: fprintf(out, "%" PRId64, c->i); break;
	case CELL_REAL: fprintf(out, "%.12g", c->f); break;
	}
}

static void table(FILE *out, const struct table *t)
{
	fputs("{", out);
	pair(out, "id", t->id, ",");
	pair(out, "title", t->title, ",");
	pair(out, "source", t->source, ",\n\"columns\":[");
	for (size_t c = 0; c < t->n_columns; c++) {
		fputs(c ? ",{" : "{", out);
		pair(out, "key", t->columns[c].key, ",");
		pair(out, "title", t->columns[c].title, ",");
		pair(out, "unit", unit_rows[t->columns[c].unit].name, "}");
	}
	fputs("],\n\"rows\":[", out);
	for (size_t r = 0; r < table_rows(t); r++) {
		fputs(r ? ",\n[" : "\n[", out);
		for (size_t c = 0; c < t->n_columns; c++) {
			if (c)
				fputc(',', out);
			cell(out, table_cell(t, r, c));
		}
		fputc(']', out);
	}
	fputs("]}", out);
}

static void section(FILE *out, const struct doc_section *s, const char *only)
{
	size_t shown = 0;

	fputs("{", out);
	pair(out, "name", s->name, ",");
	pair(out, "title", s->title, ",\"texts\":[");
	for (size_t i = 0; i < s->n_blocks; i++)
		if (s->blocks[i].kind == BLOCK_TEXT) {
			fputs(shown++ ? "," : "", out);
			write_json(out, s->blocks[i].text);
		}
	fputs("],\"tables\":[", out);
	shown = 0;
	for (size_t i = 0; i < s->n_blocks; i++)
		if (s->blocks[i].table && (!only || !strcmp(only, s->blocks[i].table->id))) {
			fputs(shown++ ? ",\n" : "\n", out);
			table(out, s->blocks[i].table);
		}
	fputs("]}", out);
}

void render_json(const struct doc *d, const struct render_options *o, FILE *out)
{
	static const char *const tones[] = { "info", "warn", "bad" };

	fputs("{\"format\":\"cotenant-report\",\"version\":1,", out);
	pair(out, "title", d->title, ",");
	pair(out, "subtitle", d->subtitle, ",\n\"headline\":[");
	for (size_t i = 0; i < d->n_tiles; i++) {
		fputs(i ? ",\n{" : "\n{", out);
		pair(out, "label", d->tiles[i].label, ",");
		pair(out, "value", d->tiles[i].value, ",");
		pair(out, "detail", d->tiles[i].detail, ",");
		pair(out, "source", d->tiles[i].source, "}");
	}
	fputs("],\n\"findings\":[", out);
	for (size_t i = 0; i < d->n_findings; i++) {
		fputs(i ? ",\n{" : "\n{", out);
		pair(out, "text", d->findings[i].text, ",");
		pair(out, "tone", tones[d->findings[i].tone], ",");
		pair(out, "source", d->findings[i].source, "}");
	}
	fputs("],\n\"sections\":[", out);
	for (size_t i = 0; i < d->n_sections; i++) {
		fputs(i ? ",\n" : "\n", out);
		section(out, &d->sections[i], o->table);
	}
	fputs("]}\n", out);
}
