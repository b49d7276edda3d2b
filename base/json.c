/* Strict JSON access with field paths in every message: see json.h. */
#include "base/json.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

static size_t path_write(const struct json_at *at, char *buf, size_t size)
{
	size_t n;

	if (!at->up)
		return 0;
	n = path_write(at->up, buf, size);
	if (n + 1 >= size)
		return n;
	if (at->key)
		n += (size_t)snprintf(buf + n, size - n, "%s%.80s", n ? "." : "", at->key);
	else
		n += (size_t)snprintf(buf + n, size - n, "[%zu]", at->index);
	return n < size ? n : size - 1;
}

int json_fail(const struct json_at *at, struct err *e, const char *fmt, ...)
{
	char path[200] = "", what[280];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	path_write(at, path, sizeof(path));
	return err_set(e, -EINVAL, "%s: %s: %s", at->file, path[0] ? path : "top level", what);
}

int json_parse(const char *file, const char *text, size_t size, json_t **root, struct err *e)
{
	json_error_t je;

	*root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &je);
	if (*root)
		return 0;
	return err_set(e, -EINVAL, "%s: line %d, column %d: %s", file, je.line, je.column, je.text);
}

int json_read(const char *path, size_t max_bytes, json_t **root, struct err *e)
{
	char *text;
	size_t size;
	int err;

	if ((err = file_read(path, max_bytes, &text, &size, e)) < 0)
		return err;
	err = json_parse(path, text, size, root, e);
	free(text);
	return err;
}

static const char *type_name(const json_t *v)
{
	static const char *const names[] = {
		[JSON_OBJECT] = "an object", [JSON_ARRAY] = "an array", [JSON_STRING] = "a string",
		[JSON_INTEGER] = "an integer", [JSON_REAL] = "a number", [JSON_TRUE] = "true",
		[JSON_FALSE] = "false", [JSON_NULL] = "null",
	};

	return v ? names[json_typeof(v)] : "nothing";
}

int json_check_object(const struct json_at *at, struct err *e)
{
	return json_is_object(at->value) ? 0 : json_fail(at, e, "must be an object, got %s", type_name(at->value));
}

int json_check_array(const struct json_at *at, size_t *n, struct err *e)
{
	if (!json_is_array(at->value))
		return json_fail(at, e, "must be an array, got %s", type_name(at->value));
	*n = json_array_size(at->value);
	return 0;
}

struct json_at json_key(const struct json_at *at, const char *key)
{
	json_t *v = json_object_get(at->value, key);

	return (struct json_at){ .value = json_is_null(v) ? NULL : v, .file = at->file, .up = at, .key = key };
}

struct json_at json_item(const struct json_at *at, size_t index)
{
	return (struct json_at){ .value = json_array_get(at->value, index), .file = at->file, .up = at, .index = index };
}

int json_as_i64(const struct json_at *at, int64_t min, int64_t max, int64_t *out, struct err *e)
{
	json_int_t v;

	if (!json_is_integer(at->value))
		return json_fail(at, e, "must be an integer from %lld to %lld, got %s", (long long)min, (long long)max,
				 type_name(at->value));
	v = json_integer_value(at->value);
	if (v < min || v > max)
		return json_fail(at, e, "must be an integer from %lld to %lld, got %lld", (long long)min, (long long)max,
				 (long long)v);
	*out = v;
	return 0;
}

int json_as_f64(const struct json_at *at, double min, double max, double *out, struct err *e)
{
	double v;

	if (!json_is_number(at->value))
		return json_fail(at, e, "must be a number from %g to %g, got %s", min, max, type_name(at->value));
	v = json_number_value(at->value);
	if (!isfinite(v) || v < min || v > max)
		return json_fail(at, e, "must be a number from %g to %g, got %g", min, max, v);
	*out = v;
	return 0;
}

int json_as_str(const struct json_at *at, const char **out, struct err *e)
{
	if (!json_is_string(at->value))
		return json_fail(at, e, "must be a string, got %s", type_name(at->value));
	*out = json_string_value(at->value);
	return 0;
}

/* Absent and not required: leave *out alone. Declared as a macro-free helper: 1 = go on, 0 = done, < 0 = error. */
static int present(const struct json_at *v, bool required, struct err *e)
{
	if (v->value)
		return 1;
	return required ? json_fail(v, e, "is missing") : 0;
}

int json_get_i64(const struct json_at *at, const char *key, bool required, int64_t min, int64_t max, int64_t *out, struct err *e)
{
	struct json_at v = json_key(at, key);
	int go = present(&v, required, e);

	return go > 0 ? json_as_i64(&v, min, max, out, e) : go;
}

int json_get_f64(const struct json_at *at, const char *key, bool required, double min, double max, double *out, struct err *e)
{
	struct json_at v = json_key(at, key);
	int go = present(&v, required, e);

	return go > 0 ? json_as_f64(&v, min, max, out, e) : go;
}

int json_get_bool(const struct json_at *at, const char *key, bool required, bool *out, struct err *e)
{
	struct json_at v = json_key(at, key);
	int go = present(&v, required, e);

	if (go <= 0)
		return go;
	if (!json_is_boolean(v.value))
		return json_fail(&v, e, "must be true or false, got %s", type_name(v.value));
	*out = json_is_true(v.value);
	return 0;
}

int json_get_str(const struct json_at *at, const char *key, bool required, const char **out, struct err *e)
{
	struct json_at v = json_key(at, key);
	int go = present(&v, required, e);

	return go > 0 ? json_as_str(&v, out, e) : go;
}

/* Edit distance, for "did you mean"; both words are cut at 31 letters. */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[32], n = (unsigned)strnlen(b, 31), m = (unsigned)strnlen(a, 31);

	for (unsigned j = 0; j <= n; j++)
		row[j] = j;
	for (unsigned i = 1; i <= m; i++) {
		unsigned diagonal = row[0];

		row[0] = i;
		for (unsigned j = 1; j <= n; j++) {
			unsigned best = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[n];
}

int json_only(const struct json_at *at, const char *const *keys, struct err *e)
{
	const char *key;
	json_t *value;

	json_object_foreach(at->value, key, value) {
		const char *nearest = NULL;
		unsigned best = 4;
		size_t i;

		for (i = 0; keys[i] && strcmp(keys[i], key); i++) {
			unsigned d = distance(key, keys[i]);

			if (d < best) {
				best = d;
				nearest = keys[i];
			}
		}
		if (keys[i])
			continue;
		if (nearest)
			return json_fail(at, e, "unknown field \"%.60s\"; did you mean \"%s\"?", key, nearest);
		return json_fail(at, e, "unknown field \"%.60s\"", key);
	}
	return 0;
}
