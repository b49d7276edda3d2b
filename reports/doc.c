/*
 * The report as data: see doc.h. Builders append, renderers read.
 */
#include "reports/doc.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct doc *doc_new(void)
{
	return mem_alloc(1, sizeof(struct doc));
}

static void section_fini(struct doc_section *s)
{
	for (size_t i = 0; i < s->n_blocks; i++) {
		table_free(s->blocks[i].table);
		free(s->blocks[i].text);
	}
	free(s->blocks);
}

void doc_free(struct doc *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < d->n_sections; i++)
		section_fini(&d->sections[i]);
	for (size_t i = 0; i < d->n_tiles; i++) {
		free(d->tiles[i].label);
		free(d->tiles[i].value);
		free(d->tiles[i].detail);
		free(d->tiles[i].source);
	}
	for (size_t i = 0; i < d->n_findings; i++) {
		free(d->findings[i].text);
		free(d->findings[i].source);
	}
	free(d->sections);
	free(d->tiles);
	free(d->findings);
	free(d->title);
	free(d->subtitle);
	free(d);
}

static int heavier(const void *pa, const void *pb)
{
	const struct finding *a = pa, *b = pb;

	if (a->weight != b->weight)
		return a->weight < b->weight ? 1 : -1;
	return strcmp(a->text, b->text);
}

void doc_sort(struct doc *d)
{
	if (d->n_findings)
		qsort(d->findings, d->n_findings, sizeof(*d->findings), heavier);
}

struct doc_section *doc_section(struct doc *d, const char *name, const char *title, const char *help)
{
	struct doc_section *s;

	d->sections = array_grow(d->sections, &d->sections_cap, d->n_sections + 1, sizeof(*d->sections));
	s = &d->sections[d->n_sections++];
	*s = (struct doc_section){ .name = name, .title = title, .help = help };
	return s;
}

void doc_tile(struct doc *d, const char *label, const char *source, const char *value, const char *detail)
{
	d->tiles = array_grow(d->tiles, &d->tiles_cap, d->n_tiles + 1, sizeof(*d->tiles));
	d->tiles[d->n_tiles++] = (struct tile){ str_dup(label), str_dup(value), str_dup(detail), str_dup(source) };
}

static char *format(const char *fmt, va_list ap)
{
	char *text;

	if (vasprintf(&text, fmt, ap) < 0)
		abort();
	return text;
}

void doc_find(struct doc *d, double weight, enum tone tone, const char *source, const char *fmt, ...)
{
	va_list ap;

	d->findings = array_grow(d->findings, &d->findings_cap, d->n_findings + 1, sizeof(*d->findings));
	va_start(ap, fmt);
	d->findings[d->n_findings++] = (struct finding){ format(fmt, ap), weight, tone, str_dup(source) };
	va_end(ap);
}

static struct block *block_add(struct doc_section *s, struct block b)
{
	s->blocks = array_grow(s->blocks, &s->cap, s->n_blocks + 1, sizeof(*s->blocks));
	s->blocks[s->n_blocks++] = b;
	return &s->blocks[s->n_blocks - 1];
}

void section_table_take(struct doc_section *s, struct table *t, bool folded)
{
	block_add(s, (struct block){ .kind = BLOCK_TABLE, .table = t, .folded = folded });
}

void section_chart(struct doc_section *s, struct chart c)
{
	block_add(s, (struct block){ .kind = BLOCK_CHART, .chart = c });
}

void section_text(struct doc_section *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	block_add(s, (struct block){ .kind = BLOCK_TEXT, .text = format(fmt, ap) });
	va_end(ap);
}

struct chart chart_of(enum chart_kind kind, const char *title, const char *note, const struct table *t)
{
	return (struct chart){ .kind = kind, .title = title, .note = note, .table = t, .row = NO_COLUMN, .series = NO_COLUMN,
			       .panel = NO_COLUMN, .lane = NO_COLUMN, .x = NO_COLUMN, .value = NO_COLUMN, .low = NO_COLUMN,
			       .high = NO_COLUMN, .limit = NO_COLUMN };
}
