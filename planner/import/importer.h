/*
 * Foreign forms of instances and of answers: one row per form, one file per form.
 *
 * An importer turns the user's files into an instance (caller instance_free()s it). An exporter writes a placement the
 * way the form's own checkers want it, so that others can judge it; names of nodes and services are those the
 * importer gave.
 */
#ifndef PLANNER_IMPORT_IMPORTER_H
#define PLANNER_IMPORT_IMPORTER_H

#include <stdio.h>

#include "base/err.h"
#include "planner/instance.h"

struct importer {
	const char *name, *operands, *help;
	int min_paths, max_paths;
	struct instance *(*read)(char *const *paths, int n_paths, struct err *e); /* NULL on error */
};

struct exporter {
	const char *name, *help;
	int (*write)(const struct instance *in, const int32_t *item_node, FILE *out, struct err *e);
};

extern const struct importer importer_fleet, importer_roadef2012, importer_tianchi2018;
extern const struct exporter exporter_roadef2012, exporter_tianchi2018;

/* All of them, in planner/import/table.c; each ends with NULL. */
extern const struct importer *const importers[];
extern const struct exporter *const exporters[];

#endif
