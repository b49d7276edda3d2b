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

const struct kind *kind_find(const char *name, struct err *e)
{
	char known[200] = "";
	size_t used = 0;

	for (size_t i = 0; kinds[i]; i++) {
		if (!strcmp(kinds[i]->name, name))
			return kinds[i];
		if (used < sizeof(known))
			used += (size_t)snprintf(known + used, sizeof(known) - used, " %s", kinds[i]->name);
	}
	err_set(e, -EINVAL, "unknown kind \"%s\"; known are:%s", name, known);
	return NULL;
}
