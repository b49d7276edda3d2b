/*
 * Escaping for HTML, JSON, CSV and terminals: see escape.h. UTF-8 validity after RFC 3629: no overlong forms, no
 * surrogates, nothing beyond U+10FFFF.
 */
#include "reports/escape.h"

#include <string.h>

#define REPLACEMENT 0xfffdu

uint32_t utf8_next(const char **s)
{
	const unsigned char *p = (const unsigned char *)*s;
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	int n = p[0] < 0x80 ? 1 : (p[0] & 0xe0) == 0xc0 ? 2 : (p[0] & 0xf0) == 0xe0 ? 3 : (p[0] & 0xf8) == 0xf0 ? 4 : 0;
	uint32_t c;

	(*s)++;
	if (n < 2)
		return n ? p[0] : REPLACEMENT;
	c = p[0] & (0x7fu >> n);
	for (int i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return REPLACEMENT;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return REPLACEMENT;
	*s += n - 1;
	return c;
}

static void put(FILE *out, uint32_t c)
{
	if (c < 0x80) {
		fputc((int)c, out);
	} else if (c < 0x800) {
		fprintf(out, "%c%c", (int)(0xc0 | c >> 6), (int)(0x80 | (c & 0x3f)));
	} else if (c < 0x10000) {
		fprintf(out, "%c%c%c", (int)(0xe0 | c >> 12), (int)(0x80 | (c >> 6 & 0x3f)), (int)(0x80 | (c & 0x3f)));
	} else {
		fprintf(out, "%c%c%c%c", (int)(0xf0 | c >> 18), (int)(0x80 | (c >> 12 & 0x3f)), (int)(0x80 | (c >> 6 & 0x3f)),
			(int)(0x80 | (c & 0x3f)));
	}
}

/* C0, DEL, C1, and the marks that turn text around: nothing that steers a terminal or hides what a name says. */
static int is_control(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

size_t text_width(const char *s)
{
	size_t width = 0;

	while (*s) {
		uint32_t c = utf8_next(&s);

		if ((c >= 0x300 && c < 0x370) || c == 0x200d || (c >= 0xfe00 && c < 0xfe10))
			continue;
		width += 1 + ((c >= 0x1100 && c < 0x1160) || (c >= 0x2e80 && c < 0xa4d0) || (c >= 0xac00 && c < 0xd7a4) ||
			      (c >= 0xf900 && c < 0xfb00) || (c >= 0xff00 && c < 0xff61) || (c >= 0x1f300 && c < 0x1fb00));
	}
	return width;
}

void write_html(FILE *out, const char *s)
{
	while (*s) {
		uint32_t c = utf8_next(&s);

		switch (c) {
		case '<': fputs("&lt;", out); break;
		case '>': fputs("&gt;", out); break;
		case '&': fputs("&amp;", out); break;
		case '"': fputs("&quot;", out); break;
		case '\'': fputs("&#39;", out); break;
		default: put(out, is_control(c) ? REPLACEMENT : c);
		}
	}
}

void write_json(FILE *out, const char *s)
{
	fputc('"', out);
	while (*s) {
		uint32_t c = utf8_next(&s);

		if (c == '"' || c == '\\')
			fprintf(out, "\\%c", (int)c);
		else if (is_control(c))
			fprintf(out, "\\u%04x", c);
		else
			put(out, c);
	}
	fputc('"', out);
}

void write_csv(FILE *out, const char *s)
{
	if (!s[strcspn(s, ",\"\r\n")]) {
		while (*s)
			put(out, utf8_next(&s));
		return;
	}
	fputc('"', out);
	while (*s) {
		uint32_t c = utf8_next(&s);

		if (c == '"')
			fputc('"', out);
		put(out, c);
	}
	fputc('"', out);
}

void write_plain(FILE *out, const char *s)
{
	while (*s) {
		uint32_t c = utf8_next(&s);

		put(out, is_control(c) ? REPLACEMENT : c);
	}
}
