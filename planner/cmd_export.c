/* cotenant export KIND instance.json plan.json -o FILE: a plan in a competition's or a platform's own form. */
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
	const struct kind *k = kind_find(op->argv[0], kind_export_name, e);
	struct instance *in = NULL;
	struct plan *p = NULL;
	int err;

	if (!k)
		return e->code;
	if (!k->export)
		return err_set(e, -EINVAL, "%s can be imported only; cotenant export --help lists what can be exported", k->name);
	if ((in = instance_read(op->argv[1], e)) && (p = plan_read(in, op->argv[2], e)))
		err = k->export(in, p, values.output, e);
	else
		err = e->code;
	plan_free(p);
	instance_free(in);
	return err < 0 ? err : STATUS_DONE;
}

const struct verb verb_export = { .name = "export", .operands = "KIND INSTANCE.json PLAN.json", .summary = "write a plan in another program's form",
	.kind = kind_export_name, .opts = opts, .values = &values, .min_operands = 3, .max_operands = 3, .run = run };
