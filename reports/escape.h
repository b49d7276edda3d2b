/*
 * Text of others (service names, paths, labels) written so that it can neither break nor steer the output. Bytes that are
 * not UTF-8 become U+FFFD; control characters are shown as U+FFFD in terminals and HTML, escaped in JSON.
 */
#ifndef REPORTS_ESCAPE_H
#define REPORTS_ESCAPE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Next code point of *s (which must not be at its end); invalid bytes give U+FFFD and advance by one. */
uint32_t utf8_next(const char **s);

/* Columns that text takes in a terminal (combining marks 0, wide East Asian 2). */
size_t text_width(const char *s);

void write_html(FILE *out, const char *s);   /* for text and for attributes in double quotes */
void write_json(FILE *out, const char *s);   /* with its quotes */
void write_csv(FILE *out, const char *s);    /* quoted when needed, RFC 4180 */
void write_plain(FILE *out, const char *s);  /* terminal: no control characters, no escape sequences */

#endif
