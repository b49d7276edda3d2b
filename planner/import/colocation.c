/* Measured co-locations of others, CSV (docs/colocation.md), into the form that `fit` reads: checked line by line. */
#include <errno.h>

#include "planner/kind.h"
#include "planner/model/coloc.h"

static int colocation_import(char *const *inputs, int n_inputs, const char *output, struct err *e)
{
	struct coloc *c;
	int err = 0;

	if (n_inputs < 1)
		return err_set(e, -EINVAL, "import colocation takes one or more FILE.csv");
	c = coloc_new(inputs[0]);
	for (int i = 0; i < n_inputs && !err; i++)
		err = coloc_add(c, inputs[i], e);
	if (!err)
		err = coloc_write(c, output, true, e);
	coloc_free(c);
	return err;
}

const struct kind kind_colocation = {
	.name = "colocation", .help = "measured slowdowns, victim beside neighbours: CSV or JSON files; what fit learns from (docs/colocation.md)", .import = colocation_import,
};
