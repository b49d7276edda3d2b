/*
 * cotenant: which services get along on one node, and how to pack them.
 *
 * Every verb is one cmd_*.c that exports one `struct verb`; this file finds the verb, parses its options from the verb's
 * table, runs it, and turns a failure into one message and the documented exit status.
 */
#include <gsl/gsl_errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/opt.h"

#ifndef COTENANT_VERSION
#define COTENANT_VERSION "0.1"
#endif

/* One line here and one cmd_*.c make a new verb. Order = order in --help. */
#define VERBS(row) \
	row(doctor) \
	row(record) \
	row(top) \
	row(agent) \
	row(run) \
	row(press) \
	row(campaign) \
	row(import) \
	row(fit) \
	row(predict) \
	row(plan) \
	row(verify) \
	row(replay) \
	row(report) \
	row(export)

#define DECLARE(name) extern const struct verb verb_##name;
#define ROW(name) &verb_##name,

VERBS(DECLARE)

static const struct verb *const verbs[] = { VERBS(ROW) NULL };


static void usage(FILE *out)
{
	fputs("usage: cotenant VERB [OPTION…] [OPERAND…]\n\n"
	      "Measures which services delay each other on a node, through which resource, and packs them onto the\n"
	      "fewest nodes within their slowdown limits.\n\nverbs:\n", out);
	for (size_t i = 0; verbs[i]; i++)
		fprintf(out, "  %-10s %s\n", verbs[i]->name, verbs[i]->summary);
	fputs("\ncotenant VERB --help explains one verb; cotenant --version prints the version.\n"
	      "exit status: 0 done, 1 found violations, 2 usage or input, 3 the environment lacks something\n", out);
}

/* Material for the man page and the shell completion, written by the Makefile: `cotenant --man`, `--completion`. */
static void man(void)
{
	for (size_t i = 0; verbs[i]; i++)
		opt_man(verbs[i], stdout);
}

static void completion(void)
{
	for (size_t i = 0; verbs[i]; i++) {
		fputs(verbs[i]->name, stdout);
		for (const struct opt *o = verbs[i]->opts; o && o->name; o++)
			printf(" --%s", o->name);
		putchar('\n');
	}
}

static int run(const struct verb *verb, int argc, char **argv)
{
	struct err e = { 0 };
	struct operands op;
	int status;

#ifndef NDEBUG
	opt_check(verb);
#endif
	status = opt_parse(verb, argc, argv, &op, &e);
	if (status == 1) {
		opt_help(verb, stdout);
		return STATUS_DONE;
	}
	if (!status)
		status = verb->run(&op, &e);
	if (status >= 0)
		return status;
	fflush(stdout);
	fprintf(stderr, "cotenant %s: %s\n", verb->name, e.text[0] ? e.text : strerror(-status));
	if (!e.code)
		e.code = status;
	return err_exit_status(&e);
}

int main(int argc, char **argv)
{
	gsl_set_error_handler_off();
	if (argc < 2) {
		usage(stderr);
		return STATUS_USAGE;
	}
	for (size_t i = 0; verbs[i]; i++)
		if (!strcmp(argv[1], verbs[i]->name))
			return run(verbs[i], argc - 2, argv + 2);
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help"))
		usage(stdout);
	else if (!strcmp(argv[1], "--version"))
		puts("cotenant " COTENANT_VERSION);
	else if (!strcmp(argv[1], "--man"))
		man();
	else if (!strcmp(argv[1], "--completion"))
		completion();
	else {
		fprintf(stderr, "cotenant: unknown verb \"%s\"; cotenant --help lists them\n", argv[1]);
		return STATUS_USAGE;
	}
	return STATUS_DONE;
}
