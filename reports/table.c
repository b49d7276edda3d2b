/*
 * Tables as flat rows of cells: see table.h. One allocation grows by doubling, so 100,000 rows cost little.
 */
#include "reports/table.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct table *table_new(const char *id, const char *title, const char *source, const struct column *columns)
{
	struct table *t = mem_alloc(1, sizeof(*t));

	t->id = str_dup(id);
	t->title = str_dup(title);
	t->source = str_dup(source);
	for (; columns->key; columns++)
		table_add_column(t, *columns);
	return t;
}

void table_free(struct table *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->n_cells; i++)
		if (t->cells[i].kind == CELL_TEXT)
			free(t->cells[i].text);
	for (size_t i = 0; i < t->n_columns; i++) {
		free((char *)t->columns[i].key);
		free((char *)t->columns[i].title);
	}
	free(t->columns);
	free(t->cells);
	free(t->id);
	free(t->title);
	free(t->source);
	free(t);
}

void table_add_column(struct table *t, struct column c)
{
	assert(!t->n_cells);
	c.key = str_dup(c.key);
	c.title = str_dup(c.title);
	t->columns = mem_resize(t->columns, t->n_columns + 1, sizeof(*t->columns));
	t->columns[t->n_columns++] = c;
}

static void add(struct table *t, struct cell c)
{
	t->cells = array_grow(t->cells, &t->cap, t->n_cells + 1, sizeof(*t->cells));
	t->cells[t->n_cells++] = c;
}

void table_text(struct table *t, const char *text)
{
	if (text)
		add(t, (struct cell){ .kind = CELL_TEXT, .text = str_dup(text) });
	else
		table_absent(t);
}

void table_int(struct table *t, int64_t v)
{
	add(t, (struct cell){ .kind = CELL_INT, .i = v });
}

void table_real(struct table *t, double v)
{
	if (isfinite(v))
		add(t, (struct cell){ .kind = CELL_REAL, .f = v });
	else
		table_absent(t);
}

void table_absent(struct table *t)
{
	add(t, (struct cell){ .kind = CELL_ABSENT });
}

size_t table_rows(const struct table *t)
{
	assert(t->n_cells % t->n_columns == 0);
	return t->n_cells / t->n_columns;
}

const struct cell *table_cell(const struct table *t, size_t row, size_t column)
{
	assert(column < t->n_columns && row * t->n_columns + column < t->n_cells);
	return &t->cells[row * t->n_columns + column];
}

double cell_number(const struct cell *c)
{
	return c->kind == CELL_INT ? (double)c->i : c->kind == CELL_REAL ? c->f : NAN;
}

const char *cell_show(const struct cell *c, enum unit u, char *buf, size_t size)
{
	if (c->kind == CELL_TEXT)
		return c->text;
	if (c->kind == CELL_ABSENT)
		return "n/a";
	unit_show(u, cell_number(c), buf, size);
	return buf;
}

struct order { double key; size_t row; };

static int compare(const void *pa, const void *pb)
{
	const struct order *a = pa, *b = pb;

	if (a->key != b->key)
		return a->key < b->key ? 1 : -1;
	return a->row < b->row ? -1 : a->row > b->row;
}

void table_sort_down(struct table *t, size_t column)
{
	size_t n = table_rows(t), width = t->n_columns;
	struct order *order = mem_alloc(n + 1, sizeof(*order));
	struct cell *sorted = mem_alloc(t->n_cells + 1, sizeof(*sorted));

	for (size_t r = 0; r < n; r++) {
		double v = cell_number(table_cell(t, r, column));

		order[r] = (struct order){ isnan(v) ? -INFINITY : v, r };
	}
	qsort(order, n, sizeof(*order), compare);
	for (size_t r = 0; r < n; r++)
		memcpy(sorted + r * width, t->cells + order[r].row * width, width * sizeof(*sorted));
	free(t->cells);
	free(order);
	t->cells = sorted;
	t->cap = t->n_cells + 1;
}
