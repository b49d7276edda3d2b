/* See setting.h. */
#include "tests/base/setting.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/parse.h"

uint64_t setting(const char *name, uint64_t usual)
{
	const char *text = getenv(name);
	uint64_t value = usual;

	if (text && parse_u64(text, &value)) {
		fprintf(stderr, "%s=%s: must be a whole number\n", name, text);
		exit(2);
	}
	return value;
}
