/*
 * Keeps the recorder's own cost within its budget, by what the kernel, the probes' own counts and the process clock measured.
 *
 * First what is hot in the probes is watched for a smaller share of the time, the same for all; then, beside the least share of
 * that, the probes' cores (the CPU probe's scheduler events). Everything together is to take half of the budget: the other half is for
 * what changes until the next measurement, and for a collector that takes more itself. Only when the least shares do not help for long, the
 * costliest probe steps down or off.
 * Shares grow again when the load falls. A core goes back to being watched always only when it then takes half of the budget,
 * and leaves that only when it takes nearly all, so that it does not come and go. Steps are final.
 */
#ifndef COLLECTOR_BUDGET_H
#define COLLECTOR_BUDGET_H

#include "probes/probe.h"

#define BUDGET_CORE_LEAST (8 * PROBE_SHARE_LEAST)

struct budget {
	double ratio;            /* of the node's CPU time; 0 = no limit */
	unsigned n_cpus;
	unsigned over;           /* measured intervals over the budget in a row */
};

/* Cost per second: of what always runs, the collector included; of the parts, while they are watched. */
struct budget_costs { double always_ns, part_ns[PROBE_PARTS]; };
struct budget_shares { double part[PROBE_PARTS]; };

/* Shares of the time for the parts; `sampled`: the core is not watched always now. */
struct budget_shares budget_shares(const struct budget *b, const struct budget_costs *c, bool sampled);

/* After every reading: own_ratio = collector and probes in this interval, of the node's CPU time; collector_ns_per_s = CPU
 * time of the collector. p may be NULL. */
void budget_step(struct budget *b, struct probes *p, double own_ratio, double collector_ns_per_s);

#endif
