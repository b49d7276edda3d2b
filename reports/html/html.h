/*
 * Inside the HTML renderer: charts as inline SVG (bars and strips stretch, their labels are HTML and do not), tables, style.
 */
#ifndef REPORTS_HTML_HTML_H
#define REPORTS_HTML_HTML_H

#include <stdio.h>

#include "reports/doc.h"
#include "reports/labels.h"

#define PALETTE 10 /* colours told apart by people with any colour vision, see style.c; further series share grey */

void show_value(FILE *out, const struct chart *c, double v);         /* with the unit of the value column */
void html_legend(FILE *out, const struct labels *series);

void html_chart(FILE *out, const struct chart *c);
void chart_matrix(FILE *out, const struct chart *c);
void chart_heat(FILE *out, const struct chart *c);
void chart_stack(FILE *out, const struct chart *c);
void chart_range(FILE *out, const struct chart *c);
void chart_line(FILE *out, const struct chart *c);
void chart_scatter(FILE *out, const struct chart *c);
void chart_fleet(FILE *out, const struct chart *c);

extern const char html_style[], html_script[];

#endif
