/*
 * Text of the competitions' files; see text.h.
 *
 * Decimals are read without floating point: "0.540100" at scale 10^6 is 540100 exactly.
 */
#include "planner/import/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/parse.h"

#define MAX_BYTES ((size_t)4 << 30)

int text_open(struct text *t, const char *path, struct err *e)
{
	size_t size;
	int err;

	memset(t, 0, sizeof(*t));
	err = file_read(path, MAX_BYTES, &t->all, &size, e);
	if (err)
		return err;
	t->path = path;
	t->at = t->all;
	t->end = t->all + size;
	t->line = 1;
	return 0;
}

void text_close(struct text *t)
{
	free(t->all);
	memset(t, 0, sizeof(*t));
}

int text_fail(const struct text *t, struct err *e, const char *fmt, ...)
{
	char what[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	return err_set(e, -EINVAL, "%s:%" PRIu32 ": %s", t->path, t->line, what);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static void skip_blanks(struct text *t)
{
	for (; t->at < t->end && is_blank(*t->at); t->at++)
		t->line += *t->at == '\n';
}

int text_number(struct text *t, int64_t min, int64_t max, int64_t *out, const char *what, struct err *e)
{
	char token[24];
	size_t n = 0;

	skip_blanks(t);
	if (t->at == t->end)
		return text_fail(t, e, "the file ends where %s should stand; is it cut off?", what);
	while (t->at < t->end && !is_blank(*t->at) && n < sizeof(token) - 1)
		token[n++] = *t->at++;
	token[n] = '\0';
	if (parse_i64(token, out) || *out < min || *out > max)
		return text_fail(t, e, "%s must be an integer from %" PRId64 " to %" PRId64 ", got \"%s\"", what, min, max, token);
	return 0;
}

int text_finish(struct text *t, struct err *e)
{
	skip_blanks(t);
	return t->at == t->end ? 0 : text_fail(t, e, "more numbers than the file's own counts announce");
}

int text_split(char *field, char separator, char **parts, int max)
{
	int n = 0;

	for (char *next; field; field = next) {
		next = strchr(field, separator);
		if (next)
			*next++ = '\0';
		if (n == max)
			return max + 1;
		parts[n++] = field;
	}
	return n;
}

int text_fields(struct text *t, char separator, char **fields, int min, int max, struct err *e)
{
	char *line, *end;
	int n;

	skip_blanks(t);
	if (t->at == t->end)
		return 0;
	line = t->at;
	end = memchr(line, '\n', (size_t)(t->end - line));
	t->at = end ? end + 1 : t->end;
	if (!end)
		end = t->end;
	while (end > line && is_blank(end[-1]))
		end--;
	*end = '\0';
	n = text_split(line, separator, fields, max);
	if (n < min || n > max)
		return text_fail(t, e, "%s%d fields, expected %d", n > max ? "more than " : "", n > max ? max : n, max);
	t->line++;
	return 1;
}

int text_decimal(const struct text *t, const char *field, int64_t scale, int64_t *out, struct err *e)
{
	int64_t value = 0, unit = scale;
	bool point = false, any = false;

	for (const char *p = field; *p; p++) {
		if (*p == '.' && !point) {
			point = true;
			continue;
		}
		if (*p < '0' || *p > '9' || (point && unit == 1 && *p != '0') || value > INT64_MAX / 20 / scale)
			return text_fail(t, e, "\"%.40s\" must be a decimal >= 0 with at most as many decimals as 1/%" PRId64, field, scale);
		any = true;
		if (point && unit == 1)
			continue;
		if (point)
			unit /= 10;
		value = value * 10 + (*p - '0');
	}
	if (!any)
		return text_fail(t, e, "a number is missing");
	*out = value * unit;
	return 0;
}
