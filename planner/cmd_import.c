/* cotenant import KIND INPUT… -o instance.json: foreign instances into ours. */
#include <errno.h>

#include "base/opt.h"
#include "planner/kind.h"

static struct { const char *output; } values;

static const struct opt opts[] = {
	{ "output", 'o', OPT_STR, 0, "FILE", NULL, NULL, "-", "where to write; - is standard output" },
	{ 0 },
};

static int run(const struct operands *op, struct err *e)
{
	const struct kind *k = kind_find(op->argv[0], kind_import_name, e);
	int err;

	if (!k)
		return e->code;
	if (!k->import)
		return err_set(e, -EINVAL, "%s can be exported only; cotenant import --help lists what can be imported", k->name);
	err = k->import(op->argv + 1, op->argc - 1, values.output, e);
	return err < 0 ? err : STATUS_DONE;
}

const struct verb verb_import = { .name = "import", .operands = "KIND INPUT…", .summary = "turn a foreign file into an instance, or into what fit reads",
	.kind = kind_import_name, .opts = opts, .values = &values,
	.min_operands = 2, .max_operands = -1, .run = run };
