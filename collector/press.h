/*
 * Synthetic pressure: a constant, known load on one resource, to learn how sensitive a neighbour is to it.
 *
 * A kind of pressure is a table row that does work in small steps and says how many units each step did. The engine paces
 * the steps on absolute deadlines so that the rate is `level` percent of the rate one worker reaches unhindered. That full
 * rate is measured first (calibration) unless the caller knows it: pass the figure of an earlier calibration on an idle node
 * to get the same pressure again beside a busy neighbour.
 */
#ifndef COLLECTOR_PRESS_H
#define COLLECTOR_PRESS_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct press_config {
	unsigned level;          /* 0 .. 100 percent of full_per_s, per worker */
	unsigned workers;
	uint64_t duration_ns;
	uint64_t bytes;          /* working set (cache, membw) or file size (disk); 0 = the kind's default */
	double full_per_s;       /* 0 = calibrate */
	const char *file;        /* disk: scratch file, created and removed; NULL = in the current folder */
};

struct press_result {
	double full_per_s;       /* units per second and worker at level 100 */
	double wanted_per_s;     /* all workers together */
	double reached_per_s;
	double variation_ratio;  /* standard deviation over mean of the tenth-of-a-second rates */
};

struct press_worker;

struct press_kind {
	const char *name, *unit, *help;
	double full_per_s;       /* by definition, 0 = to be calibrated */
	uint64_t default_bytes;
	int (*open)(struct press_worker *w, struct err *e);
	int64_t (*step)(struct press_worker *w); /* units done, or -errno */
	void (*close)(struct press_worker *w);   /* accepts half-opened */
};

/* What a kind sees of its worker; closed by the engine. */
struct press_worker {
	const struct press_config *config;
	unsigned index;
	uint64_t bytes, at, random;
	char *memory;
	int fd, peer;
};

extern const struct press_kind press_kinds[]; /* ends with a row whose name is NULL */

const struct press_kind *press_find(const char *name);

/* "0,2-3" -> set (NULL: only checked). 0 or -EINVAL. */
int press_cpus_parse(const char *text, cpu_set_t *set);

/* Blocks until the duration is over or *stop becomes true. */
int press_run(const struct press_kind *kind, const struct press_config *config, const volatile bool *stop,
	      struct press_result *out, struct err *e);

#endif
