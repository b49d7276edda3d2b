/* The tables of foreign forms: one row here and one file make a new one. */
#include "planner/import/importer.h"

#include <stddef.h>

const struct importer *const importers[] = {
	&importer_fleet,
	NULL,
};

const struct exporter *const exporters[] = {
	NULL,
};
