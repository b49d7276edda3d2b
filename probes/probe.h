/*
 * The probes as the collector sees them: open, give slots to services, read one interval after the other, close.
 *
 *   struct probes *p;                     struct probe_sample *s = probe_sample_new();
 *   probes_open(&config, &p, &e);         probes_slot_set(p, SLOT_CGROUP2, id, slot);
 *   every interval: probes_read(p, s);    at the end: probes_close(p); probe_sample_free(s);
 *
 * probes_open() loads and attaches every probe of the table that is asked for and that this kernel allows; one that fails
 * is left out with its reason in probes_status(), and only when none works is that an error. Data are per slot
 * (probes/events.h) and per interval; ABSENT (not zero) where the probe is off or the source is missing.
 * Nothing is allocated after probes_open() and probe_sample_new().
 */
#ifndef PROBES_PROBE_H
#define PROBES_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "probes/events.h"
#include "probes/hist.h"
#include "probes/metrics.h"

#define PROBE_ABSENT INT64_MIN
#define PROBE_SHARE_LEAST (1.0 / 256) /* of the time, of a probe that is sampled; ... */
#define PROBE_SHARE_MOST 0.5          /* ... likewise: what may be watched for more of it, and not always, is cut to this */

struct probe_sample {
	uint64_t start_ns, end_ns;                                  /* CLOCK_MONOTONIC of this interval */
	double hot_ratio;                                           /* while a probe reads: share of the interval its PROBE_HOT programs ran */
	bool core_sampled;                                          /* likewise: its PROBE_CORE programs run in windows, ... */
	uint64_t period_ns;                                         /* ... of which there is one in every such time */
	unsigned n_slots;                                           /* the slots below it have figures: no later one was ever given to anybody */
	int64_t counters[PROBE_N_COUNTERS][SLOTS];                  /* PROBE_ABSENT or value */
	bool hist_present[PROBE_N_HISTS], blame_present[PROBE_N_BLAMES];
	uint64_t hists[PROBE_N_HISTS][SLOTS][HIST_BUCKETS];
	uint64_t blame[PROBE_N_BLAMES][SLOTS][SLOTS];               /* [victim][culprit] ns */
	uint16_t client[SLOTS];                                     /* slot of a service here that sends it requests; SLOT_OTHER = none */
};

/* Parts of a probe that may be watched for a share of the time: what runs very often (packets, requests, interrupts); and that
 * without which it sees nothing, which is left out only when all else does not help. */
enum probe_part { PROBE_HOT, PROBE_CORE, PROBE_PARTS };

enum probe_state { PROBE_ON, PROBE_REDUCED, PROBE_OFF, PROBE_UNAVAILABLE };

struct probe_status {
	const char *name, *help;
	enum probe_state state;
	char note[240];          /* why unavailable or reduced; "" otherwise */
	uint64_t run_ns, runs;   /* since open: time in this probe's programs (estimate from sampled BPF statistics), executions */
	double share[PROBE_PARTS]; /* of the time that the part's programs are attached (probes/window.h); 1 = always, or it has none */
	double base_ns_per_s;    /* last measured cost: of programs always attached, ... */
	double part_ns_per_s[PROBE_PARTS]; /* ... and of the parts', per time attached */
	uint64_t losses;         /* since open: everything that could not be recorded, all causes */
	uint64_t rebuilt;        /* of the losses: events the kernel did not show, whose time was taken from what it keeps itself */
};

struct probes_config {
	const char *const *only; /* NULL-terminated names; NULL = all */
	uint64_t interval_ns;    /* between two readings, about; 0 = not known */
	uint32_t table_entries;  /* hash tables with no more entries than this; 0 = as built (tests fill them) */
};

struct probes;

int probes_open(const struct probes_config *config, struct probes **out, struct err *e);
void probes_close(struct probes *p);             /* accepts NULL */

/* slot SLOT_FIRST .. SLOTS-1; SLOT_OTHER takes the identity away. For SLOT_TREE give every existing thread group. Give a
 * freed slot to another service no earlier than one interval later. -ENOSPC when the map is full. */
int probes_slot_set(struct probes *p, enum slot_kind kind, uint64_t id, unsigned slot);

/* What happened since the last call (since open for the first). */
int probes_read(struct probes *p, struct probe_sample *s, struct err *e);

size_t probes_count(const struct probes *p);     /* rows of the table, also those not running */
void probes_status(const struct probes *p, size_t i, struct probe_status *out);

/* Were the costs per second of probes_status() measured anew in the interval that probes_read() ended last? */
bool probes_measured(const struct probes *p);

/* Let a part of probe i be watched for this share of the time (1 = always); its figures are scaled up. Give the core a share
 * at least eight times as large as what is hot, so that its windows hold those. False when it has no such part. The status says which
 * figures are concerned. */
bool probes_share_set(struct probes *p, size_t i, enum probe_part part, double share);

/* Make probe i cheaper by one step, or turn it off; false when it is off already. The status says what was given up. */
bool probes_step_down(struct probes *p, size_t i);

struct probe_sample *probe_sample_new(void);
void probe_sample_free(struct probe_sample *s);

#endif
