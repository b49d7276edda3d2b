/*
 * Renderers: a document in, text out. One row per format; a renderer knows tables, charts and findings, never metrics.
 */
#ifndef REPORTS_RENDER_H
#define REPORTS_RENDER_H

#include <stdbool.h>
#include <stdio.h>

#include "reports/doc.h"

struct render_options {
	bool colour;       /* terminal text only */
	unsigned width;    /* columns of terminal text */
	const char *table; /* only this table, or NULL */
};

struct renderer {
	const char *name, *help;
	void (*render)(const struct doc *d, const struct render_options *o, FILE *out);
};

extern const struct renderer renderers[]; /* ends with a row whose name is NULL */

void render_text(const struct doc *d, const struct render_options *o, FILE *out);
void render_html(const struct doc *d, const struct render_options *o, FILE *out);
void render_json(const struct doc *d, const struct render_options *o, FILE *out);
void render_csv(const struct doc *d, const struct render_options *o, FILE *out);

#endif
