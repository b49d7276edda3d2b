/*
 * What all foreign forms of instances and answers share: count the inputs, write the instance; open, write and commit the
 * answer. A form brings only its reader and its writer; names of nodes and services in the answer are those of its reader.
 */
#ifndef PLANNER_IMPORT_FORM_H
#define PLANNER_IMPORT_FORM_H

#include <stdio.h>

#include "base/err.h"
#include "planner/instance/instance.h"
#include "planner/plan.h"

struct form {
	const char *name, *operands;
	int min_paths, max_paths;
	struct instance *(*read)(char *const *paths, int n_paths, struct err *e); /* NULL on error */
	int (*write)(const struct instance *in, const int32_t *item_node, FILE *out, struct err *e);
};

extern const struct form form_roadef2012, form_tianchi2018; /* their readers alone, for tests */

int form_import(const struct form *f, char *const *paths, int n_paths, const char *output, struct err *e);
int form_export(const struct form *f, const struct instance *in, const struct plan *p, const char *output, struct err *e);

#endif
