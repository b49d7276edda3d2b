/*
 * Tables: what every section builds and every renderer shows. A column has a key with its unit, cells are text, an
 * integer, a real or absent; absent is "n/a", null or an empty field, and never zero.
 *
 * Rows are written cell by cell in column order: table_text(t, "redis"); table_int(t, 3); …; a row ends with its last
 * column. Everything is owned by the table (texts are copied).
 */
#ifndef REPORTS_TABLE_H
#define REPORTS_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "reports/unit.h"

struct column {
	const char *key;     /* machine name, ends with its unit: "delay_s_per_h" */
	const char *title;   /* for people */
	enum unit unit;
	const char *help;    /* tooltip; may be NULL */
};

enum cell_kind { CELL_ABSENT, CELL_TEXT, CELL_INT, CELL_REAL };

struct cell {
	enum cell_kind kind;
	union {
		char *text;
		int64_t i;
		double f;
	};
};

struct table {
	char *id, *title, *source;   /* source: the file(s) its numbers come from */
	const char *note;            /* one sentence, or NULL */
	bool raw;                    /* the session's own rows: for JSON and CSV only */
	struct column *columns;      /* keys and titles are owned copies */
	size_t n_columns;
	struct cell *cells;          /* [row * n_columns + column] */
	size_t n_cells, cap;
};

/* columns end with a row whose key is NULL. */
struct table *table_new(const char *id, const char *title, const char *source, const struct column *columns);
void table_free(struct table *t);
void table_add_column(struct table *t, struct column c); /* before the first cell only */

void table_text(struct table *t, const char *text);      /* NULL = absent */
void table_int(struct table *t, int64_t v);
void table_real(struct table *t, double v);              /* NAN = absent, infinities too */
void table_absent(struct table *t);

size_t table_rows(const struct table *t);
const struct cell *table_cell(const struct table *t, size_t row, size_t column);
double cell_number(const struct cell *c);                /* NAN for text and absent */

/* For people, into buf; texts come back as they are (unescaped). */
const char *cell_show(const struct cell *c, enum unit u, char *buf, size_t size);

/* Largest value first. Stable. Only on complete rows. */
void table_sort_down(struct table *t, size_t column);

#endif
