/*
 * Words of plain JSON straight from the text, for the large parts of an instance. Plain: printable ASCII without escapes, numbers
 * without sign or exponent. Everything here returns false where something is not plain: then the parser reads, and judges, the
 * whole element (json_stream.h).
 */
#ifndef PLANNER_INSTANCE_INSTANCE_SCAN_H
#define PLANNER_INSTANCE_INSTANCE_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCAN_TEXT_MAX 128

struct scan { const char *at, *end; };

bool scan_take(struct scan *s, char c);                        /* after white space */
bool scan_amount(struct scan *s, int64_t *out);                /* 0 .. 10^18, a value that ends behind it */
bool scan_text(struct scan *s, char out[SCAN_TEXT_MAX]);       /* "…", not empty, without its quotes, terminated */
bool scan_number(struct scan *s, double *out);                 /* digits, perhaps a point and digits */

#endif
