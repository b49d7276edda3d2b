/* The rows of metric.h as an array, and look-up by name. */
#include "collector/metric.h"

#include <string.h>

#define METRIC_ROW(id, name_, kind_, unit_, help_) { .name = #name_, .unit = unit_, .help = help_, .kind = METRIC_##kind_ },
const struct metric metrics[N_METRICS] = { METRICS(METRIC_ROW) };

enum metric_id metric_find(const char *name)
{
	enum metric_id id = 0;

	while (id < N_METRICS && strcmp(metrics[id].name, name))
		id++;
	return id;
}
