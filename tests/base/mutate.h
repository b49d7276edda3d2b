/*
 * Fuzzing by mutation: valid texts are damaged in a seeded way and given to a parser, which must take them or refuse them with
 * a message of one line. Crashes and reads beyond the end are what the sanitizers are for (make asan).
 *
 * FUZZ_ROUNDS=n in the environment: so many damaged files per parser; FUZZ_SEED=s: others than usual.
 */
#ifndef TESTS_BASE_MUTATE_H
#define TESTS_BASE_MUTATE_H

#include <stddef.h>

#include "base/err.h"
#include "base/rng.h"

#define MUTATE_FILES 4

struct parser {
	const char *name;
	const char *file[MUTATE_FILES], *text[MUTATE_FILES]; /* names in a folder made for it, and contents; NULL = no more */
	size_t size[MUTATE_FILES]; /* 0: the text is one, and this its length */
	int (*read)(char *const *paths, int n, struct err *e); /* < 0: refused */
	unsigned rounds;         /* 0 = MUTATE_ROUNDS */
};

#define MUTATE_ROUNDS 1500

/* Runs one parser over its damaged files; fails the running cmocka test where a refusal has no message of one line. */
void parser_fuzz(const struct parser *p);

/* One damaged copy of text; *size becomes its size. free() it. */
char *mutate(struct rng *r, const char *text, size_t *size);

#endif
