/*
 * Reading of the competitions' text files: numbers between blanks, and lines of fields between commas. Messages name
 * the file and the line. The text is one file in memory; a field is borrowed from it and NUL-terminated in place.
 */
#ifndef PLANNER_IMPORT_TEXT_H
#define PLANNER_IMPORT_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct text {
	const char *path;
	char *all, *at, *end;  /* whole file, next byte, its end */
	uint32_t line;         /* of the next byte, from 1 */
};

int text_open(struct text *t, const char *path, struct err *e);
void text_close(struct text *t);

/* Next number between blanks, in [min, max]. */
int text_number(struct text *t, int64_t min, int64_t max, int64_t *out, const char *what, struct err *e);
/* Only blanks are left? Otherwise an error. */
int text_finish(struct text *t, struct err *e);

/* Next non-empty line, split at `separator`; 1, 0 at the end, or -errno when it has fewer than min or more than max fields. */
int text_fields(struct text *t, char separator, char **fields, int min, int max, struct err *e);
/* Split one field in place; number of parts, at most max + 1 (then there were too many). */
int text_split(char *field, char separator, char **parts, int max);
/* A decimal as an integer of 1/scale (scale a power of ten); more digits than that, or a sign, is an error. */
int text_decimal(const struct text *t, const char *field, int64_t scale, int64_t *out, struct err *e);
/* "path:line: " before a message about the line just read. */
int text_fail(const struct text *t, struct err *e, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
