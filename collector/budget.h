/*
 * Keeps the recorder's own cost within its budget, by what the kernel and the process clock measured.
 *
 * First the probes' hot programs watch for a smaller share of the time, all for the same share, so that
 * everything together takes half of the budget: the other half is for what changes until the next measurement. Only when the
 * smallest share does not help, the costliest probe steps down or off. Shares grow again when the load falls; steps are final.
 */
#ifndef COLLECTOR_BUDGET_H
#define COLLECTOR_BUDGET_H

#include "probes/probe.h"

struct budget {
	double ratio;            /* of the node's CPU time; 0 = no limit */
	unsigned n_cpus;
	unsigned over;           /* measured intervals over the budget in a row */
};

/* The share of the time for hot programs that cost hot_ns_per_s when always attached, beside what always runs. */
double budget_share(const struct budget *b, double always_ns_per_s, double hot_ns_per_s);

/* After every reading: own_ratio = collector and probes in this interval, of the node's CPU time; collector_ns_per_s = CPU
 * time of the collector. p may be NULL. */
void budget_step(struct budget *b, struct probes *p, double own_ratio, double collector_ns_per_s);

#endif
