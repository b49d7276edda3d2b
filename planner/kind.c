/* The table of foreign formats: one line here and one file in planner/import/ make a new kind. */
#include "planner/kind.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define KINDS(row) \
	row(fleet) \
	row(vbp) \
	row(colocation) \
	row(roadef2012) \
	row(tianchi2018)

#define DECLARE(name) extern const struct kind kind_##name;
#define ROW(name) &kind_##name,

KINDS(DECLARE)

const struct kind *const kinds[] = { KINDS(ROW) NULL };

const struct kind *kind_find(const char *name, kind_namer *of, struct err *e)
{
	const char *one, *help;
	char known[200] = "";
	size_t used = 0;

	for (size_t i = 0; kinds[i]; i++)
		if (!strcmp(kinds[i]->name, name))
			return kinds[i];
	for (size_t i = 0; (one = of(i, &help)) && used < sizeof(known); i++)
		used += (size_t)snprintf(known + used, sizeof(known) - used, " %s", one);
	err_set(e, -EINVAL, "unknown kind \"%s\"; known are:%s", name, known);
	return NULL;
}

const char *kind_import_name(size_t i, const char **help)
{
	for (const struct kind *const *k = kinds; *k; k++)
		if ((*k)->import && !i--) {
			*help = (*k)->help;
			return (*k)->name;
		}
	return NULL;
}

const char *kind_export_name(size_t i, const char **help)
{
	for (const struct kind *const *k = kinds; *k; k++)
		if ((*k)->export && !i--) {
			*help = (*k)->help;
			return (*k)->name;
		}
	return NULL;
}
