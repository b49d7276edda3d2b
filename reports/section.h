/*
 * Sections of a report: one row each. A section that applies builds its tables, charts and findings once, for every renderer.
 * Adding one = one file in sections/ and one row in section.c.
 */
#ifndef REPORTS_SECTION_H
#define REPORTS_SECTION_H

#include <stdbool.h>

#include "reports/doc.h"
#include "reports/input.h"

struct section {
	const char *name, *title, *help;
	bool (*applies)(const struct input *in);
	void (*build)(const struct input *in, struct doc *d, struct doc_section *s);
};

extern const struct section sections[]; /* ends with a row whose name is NULL; order of the report */

struct doc *report_build(const struct input *in);

/* Shared by the sections. */
bool has_session(const struct input *in);
bool has_plan(const struct input *in);
bool has_model(const struct input *in);
char *table_id(const char *name, const struct input *in, size_t session); /* "wait", for a second session "wait@NAME"; free() */
double session_seconds(const struct session *s);
double interval_seconds(const struct session *s, size_t interval);
double session_cpus(const struct session *s);                             /* NAN when the header lacks it */
bool is_service(const struct session *s, size_t service);
double total_or_nan(const struct session *s, size_t service, enum metric_id metric);
void table_total(struct table *t, double v);                              /* integer cell, or absent for NAN */

#define SECTION(name) void build_##name(const struct input *in, struct doc *d, struct doc_section *s)
SECTION(overview);
SECTION(quality);
SECTION(blame);
SECTION(wait);
SECTION(services);
SECTION(timeline);
SECTION(data);
SECTION(plan);
SECTION(packing);
SECTION(day);
SECTION(slowdown);
SECTION(moves);
SECTION(loss);
SECTION(growth);
SECTION(reasons);
SECTION(pairs);
SECTION(curves);

#endif
