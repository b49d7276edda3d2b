/* Strict number parsing: see parse.h. A scaled value is computed in long double (64-bit mantissa), so every u64 is exact. */
#include "base/parse.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct unit {
	const char *suffix;
	uint64_t factor;
};

static const struct unit size_units[] = {
	{ "", 1 }, { "B", 1 },
	{ "K", 1ull << 10 }, { "M", 1ull << 20 }, { "G", 1ull << 30 }, { "T", 1ull << 40 },
	{ "KiB", 1ull << 10 }, { "MiB", 1ull << 20 }, { "GiB", 1ull << 30 }, { "TiB", 1ull << 40 },
	{ "kB", 1000ull }, { "MB", 1000000ull }, { "GB", 1000000000ull }, { "TB", 1000000000000ull },
	{ NULL, 0 },
};

static const struct unit duration_units[] = {
	{ "", 1000000000ull }, { "ns", 1 }, { "us", 1000 }, { "ms", 1000000 }, { "s", 1000000000ull },
	{ "m", 60000000000ull }, { "h", 3600000000000ull }, { "d", 86400000000000ull },
	{ NULL, 0 },
};

static bool digits(const char *s)
{
	return isdigit((unsigned char)*s);
}

int parse_u64(const char *text, uint64_t *out)
{
	char *end;
	unsigned long long v;

	if (!digits(text))
		return -EINVAL;
	errno = 0;
	v = strtoull(text, &end, 10);
	if (*end)
		return -EINVAL;
	if (errno)
		return -ERANGE;
	*out = v;
	return 0;
}

int parse_i64(const char *text, int64_t *out)
{
	char *end;
	long long v;

	if (!digits(text + (*text == '-')))
		return -EINVAL;
	errno = 0;
	v = strtoll(text, &end, 10);
	if (*end)
		return -EINVAL;
	if (errno)
		return -ERANGE;
	*out = v;
	return 0;
}

/* A plain decimal number at the start of text; *end is set behind it. Refuses hex, nan, inf and leading blanks. */
static int decimal(const char *text, long double *out, const char **end)
{
	const char *p = text + (*text == '-');
	char *stop;

	if (!digits(p) && !(*p == '.' && digits(p + 1)))
		return -EINVAL;
	if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X'))
		return -EINVAL;
	errno = 0;
	*out = strtold(text, &stop);
	*end = stop;
	if (errno || !isfinite(*out))
		return -ERANGE;
	return 0;
}

int parse_f64(const char *text, double *out)
{
	const char *end;
	long double v;
	int err;

	if ((err = decimal(text, &v, &end)) < 0)
		return err;
	if (*end)
		return -EINVAL;
	*out = (double)v;
	return isfinite(*out) ? 0 : -ERANGE;
}

static int scaled(const char *text, const struct unit *u, uint64_t *out)
{
	const char *end;
	long double v;
	int err;

	if ((err = decimal(text, &v, &end)) < 0)
		return err;
	for (; u->suffix; u++)
		if (!strcmp(end, u->suffix))
			break;
	if (!u->suffix || *text == '-')
		return -EINVAL;
	v = roundl(v * (long double)u->factor);
	if (v >= 18446744073709551616.0L)
		return -ERANGE;
	*out = (uint64_t)v;
	return 0;
}

int parse_size(const char *text, uint64_t *out_bytes)
{
	return scaled(text, size_units, out_bytes);
}

int parse_duration(const char *text, uint64_t *out_ns)
{
	return scaled(text, duration_units, out_ns);
}

int parse_ratio(const char *text, double *out_ratio)
{
	const char *end;
	long double v;
	int err;

	if ((err = decimal(text, &v, &end)) < 0)
		return err;
	if (!strcmp(end, "%"))
		v /= 100;
	else if (*end)
		return -EINVAL;
	*out_ratio = (double)v;
	return 0;
}
