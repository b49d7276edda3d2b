/*
 * Readings as OpenMetrics text: running totals since the agent's start, base units (seconds, bytes, ratios), real histograms.
 *
 * Names: cotenant_<metric without its unit>_<base unit>[_total]{service="…"}; blame is cotenant_blame_seconds_total{resource,victim,culprit}, at
 * most PARTICIPANTS_MAX squared per resource. A figure that was never measured has no line. Format: OpenMetrics 1.0 (RFC draft, IETF).
 */
#ifndef COLLECTOR_OPENMETRICS_H
#define COLLECTOR_OPENMETRICS_H

#include "collector/sampler.h"

struct openmetrics {
	int64_t totals[PARTICIPANTS_MAX][N_METRICS];      /* gauges: last reading; SESSION_ABSENT = never measured */
	uint64_t hists[PARTICIPANTS_MAX][PROBE_N_HISTS][HIST_BUCKETS];
	uint64_t blame[BLAME_RESOURCES][PARTICIPANTS_MAX][PARTICIPANTS_MAX];
	bool measured[BLAME_RESOURCES];
	uint64_t collector_ns, bpf_ns, losses, readings;
};

struct openmetrics *openmetrics_new(void);  /* free() it */
void openmetrics_add(struct openmetrics *o, const struct sampler *s);

/* The whole exposition, ending with "# EOF"; free() it. */
char *openmetrics_text(const struct openmetrics *o, const struct sampler *s, size_t *size);

#endif
