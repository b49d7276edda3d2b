/*
 * Foreign formats: one file per kind exports one row; planner/kind.c lists them. import writes an instance (docs/instance.md)
 * from the inputs; export writes a plan in the kind's own form. Either may be NULL.
 */
#ifndef PLANNER_KIND_H
#define PLANNER_KIND_H

#include <stddef.h>

#include "base/err.h"
#include "planner/instance/instance.h"
#include "planner/plan.h"

struct kind {
	const char *name, *help;
	int (*import)(char *const *inputs, int n_inputs, const char *output, struct err *e);
	int (*export)(const struct instance *in, const struct plan *p, const char *output, struct err *e);
};

extern const struct kind *const kinds[];  /* NULL-terminated */
const char *kind_import_name(size_t i, const char **help); /* of those that can be imported, exported: the i-th; NULL behind the last */
const char *kind_export_name(size_t i, const char **help);
typedef const char *kind_namer(size_t i, const char **help);
const struct kind *kind_find(const char *name, kind_namer *of, struct err *e); /* NULL: the message lists those that `of` names */

#endif
