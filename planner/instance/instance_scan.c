/*
 * Amounts of a JSON instance straight from its text: a fleet's curves are nearly all of its file. Only the plain form is taken
 * (known resources, integers without sign, fraction or exponent, one per slot); anything else is left to the parser, which
 * finds the words for what is wrong (json_stream.h).
 */
#include "planner/instance/instance_scan.h"

#include <string.h>

#include "base/mem.h"
#include "base/parse.h"
#include "planner/instance/instance_read.h"

#define DIGITS_MAX 18 /* below 2^62 whatever they are */
#define NUMBER_MAX 32

static void skip(struct scan *s)
{
	while (s->at < s->end && (*s->at == ' ' || *s->at == '\n' || *s->at == '\t' || *s->at == '\r'))
		s->at++;
}

bool scan_take(struct scan *s, char c)
{
	skip(s);
	if (s->at == s->end || *s->at != c)
		return false;
	s->at++;
	return true;
}

static bool is_digit(const char *at, const char *end)
{
	return at < end && (unsigned)(*at - '0') < 10;
}

/* The innermost loop of reading a fleet: the place is kept out of memory. */
bool scan_amount(struct scan *s, int64_t *out)
{
	const char *first, *at;
	uint64_t v = 0;

	skip(s);
	for (first = at = s->at; is_digit(at, s->end); at++)
		v = v * 10 + (uint64_t)(*at - '0'); /* of more digits than are taken, whatever it is */
	s->at = at;
	*out = (int64_t)v;
	return at > first && at - first <= DIGITS_MAX && (*first != '0' || at - first == 1) && at < s->end && *at != '.' && *at != 'e' && *at != 'E';
}

bool scan_text(struct scan *s, char out[SCAN_TEXT_MAX])
{
	size_t n = 0;

	if (!scan_take(s, '"'))
		return false;
	for (; s->at < s->end && *s->at != '"'; s->at++) {
		if (n + 1 == SCAN_TEXT_MAX || *s->at == '\\' || *s->at < 0x20 || *s->at > 0x7e)
			return false;
		out[n++] = *s->at;
	}
	out[n] = 0;
	return n && scan_take(s, '"');
}

bool scan_number(struct scan *s, double *out)
{
	char text[NUMBER_MAX] = "";
	const char *first, *point;

	skip(s);
	for (first = s->at; is_digit(s->at, s->end); s->at++)
		;
	if (s->at == first || (*first == '0' && s->at - first > 1))
		return false;
	if (s->at < s->end && *s->at == '.')
		for (point = s->at++; is_digit(s->at, s->end); s->at++)
			if (s->at - point >= NUMBER_MAX)
				return false;
	if (s->at == s->end || s->at[-1] == '.' || *s->at == 'e' || *s->at == 'E' || s->at - first >= NUMBER_MAX)
		return false;
	memcpy(text, first, (size_t)(s->at - first));
	return !parse_f64(text, out);
}

/* Resources usually stand in their own order: guess is the one to try first. */
static const struct resource *name(struct scan *s, const struct instance *in, uint32_t guess)
{
	const char *first, *last;

	if (!scan_take(s, '"') || !(last = memchr(s->at, '"', (size_t)(s->end - s->at))))
		return NULL;
	first = s->at;
	s->at = last + 1;
	for (uint32_t k = 0; k < in->n_resources; k++) {
		const struct resource *r = &in->resources[(guess + k) % in->n_resources];

		if (!strncmp(r->name, first, (size_t)(last - first)) && !r->name[last - first])
			return scan_take(s, ':') ? r : NULL;
	}
	return NULL;
}

static bool curve(struct scan *s, const struct resource *r, int64_t *row)
{
	uint32_t t = 0;

	do {
		if (t == r->slots || !scan_amount(s, &row[t++]))
			return false;
	} while (scan_take(s, ','));
	return t == r->slots && scan_take(s, ']');
}

size_t instance_scan_columns(void *reader, const char *text, size_t size)
{
	struct instance_reader *r = reader;
	const struct instance *in = r->in;
	struct scan s = { text, text + size };
	const struct resource *res;
	uint32_t next = 0;

	r->row = array_grow(r->row, &r->cap_row, in->n_columns, sizeof(*r->row));
	for (uint32_t c = 0; c < in->n_columns; c++)
		r->row[c] = -1;
	if (!in->n_resources || !scan_take(&s, '{'))
		return 0;
	do {
		int64_t *row;

		if (!(res = name(&s, in, next)) || r->row[res->column] >= 0)
			return 0;
		row = r->row + res->column;
		next = (uint32_t)(res - in->resources) + 1;
		if (scan_take(&s, '[')) {
			if (!curve(&s, res, row))
				return 0;
			continue;
		}
		if (!scan_amount(&s, row))
			return 0;
		for (uint32_t t = 1; t < res->slots; t++)
			row[t] = row[0];
	} while (scan_take(&s, ','));
	if (!scan_take(&s, '}'))
		return 0;
	for (uint32_t c = 0; c < in->n_columns; c++)
		r->row[c] = r->row[c] < 0 ? 0 : r->row[c];
	r->lifted = true;
	return (size_t)(s.at - text);
}
