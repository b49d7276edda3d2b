/*
 * Distinct labels in order of appearance: see labels.h. Linear search: a chart shows at most a few hundred.
 */
#include "reports/labels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "reports/doc.h"

const char *row_text(const struct table *t, size_t row, int column)
{
	const struct cell *c;

	if (column == NO_COLUMN)
		return "";
	c = table_cell(t, row, (size_t)column);
	return c->kind == CELL_TEXT ? c->text : "";
}

double row_number(const struct table *t, size_t row, int column)
{
	return column == NO_COLUMN ? (double)NAN : cell_number(table_cell(t, row, (size_t)column));
}

size_t labels_find(const struct labels *s, const char *name)
{
	size_t i = 0;

	while (i < s->n && strcmp(s->v[i], name) != 0)
		i++;
	return i;
}

struct labels labels_of(const struct table *t, int column, size_t max)
{
	struct labels s = { 0 };

	for (size_t r = 0; r < table_rows(t) && s.n < max; r++) {
		const char *name = row_text(t, r, column);

		if (s.n && !strcmp(s.v[s.n - 1], name))
			continue;
		if (labels_find(&s, name) < s.n)
			continue;
		s.v = array_grow(s.v, &s.cap, s.n + 1, sizeof(*s.v));
		s.v[s.n++] = name;
	}
	return s;
}

void labels_fini(struct labels *s)
{
	free(s->v);
	*s = (struct labels){ 0 };
}
