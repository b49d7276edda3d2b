/*
 * What a session says, for everyone right of the collector: header, services, samples, histograms, blame.
 * One session = one SQLite file (schema: docs/session.md). Values are int64 in the unit that the metric's name ends with;
 * absent is NULL in the store, SESSION_ABSENT here, "n/a" in reports; it is never zero.
 */
#ifndef COLLECTOR_PROFILE_H
#define COLLECTOR_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "collector/metric.h"
#include "probes/hist.h"

#define SESSION_ABSENT INT64_MIN

/* Who can stand in a blame row beside the selected services. Services have kind CULPRIT_SERVICE. */
enum culprit_kind { CULPRIT_SERVICE, CULPRIT_OTHER, CULPRIT_KERNEL, CULPRIT_IRQ, CULPRIT_WAKEUP, CULPRIT_THROTTLE,
		    CULPRIT_STEAL, CULPRIT_UNKNOWN };

enum blame_resource { BLAME_CPU, BLAME_SMT, BLAME_DISK, BLAME_NET, BLAME_SOFTIRQ, BLAME_MEMORY, BLAME_REQUEST,
		      BLAME_RESOURCES };
extern const char *const culprit_kind_names[CULPRIT_UNKNOWN + 1]; /* "service", "other", "kernel", … as in the store */
extern const char *const blame_resource_names[BLAME_RESOURCES]; /* "cpu", "smt", "disk", "net", "softirq", "memory", "request" */

struct session_service {
	char *name;
	char *selector;           /* how it was found */
	enum culprit_kind kind;   /* pseudo-services (other, kernel, …) have rows too */
};

struct session_interval {
	uint64_t start_ns, end_ns; /* CLOCK_MONOTONIC of the node */
	uint64_t wall_ns;          /* CLOCK_REALTIME at start */
	int64_t late_ns;           /* how late the reading was taken */
	int64_t collector_ns, bpf_ns; /* own cost: CPU time of the collector, run time of the probes; or SESSION_ABSENT */
	int64_t losses;            /* events that the probes could not record */
};

struct session_fact { char *key, *value; };   /* header: node, kernel, boot_id, n_cpus, cgroup_layout, versions, … */
struct session_probe { char *name, *state, *note; int64_t run_ns, runs, losses; };

struct session_blame { uint32_t interval, victim, culprit; enum blame_resource resource; int64_t delay_ns; };

struct session_blob;  /* compressed histogram */

struct session {
	char *path;
	size_t n_facts, n_probes, n_services, n_intervals, n_blames;
	struct session_fact *facts;
	struct session_probe *probes;
	struct session_service *services;
	struct session_interval *intervals;
	struct session_blame *blames;   /* ordered by interval, resource, victim, culprit */
	size_t n_blobs;
	struct session_blob *blobs;
	int64_t *values;                /* [(interval * n_services + service) * N_METRICS + metric], SESSION_ABSENT */
};

struct session *session_read(const char *path, struct err *e);  /* whole session in memory; NULL on error */
void session_free(struct session *s);

const char *session_fact(const struct session *s, const char *key);  /* NULL when absent */
int64_t session_value(const struct session *s, size_t interval, size_t service, enum metric_id metric);

/* Sum of a counter over all intervals (absent intervals are skipped; SESSION_ABSENT when all are). */
int64_t session_total(const struct session *s, size_t service, enum metric_id metric);

/* A histogram of the metric over intervals [first, last): HIST_BUCKETS counts added into out. False when absent.
 * Bucket bounds: probes/hist.h. */
bool session_hist(const struct session *s, size_t service, enum metric_id metric, size_t first, size_t last, uint64_t *out);

/* Matrix [victim * n_services + culprit] of delay_ns over the whole session for one resource; caller frees. NULL when the
 * resource was not measured. */
int64_t *session_blame_matrix(const struct session *s, enum blame_resource resource);

#endif
