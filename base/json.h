/*
 * Strict reading of JSON objects over jansson: every message names the file and the field's path
 * ("fleet.json: services[3].demand.cpu_mcpu: must be an integer from 0 to 9223372036854775807, got -5").
 *
 * A `struct json_at` is a cursor: a borrowed value, and where it stands. Accessors return 0, or -errno with the error
 * recorded; with `required` false an absent key (or null) leaves *out as it was and returns 0. After reading an object's
 * keys call json_only() with their list: any other key is an error that suggests the nearest known one.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct json_at {
	json_t *value;             /* borrowed */
	const char *file;          /* for messages; borrowed */
	const struct json_at *up;  /* parent cursor; must outlive this one */
	const char *key;           /* key in the parent, or NULL for an array element */
	size_t index;              /* index in the parent array when key is NULL */
};

/* Parse text (duplicate keys and trailing garbage refused; message has line and column). Caller json_decref()s *root. */
int json_parse(const char *file, const char *text, size_t size, json_t **root, struct err *e);

/* file_read() + json_parse(). */
int json_read(const char *path, size_t max_bytes, json_t **root, struct err *e);

/* Record an error at the cursor's path. */
int json_fail(const struct json_at *at, struct err *e, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

int json_check_object(const struct json_at *at, struct err *e);                       /* is it an object? */
int json_check_array(const struct json_at *at, size_t *n, struct err *e);             /* is it an array? length */
struct json_at json_key(const struct json_at *at, const char *key);             /* value NULL when absent */
struct json_at json_item(const struct json_at *at, size_t index);

int json_get_i64(const struct json_at *at, const char *key, bool required, int64_t min, int64_t max, int64_t *out, struct err *e);
int json_get_f64(const struct json_at *at, const char *key, bool required, double min, double max, double *out, struct err *e);
int json_get_bool(const struct json_at *at, const char *key, bool required, bool *out, struct err *e);
int json_get_str(const struct json_at *at, const char *key, bool required, const char **out, struct err *e); /* borrowed */

/* Values themselves (array elements): same checks on the cursor's own value. */
int json_as_i64(const struct json_at *at, int64_t min, int64_t max, int64_t *out, struct err *e);
int json_as_f64(const struct json_at *at, double min, double max, double *out, struct err *e);
int json_as_str(const struct json_at *at, const char **out, struct err *e);

/* keys: NULL-terminated list of all known keys. */
int json_only(const struct json_at *at, const char *const *keys, struct err *e);

#endif
