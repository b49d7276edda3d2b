/*
 * Large JSON objects read piece by piece: the text is scanned once for the spans of the top-level values, and long arrays
 * are parsed one element at a time, so that a million services never stand in memory as one tree. Values may be read in
 * whichever order suits the reader, independent of their order in the file.
 */
#ifndef PLANNER_INSTANCE_JSON_STREAM_H
#define PLANNER_INSTANCE_JSON_STREAM_H

#include "base/json.h"

struct json_span {
	char key[64];
	size_t at, size;   /* of the value, in text */
};

struct json_stream {
	const char *file, *text;  /* borrowed */
	size_t size;
	struct json_span *spans;
	size_t n, cap;
};

/* Scan the top-level object. Duplicate keys, keys beyond 63 letters and a text that ends too early are refused. */
int json_stream_open(struct json_stream *s, const char *file, const char *text, size_t size, struct err *e);
void json_stream_close(struct json_stream *s);

const struct json_span *json_stream_find(const struct json_stream *s, const char *key); /* NULL = absent or null */
/* The whole value as a tree; the caller json_decref()s it. */
int json_stream_value(const struct json_stream *s, const struct json_span *span, json_t **out, struct err *e);

/*
 * A member of each element that is read straight from the text, because it is most of the file: read() returns how many bytes
 * of text (of at most size) the value took, or 0 when it is not of the plain kind it knows; then it is parsed, and judged,
 * like everything else. A member that was read so is missing from the element that each() gets.
 * whole() (or NULL) may read an element altogether, and take it: then each() does not get it. It returns its bytes, or 0, and then
 * has taken nothing.
 */
struct json_lift {
	const char *key;
	size_t (*read)(void *ctx, const char *text, size_t size);
	size_t (*whole)(void *ctx, const char *text, size_t size);
};

/* Calls each(ctx, element) for every element of an array; the cursor's path is key[i]. Stops at the first error. lift may be NULL. */
int json_stream_each(const struct json_stream *s, const struct json_span *span, const struct json_lift *lift,
		     int (*each)(void *ctx, const struct json_at *at, struct err *e), void *ctx, struct err *e);

#endif
