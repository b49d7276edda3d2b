/*
 * Columns of a table as lists of distinct labels, for charts and pivots.
 */
#ifndef REPORTS_LABELS_H
#define REPORTS_LABELS_H

#include "reports/table.h"

/* Distinct texts of a column in order of appearance. v borrows from the table. */
struct labels { const char **v; size_t n, cap; };

struct labels labels_of(const struct table *t, int column, size_t max);
size_t labels_find(const struct labels *s, const char *name); /* s->n when absent */
void labels_fini(struct labels *s);
const char *row_text(const struct table *t, size_t row, int column); /* "" when there is no such column or text */
double row_number(const struct table *t, size_t row, int column);    /* NAN likewise */

#endif
