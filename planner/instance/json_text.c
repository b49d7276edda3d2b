/* Escaping for JSON that is too large to build as a tree: see json_text.h. */
#include "planner/instance/json_text.h"

#include <stdbool.h>

static bool is_plain(char c)
{
	return (unsigned char)c >= 0x20 && c != '"' && c != '\\';
}

void json_text(FILE *f, const char *text)
{
	const char *end;

	putc('"', f);
	for (;; text = end + 1) {
		for (end = text; is_plain(*end); end++)
			;
		fwrite(text, 1, (size_t)(end - text), f);
		if (!*end)
			break;
		fprintf(f, *end == '"' || *end == '\\' ? "\\%c" : "\\u%04x", *end);
	}
	putc('"', f);
}
