/* `cotenant import KIND INPUT… -o FILE`: foreign forms into an instance. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/opt.h"
#include "planner/import/importer.h"

static struct import_values {
	const char *output;
} values;

static const struct opt opts[] = {
	{ "output", 'o', OPT_STR, offsetof(struct import_values, output), "FILE", NULL, NULL, "-", "where to write; - is standard output" },
	{ 0 },
};

static int kinds_list(const char *given, struct err *e)
{
	char known[256] = "";
	size_t n = 0;

	for (size_t i = 0; importers[i] && n < sizeof(known); i++)
		n += (size_t)snprintf(known + n, sizeof(known) - n, "%s%s", i ? ", " : "", importers[i]->name);
	return err_set(e, -EINVAL, "unknown kind \"%.40s\"; known are %s", given, known);
}

static int run(const struct operands *op, struct err *e)
{
	const struct importer *im = NULL;
	struct instance *in;
	int err, n = op->argc - 1;

	for (size_t i = 0; importers[i] && !im; i++)
		if (!strcmp(importers[i]->name, op->argv[0]))
			im = importers[i];
	if (!im)
		return kinds_list(op->argv[0], e);
	if (n < im->min_paths || n > im->max_paths)
		return err_set(e, -EINVAL, "import %s takes %s, got %d operands", im->name, im->operands, n);
	in = im->read(op->argv + 1, n, e);
	if (!in)
		return e->code;
	err = instance_write(in, values.output, e);
	instance_free(in);
	return err < 0 ? err : STATUS_DONE;
}

const struct verb verb_import = {
	.name = "import",
	.operands = "KIND INPUT…",
	.summary = "turn other forms of data into an instance to plan",
	.opts = opts,
	.values = &values,
	.min_operands = 1,
	.max_operands = -1,
	.run = run,
};
