/*
 * Foreign formats: one file per kind exports one row; planner/kind.c lists them. import writes an instance (docs/instance.md)
 * from the inputs; export writes a plan in the kind's own form. Either may be NULL.
 */
#ifndef PLANNER_KIND_H
#define PLANNER_KIND_H

#include "base/err.h"
#include "planner/instance.h"
#include "planner/plan.h"

struct kind {
	const char *name, *help;
	int (*import)(char *const *inputs, int n_inputs, const char *output, struct err *e);
	int (*export)(const struct instance *in, const struct plan *p, const char *output, struct err *e);
};

extern const struct kind *const kinds[];  /* NULL-terminated */
const struct kind *kind_find(const char *name, struct err *e); /* NULL: the message lists the known ones */

#endif
