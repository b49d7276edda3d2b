/* `cotenant export KIND instance.json plan.json -o FILE`: an answer in the form that others' checkers judge. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/opt.h"
#include "planner/import/importer.h"
#include "planner/plan.h"

static struct export_values {
	const char *output;
} values;

static const struct opt opts[] = {
	{ "output", 'o', OPT_STR, offsetof(struct export_values, output), "FILE", NULL, NULL, "-", "where to write; - is standard output" },
	{ 0 },
};

static const struct exporter *find(const char *name, struct err *e)
{
	char known[256] = "";
	size_t n = 0;

	for (size_t i = 0; exporters[i]; i++) {
		if (!strcmp(exporters[i]->name, name))
			return exporters[i];
		if (n < sizeof(known))
			n += (size_t)snprintf(known + n, sizeof(known) - n, "%s%s", i ? ", " : "", exporters[i]->name);
	}
	err_set(e, -EINVAL, "unknown kind \"%.40s\"; known are %s", name, known);
	return NULL;
}

static int run(const struct operands *op, struct err *e)
{
	const struct exporter *ex = find(op->argv[0], e);
	struct instance *in = NULL;
	struct plan *plan = NULL;
	struct file_out out = { 0 };
	int err;

	if (!ex)
		return e->code;
	if (!(in = instance_read(op->argv[1], e)) || !(plan = plan_read(in, op->argv[2], e))) {
		err = e->code;
		goto done;
	}
	if ((err = file_out_open(&out, values.output, true, e)) < 0 || (err = ex->write(in, plan->item_node, out.stream, e)) < 0)
		goto done;
	err = file_out_commit(&out, e);
done:
	file_out_abort(&out);
	plan_free(plan);
	instance_free(in);
	return err < 0 ? err : STATUS_DONE;
}

const struct verb verb_export = {
	.name = "export",
	.operands = "KIND INSTANCE.json PLAN.json",
	.summary = "write a plan in the form that another program reads",
	.opts = opts,
	.values = &values,
	.min_operands = 3,
	.max_operands = 3,
	.run = run,
};
