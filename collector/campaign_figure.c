/* What a load generator printed: see campaign.h. */
#include "collector/campaign.h"

#include <math.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/parse.h"

#define OUTPUT_MAX_BYTES (64u << 20)

/* The last match of the pattern's group in the output, as a number; NAN when there is none. */
double campaign_figure(const regex_t *pattern, const char *path)
{
	double found = NAN, v;
	struct err e = { 0 };
	regmatch_t m[2];
	size_t size;
	char *text;

	if (file_read(path, OUTPUT_MAX_BYTES, &text, &size, &e) < 0)
		return NAN;
	for (char *p = text; !regexec(pattern, p, 2, m, p == text ? 0 : REG_NOTBOL); p += m[0].rm_eo > 0 ? m[0].rm_eo : 1) {
		char number[64];

		snprintf(number, sizeof(number), "%.*s", (int)(m[1].rm_eo - m[1].rm_so), p + m[1].rm_so);
		if (!parse_f64(number, &v) && v > 0)
			found = v;
		if (!p[m[0].rm_eo])
			break;
	}
	free(text);
	return found;
}
