/*
 * Import and export of foreign forms; see form.h.
 */
#include "planner/import/form.h"

#include <errno.h>

#include "base/file.h"

int form_import(const struct form *f, char *const *paths, int n_paths, const char *output, struct err *e)
{
	struct instance *in;
	int err;

	if (n_paths < f->min_paths || n_paths > f->max_paths)
		return err_set(e, -EINVAL, "import %s takes %s", f->name, f->operands);
	in = f->read(paths, n_paths, e);
	if (!in)
		return e->code;
	err = instance_write(in, output, e);
	instance_free(in);
	return err;
}

int form_export(const struct form *f, const struct instance *in, const struct plan *p, const char *output, struct err *e)
{
	struct file_out out = { 0 };
	int err = file_out_open(&out, output, true, e);

	if (err)
		return err;
	err = f->write(in, p->item_node, out.stream, e);
	if (err) {
		file_out_abort(&out);
		return err;
	}
	return file_out_commit(&out, e);
}
