/*
 * A recording: readings of the sampler into the session store, one per interval, until a duration, a command or a signal ends it.
 */
#ifndef COLLECTOR_RECORD_H
#define COLLECTOR_RECORD_H

#include "collector/sampler.h"
#include "collector/store.h"

struct record {
	struct sampler *sampler;      /* borrowed */
	struct store *store;
	size_t n_known;               /* participants whose service row is written */
	uint64_t intervals, losses;
	double own_ratio_sum;
	char resources[64];           /* blame resources measured so far, as in the fact */
};

struct record_facts {
	uint64_t interval_ns;
	double budget_ratio;
	const char *command;          /* NULL = none */
};

/* Creates path (refused when it exists) with header facts, pseudo-services and the services known so far. */
int record_open(struct record *r, const char *path, struct sampler *sampler, const struct record_facts *facts, struct err *e);

/* Take a reading that is late_ns behind its time, and store it in one transaction. */
int record_interval(struct record *r, uint64_t late_ns, struct err *e);

/* Final probe states and the reason of the end ("duration", "command", "signal", "failure"). */
int record_close(struct record *r, const char *reason, struct err *e);

#endif
