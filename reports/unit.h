/*
 * Units of report columns: one row drives the readable text, the machine's number and the key's suffix.
 * The store holds ns, bytes and counts; this is the only place that converts.
 */
#ifndef REPORTS_UNIT_H
#define REPORTS_UNIT_H

#include <stddef.h>

enum unit { UNIT_TEXT, UNIT_COUNT, UNIT_NUMBER, UNIT_NS, UNIT_BYTES, UNIT_BYTES_PER_S, UNIT_PER_S, UNIT_RATIO, UNIT_SLOWDOWN,
	    UNIT_S_PER_H, UNIT_MCPU, UNIT_MONTHS, UNIT_WALL_NS, UNITS };

struct unit_row {
	enum unit unit;
	const char *name;    /* as in JSON: "ns", "bytes_per_s" */
	void (*show)(double v, char *out, size_t size); /* for people */
};

extern const struct unit_row unit_rows[UNITS];

/* Write v for people: "38 %", "1.2 GiB", "4.1 ms". */
void unit_show(enum unit u, double v, char *out, size_t size);

/* A count with thousands grouped: "12,345". */
void unit_show_int(long long v, char *out, size_t size);

#endif
