/*
 * Options as table rows: one row drives parsing, --help, the man page and shell completion.
 *
 * A verb's options live in one static struct of that verb; each row says where its value goes (offsetof). Defaults are
 * text in the same row and go through the same parser, so help and reality cannot disagree.
 */
#ifndef BASE_OPT_H
#define BASE_OPT_H

#include <stddef.h>
#include <stdio.h>

#include "base/err.h"

enum opt_kind {
	OPT_FLAG,      /* bool, no argument */
	OPT_STR,       /* const char *, borrowed from argv */
	OPT_LIST,      /* struct opt_list: may be given several times */
	OPT_U64,       /* uint64_t */
	OPT_F64,       /* double */
	OPT_SIZE,      /* uint64_t bytes */
	OPT_DURATION,  /* uint64_t ns */
	OPT_RATIO,     /* double; "5%" = 0.05 */
};

struct opt_list {
	const char **v;
	size_t n, cap;
};

struct opt {
	const char *name;     /* long name, without dashes */
	char key;             /* one-letter name, or 0 */
	enum opt_kind kind;
	size_t offset;        /* of the value in the verb's option struct */
	const char *arg;      /* what the argument is called in help: "FILE"; choices as "text|json" are checked */
	const char *min, *max, *def; /* texts in the option's own unit; NULL = none */
	const char *help;
};

/* What stands behind the options. argv[0..argc) are operands; after "--" everything is `rest`. */
struct operands {
	char **argv;
	int argc;
	char **rest;
	int nrest;
};

struct verb {
	const char *name;
	const char *operands;      /* "SESSION.db|PLAN.json…", for help; NULL = none */
	const char *summary;       /* one line */
	const char *details;       /* paragraphs for --help and the man page; may be NULL */
	const char *(*kind)(size_t i, const char **help); /* what KIND may be, for help: the i-th name, NULL behind the last; may be NULL */
	const struct opt *opts;    /* ends with a row whose name is NULL; may be NULL */
	void *values;              /* the verb's option struct */
	int min_operands, max_operands;  /* max -1 = any number */
	int (*run)(const struct operands *op, struct err *e); /* exit status >= 0, or -errno with *e filled */
};

/* Parse argv (behind the verb's name) into verb->values. 0, -errno, or 1 when --help was asked for. argv is permuted. */
int opt_parse(const struct verb *verb, int argc, char **argv, struct operands *op, struct err *e);

/* --help text; option rows as troff for the man page. */
void opt_help(const struct verb *verb, FILE *out);
void opt_man(const struct verb *verb, FILE *out);

/* Table check for debug start-up: names unique, defaults parse and lie in their range. Aborts on our own mistake. */
void opt_check(const struct verb *verb);

#endif
