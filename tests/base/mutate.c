/* See mutate.h. */
#include "tests/base/mutate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "tests/base/setting.h"

#define CUTS_MOST 4          /* damages in one file */
#define PIECE_MOST 60        /* bytes that are doubled or cut out */

static const char *const pieces[] = {
	"-1", "0", "1", "999999", "4294967296", "9223372036854775807", "-9223372036854775808", "99999999999999999999", "1e308", "1e-400", "0.5", "nan", "inf",
	"null", "true", "\"\"", "\"a\"", "{}", "[]", "[[", "]", "}", ",", ",,", ";", ":", "|", "\n", "\n\n", "\r\n", " ", "\t", "#", "\xff", "\xef\xbb\xbf", "\\", "\\u0000", "\"", "\x1f\x8b",
};

/* Replace text[at, at + cut) by `piece`. */
static char *splice(char *text, size_t *size, size_t at, size_t cut, const char *piece, size_t length)
{
	char *out = mem_alloc(*size - cut + length + 1, 1);

	memcpy(out, text, at);
	memcpy(out + at, piece, length);
	memcpy(out + at + length, text + at + cut, *size - at - cut);
	*size += length - cut;
	out[*size] = '\0';
	free(text);
	return out;
}

static size_t number_length(const char *text)
{
	return strspn(text, "-+.eE0123456789");
}

static char *damage(struct rng *r, char *text, size_t *size)
{
	size_t at = rng_below(r, (uint32_t)*size + 1), left = *size - at, length = rng_below(r, PIECE_MOST) + 1;
	const char *piece = pieces[rng_below(r, sizeof(pieces) / sizeof(pieces[0]))];
	char byte = (char)rng_below(r, 256), copy[PIECE_MOST + 1];

	length = length < left ? length : left;
	switch (rng_below(r, 7)) {
	case 0:                  /* one byte */
		return splice(text, size, at, left > 0, &byte, 1);
	case 1:                  /* something put in */
		return splice(text, size, at, 0, piece, strlen(piece));
	case 2:                  /* something cut out */
		return splice(text, size, at, length, "", 0);
	case 3:                  /* something doubled */
		memcpy(copy, text + at, length);
		return splice(text, size, at, 0, copy, length);
	case 4:                  /* the end missing */
		return splice(text, size, at, rng_below(r, 8) ? 0 : left, "", 0);
	default:                 /* the next number another */
		for (; left && (text[at] < '0' || text[at] > '9'); left--)
			at++;
		return splice(text, size, at, number_length(text + at), piece, strlen(piece));
	}
}

char *mutate(struct rng *r, const char *text, size_t *size)
{
	char *out = mem_alloc(*size + 1, 1);

	memcpy(out, text, *size);
	for (uint32_t n = rng_below(r, CUTS_MOST) + 1; n; n--)
		out = damage(r, out, size);
	return out;
}

static void put(const char *path, const char *text, size_t size)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, size, f), size);
	assert_int_equal(fclose(f), 0);
}

static void judge(const struct parser *p, uint64_t round, int status, const struct err *e)
{
	if (status >= 0)
		return;
	if (!e->text[0] || strchr(e->text, '\n'))
		fail_msg("%s, round %llu: refused with \"%s\"; one line is due", p->name, (unsigned long long)round, e->text);
}

static size_t size_of(const struct parser *p, uint32_t file)
{
	return p->size[file] ? p->size[file] : strlen(p->text[file]);
}

void parser_fuzz(const struct parser *p)
{
	char folder[] = "/tmp/cotenant-fuzz-XXXXXX", *paths[MUTATE_FILES];
	uint64_t rounds = setting("FUZZ_ROUNDS", p->rounds ? p->rounds : MUTATE_ROUNDS), taken = 0;
	struct rng r;
	int n = 0;

	assert_non_null(mkdtemp(folder));
	for (; n < MUTATE_FILES && p->file[n]; n++) {
		paths[n] = str_fmt("%s/%s", folder, p->file[n]);
		put(paths[n], p->text[n], size_of(p, (uint32_t)n));
	}
	for (uint64_t round = 0; round <= rounds; round++) { /* the first with the valid files */
		struct err e = { 0 };
		uint32_t which;
		size_t size;
		char *text;
		int status;

		rng_seed_stream(&r, setting("FUZZ_SEED", 1), round);
		which = rng_below(&r, (uint32_t)n);
		size = size_of(p, which);
		if (round) {
			text = mutate(&r, p->text[which], &size);
			put(paths[which], text, size);
			free(text);
		}
		status = p->read(paths, n, &e);
		if (!round && status < 0)
			fail_msg("%s: the valid file is refused: %s", p->name, e.text);
		judge(p, round, status, &e);
		taken += status >= 0;
		put(paths[which], p->text[which], size_of(p, which));
	}
	printf("figure: %s: %llu damaged files, %llu taken\n", p->name, (unsigned long long)rounds, (unsigned long long)taken - 1);
	for (int i = 0; i < n; i++) {
		unlink(paths[i]);
		free(paths[i]);
	}
	assert_int_equal(rmdir(folder), 0);
}
