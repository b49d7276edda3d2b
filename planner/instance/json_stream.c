/*
 * Scanning is structural only (strings, brackets); jansson then judges every value. JSON_DISABLE_EOF_CHECK makes it stop
 * behind an element and tell where (json_error_t.position), see https://jansson.readthedocs.io/en/latest/apiref.html#decoding
 */
#include "planner/instance/json_stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static size_t skip_space(const struct json_stream *s, size_t i)
{
	while (i < s->size && (s->text[i] == ' ' || s->text[i] == '\n' || s->text[i] == '\t' || s->text[i] == '\r'))
		i++;
	return i;
}

static int fail_at(const struct json_stream *s, size_t i, const char *what, struct err *e)
{
	size_t line = 1, column = 1;

	for (size_t k = 0; k < i && k < s->size; k++) {
		column++;
		if (s->text[k] == '\n') {
			line++;
			column = 1;
		}
	}
	return err_set(e, -EINVAL, "%s: line %zu, column %zu: %s", s->file, line, column, what);
}

/* i stands on the opening quote; returns the index behind the closing one, or size when there is none. */
static size_t skip_string(const struct json_stream *s, size_t i)
{
	for (i++; i < s->size; i++) {
		if (s->text[i] == '\\')
			i++;
		else if (s->text[i] == '"')
			return i + 1;
	}
	return s->size;
}

#define EACH_BYTE(x) (UINT64_C(0x0101010101010101) * (x))

static bool has_zero_byte(uint64_t v)
{
	return (v - EACH_BYTE(1)) & ~v & EACH_BYTE(0x80);
}

/* The next quote or bracket: eight bytes at a time, for a fleet's file is numbers. [ ] { } are alike in the bits of 0xd9. */
static size_t find_structure(const struct json_stream *s, size_t i)
{
	static const bool is_structure[256] = { ['"'] = true, ['['] = true, ['{'] = true, [']'] = true, ['}'] = true };
	uint64_t v;

	while (i + sizeof(v) <= s->size) {
		memcpy(&v, s->text + i, sizeof(v));
		if (has_zero_byte(v ^ EACH_BYTE('"')) || has_zero_byte((v & EACH_BYTE(0xd9)) ^ EACH_BYTE('[' & 0xd9)))
			break;
		i += sizeof(v);
	}
	while (i < s->size && !is_structure[(unsigned char)s->text[i]])
		i++;
	return i;
}

static size_t skip_value(const struct json_stream *s, size_t i)
{
	size_t depth = 0;

	while (i < s->size) {
		char c = s->text[i];

		if (c == '"') {
			i = skip_string(s, i);
			continue;
		}
		if (c == '[' || c == '{')
			depth++;
		else if ((c == ']' || c == '}') && !depth--)
			return i;
		else if (c == ',' && !depth)
			return i;
		i = depth ? find_structure(s, i + 1) : i + 1;
	}
	return i;
}

static int span_add(struct json_stream *s, size_t key_at, size_t key_end, size_t at, size_t end, struct err *e)
{
	struct json_span span = { .at = at, .size = end - at };
	size_t n = key_end - key_at;

	if (n >= sizeof(span.key))
		return fail_at(s, key_at, "the field's name is too long", e);
	memcpy(span.key, s->text + key_at, n);
	for (size_t i = 0; i < s->n; i++)
		if (!strcmp(s->spans[i].key, span.key))
			return fail_at(s, key_at, "duplicate object key", e);
	s->spans = array_grow(s->spans, &s->cap, s->n + 1, sizeof(*s->spans));
	s->spans[s->n++] = span;
	return 0;
}

static int scan(struct json_stream *s, struct err *e)
{
	size_t i = skip_space(s, 0), key, key_end, at;
	int err;

	if (i >= s->size)
		return fail_at(s, i, "the file is empty, a JSON object is needed", e);
	if (s->text[i] != '{')
		return fail_at(s, i, "must be a JSON object, which begins with '{'", e);
	i = skip_space(s, i + 1);
	while (i < s->size && s->text[i] != '}') {
		if (s->text[i] != '"')
			return fail_at(s, i, "a field's name in double quotes is needed here", e);
		key = i + 1;
		i = skip_string(s, i);
		key_end = i - 1;
		i = skip_space(s, i);
		if (i >= s->size || s->text[i] != ':')
			return fail_at(s, i, i >= s->size ? "the file ends too early" : "':' is needed here", e);
		at = skip_space(s, i + 1);
		i = skip_value(s, at);
		if ((err = span_add(s, key, key_end, at, i, e)) < 0)
			return err;
		if (i >= s->size)
			break;
		if (s->text[i] == ',') {
			i = skip_space(s, i + 1);
			if (i < s->size && s->text[i] == '}')
				return fail_at(s, i, "a field's name in double quotes is needed here", e);
		}
	}
	if (i >= s->size)
		return fail_at(s, i, "the file ends too early (is it cut short?)", e);
	if (skip_space(s, i + 1) < s->size)
		return fail_at(s, skip_space(s, i + 1), "something follows the closing '}'", e);
	return 0;
}

int json_stream_open(struct json_stream *s, const char *file, const char *text, size_t size, struct err *e)
{
	int err;

	*s = (struct json_stream){ .file = file, .text = text, .size = size };
	if ((err = scan(s, e)) < 0)
		json_stream_close(s);
	return err;
}

void json_stream_close(struct json_stream *s)
{
	free(s->spans);
	*s = (struct json_stream){ 0 };
}

const struct json_span *json_stream_find(const struct json_stream *s, const char *key)
{
	for (size_t i = 0; i < s->n; i++)
		if (!strcmp(s->spans[i].key, key))
			return strncmp(s->text + s->spans[i].at, "null", 4) ? &s->spans[i] : NULL;
	return NULL;
}

static int jansson_fail(const struct json_stream *s, size_t base, const json_error_t *je, struct err *e)
{
	size_t at = base + (je->position > 0 ? (size_t)je->position : 0);

	return fail_at(s, at < s->size ? at : s->size, je->text, e);
}

int json_stream_value(const struct json_stream *s, const struct json_span *span, json_t **out, struct err *e)
{
	json_error_t je;

	*out = json_loadb(s->text + span->at, span->size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &je);
	return *out ? 0 : jansson_fail(s, span->at, &je, e);
}

/* Where one element lies, and the member to lift out of it. */
struct cut { size_t at, end, member, member_end; };

/* Walk one object; false when its form is not plain or the member does not stand in it exactly once. */
static bool cut_find(const struct json_stream *s, size_t i, size_t end, const struct json_lift *lift, void *ctx, struct cut *cut)
{
	size_t n = strlen(lift->key), key, taken;

	*cut = (struct cut){ .at = i };
	if (i >= end || s->text[i] != '{')
		return false;
	do {
		key = i = skip_space(s, i + 1);
		if (i >= end || s->text[i] != '"')
			return false;
		i = skip_string(s, i);
		if (i >= end || s->text[i] != ':')
			return false;
		if (i - key == n + 2 && !memcmp(s->text + key + 1, lift->key, n)) {
			i = skip_space(s, i + 1);
			if (cut->member || !(taken = lift->read(ctx, s->text + i, end - i)))
				return false;
			cut->member = key;
			cut->member_end = i += taken;
		} else {
			i = skip_value(s, i + 1);
		}
		i = skip_space(s, i);
	} while (i < end && s->text[i] == ',');
	cut->end = i + 1;
	return i < end && s->text[i] == '}' && cut->member;
}

/* The element without its member, and without the comma that the member brought along. NULL when jansson finds fault. */
static json_t *cut_parse(const struct json_stream *s, const struct cut *cut, char **buffer, size_t *cap)
{
	size_t head = cut->member - cut->at, tail = skip_space(s, cut->member_end);

	if (s->text[tail] == ',') {
		tail++;
	} else {
		while (head > 1 && s->text[cut->at + head] != ',')
			head--;
	}
	*buffer = array_grow(*buffer, cap, cut->end - cut->at, 1);
	memcpy(*buffer, s->text + cut->at, head);
	memcpy(*buffer + head, s->text + tail, cut->end - tail);
	return json_loadb(*buffer, head + cut->end - tail, JSON_REJECT_DUPLICATES, NULL);
}

struct elements {
	const struct json_stream *s;
	const struct json_lift *lift;
	void *ctx;
	char *buffer;
	size_t cap;
};

/* One element as a tree; *i moves behind it. */
static json_t *element_parse(struct elements *q, size_t *i, size_t end, json_error_t *je)
{
	struct cut cut;
	json_t *v;

	if (q->lift && cut_find(q->s, *i, end, q->lift, q->ctx, &cut) && (v = cut_parse(q->s, &cut, &q->buffer, &q->cap))) {
		*i = cut.end;
		return v;
	}
	v = json_loadb(q->s->text + *i, end - *i, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_DISABLE_EOF_CHECK, je);
	*i += v ? (size_t)je->position : 0;
	return v;
}

static int each_element(struct elements *q, size_t i, size_t end, const struct json_at *list,
			int (*each)(void *ctx, const struct json_at *at, struct err *e), struct err *e)
{
	const struct json_stream *s = q->s;
	json_error_t je;
	int err;

	for (size_t index = 0; i < end; index++) {
		size_t taken = q->lift && q->lift->whole ? q->lift->whole(q->ctx, s->text + i, end - i) : 0;
		json_t *v = taken ? NULL : element_parse(q, &i, end, &je);
		struct json_at at = { .value = v, .file = s->file, .up = list, .index = index };

		if (!v && !taken)
			return jansson_fail(s, i, &je, e);
		err = v ? each(q->ctx, &at, e) : 0;
		json_decref(v);
		if (err < 0)
			return err;
		i += taken;
		i = skip_space(s, i);
		if (i < end && s->text[i] == ']')
			return skip_space(s, i + 1) >= end ? 0 : fail_at(s, i + 1, "',' or '}' is needed here", e);
		if (i >= end || s->text[i] != ',')
			return fail_at(s, i, "',' or ']' is needed here", e);
		i = skip_space(s, i + 1);
	}
	return fail_at(s, i, "the array ends too early", e);
}

int json_stream_each(const struct json_stream *s, const struct json_span *span, const struct json_lift *lift,
		     int (*each)(void *ctx, const struct json_at *at, struct err *e), void *ctx, struct err *e)
{
	struct json_at top = { .file = s->file }, list = { .file = s->file, .up = &top, .key = span->key };
	struct elements q = { .s = s, .lift = lift, .ctx = ctx };
	size_t i = span->at, end = span->at + span->size;
	int err;

	if (s->text[i] != '[')
		return json_fail(&list, e, "must be an array");
	i = skip_space(s, i + 1);
	if (i < end && s->text[i] == ']')
		return 0;
	err = each_element(&q, i, end, &list, each, e);
	free(q.buffer);
	return err;
}
