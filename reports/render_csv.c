/*
 * CSV after RFC 4180 (CRLF, quotes doubled, every record the same length). One table with --table; otherwise all tables
 * in long form, one record per cell: table, source, row, column, unit, value. Absent is an empty field.
 */
#include "reports/render.h"

#include <inttypes.h>
#include <string.h>

#include "reports/escape.h"

static void cell(FILE *out, const struct cell *c)
{
	switch (c->kind) {
	case CELL_ABSENT: break;
	case CELL_TEXT: write_csv(out, c->text); break;
	case CELL_INT: fprintf(out, "%" PRId64, c->i); break;
	case CELL_REAL: fprintf(out, "%.12g", c->f); break;
	}
}

static void wide(FILE *out, const struct table *t)
{
	for (size_t c = 0; c < t->n_columns; c++) {
		if (c)
			fputc(',', out);
		write_csv(out, t->columns[c].key);
	}
	fputs("\r\n", out);
	for (size_t r = 0; r < table_rows(t); r++) {
		for (size_t c = 0; c < t->n_columns; c++) {
			if (c)
				fputc(',', out);
			cell(out, table_cell(t, r, c));
		}
		fputs("\r\n", out);
	}
}

static void tall(FILE *out, const struct table *t)
{
	for (size_t r = 0; r < table_rows(t); r++)
		for (size_t c = 0; c < t->n_columns; c++) {
			write_csv(out, t->id);
			fputc(',', out);
			write_csv(out, t->source);
			fprintf(out, ",%zu,", r);
			write_csv(out, t->columns[c].key);
			fprintf(out, ",%s,", unit_rows[t->columns[c].unit].name);
			cell(out, table_cell(t, r, c));
			fputs("\r\n", out);
		}
}

void render_csv(const struct doc *d, const struct render_options *o, FILE *out)
{
	if (!o->table)
		fputs("table,source,row,column,unit,value\r\n", out);
	for (size_t s = 0; s < d->n_sections; s++)
		for (size_t b = 0; b < d->sections[s].n_blocks; b++) {
			const struct table *t = d->sections[s].blocks[b].table;

			if (t && !o->table)
				tall(out, t);
			else if (t && !strcmp(t->id, o->table)) {
				wide(out, t);
				return;
			}
		}
}
