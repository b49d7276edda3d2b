/*
 * A report as data: headline tiles, findings in plain words, and sections made of blocks. A section is built once and
 * rendered by any renderer. A chart is a view of a table, so every chart's numbers are in a table by construction.
 */
#ifndef REPORTS_DOC_H
#define REPORTS_DOC_H

#include <stdbool.h>
#include <stddef.h>

#include "reports/table.h"

enum chart_kind {
	CHART_MATRIX,   /* row × series -> value: who delays whom */
	CHART_HEAT,     /* row × x (ordered) -> value: resources over time */
	CHART_STACK,    /* row = sum of series, in panels and lanes */
	CHART_RANGE,    /* row: low – value – high against a limit */
	CHART_LINE,     /* x -> value, one line per series */
	CHART_SCATTER,  /* x against value, diagonal drawn */
	CHART_FLEET,    /* many rows: value of each row, sorted, one step curve per series and panel */
	CHART_KINDS
};

#define NO_COLUMN (-1)

struct chart {
	enum chart_kind kind;
	const char *title, *note;         /* static; note says how to read it */
	const struct table *table;        /* borrowed from the same document */
	int row, series, panel, lane, x, value, low, high, limit; /* columns of the table, or NO_COLUMN */
	double full;                      /* value that fills the scale; 0 = largest value */
};

enum block_kind { BLOCK_TABLE, BLOCK_CHART, BLOCK_TEXT };

struct block {
	enum block_kind kind;
	struct table *table;
	struct chart chart;
	char *text;
	bool folded;                      /* table shown behind "numbers" in HTML, left out of text */
};

struct doc_section {
	const char *name, *title, *help;
	struct block *blocks;
	size_t n_blocks, cap;
};

struct tile { char *label, *value, *detail, *source; };

enum tone { TONE_INFO, TONE_WARN, TONE_BAD };
struct finding { char *text; double weight; enum tone tone; char *source; };

struct doc {
	char *title, *subtitle;
	struct tile *tiles;
	struct finding *findings;         /* heaviest first after doc_sort() */
	struct doc_section *sections;
	size_t n_tiles, tiles_cap, n_findings, findings_cap, n_sections, sections_cap;
};

struct doc *doc_new(void);
void doc_free(struct doc *d);
void doc_sort(struct doc *d);
struct doc_section *doc_section(struct doc *d, const char *name, const char *title, const char *help); /* valid until the next */
void doc_tile(struct doc *d, const char *label, const char *source, const char *value, const char *detail);
void doc_find(struct doc *d, double weight, enum tone tone, const char *source, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

void section_table_take(struct doc_section *s, struct table *t, bool folded);
void section_chart(struct doc_section *s, struct chart c);
void section_text(struct doc_section *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A chart with every column role unset. */
struct chart chart_of(enum chart_kind kind, const char *title, const char *note, const struct table *t);

#endif
