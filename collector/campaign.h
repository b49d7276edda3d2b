/*
 * A campaign: a designed set of runs on this node, from one JSON file (docs/campaign.md). Services are started once; a run
 * puts the load on some of them (and maybe synthetic pressure beside), records a session, and reads each service's truth
 * from its load generator's own output. Runs are repeated in shuffled rounds until each figure is known well enough.
 *
 * The folder of results: runs.jsonl (one line per finished run, appended and synced, so an interrupted campaign goes on
 * where it was), sessions/ (one per run), measured.csv (the form that `import colocation` reads), summary on stdout.
 */
#ifndef COLLECTOR_CAMPAIGN_H
#define COLLECTOR_CAMPAIGN_H

#include <regex.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "base/json.h"

#define CAMPAIGN_GROUP_MAX 8
#define CAMPAIGN_TRUTH_MAX 6
#define CAMPAIGN_GRACE_S 20 /* how much longer than asked a load, a recording or pressure may take */

/* One figure of a load generator's output. The first of a service's list decides how often a setup is repeated. */
struct campaign_truth {
	char *metric;             /* "throughput", "latency", "time", or a name that begins with latency_ or time_ */
	regex_t pattern;          /* one group: the number; the last match in the output counts */
	bool compiled;
};

struct campaign_service {
	char *id;
	char **start, **ready, **load, **prepare; /* NULL-terminated argv; ready, prepare and start may be NULL */
	size_t n_truths;
	struct campaign_truth truths[CAMPAIGN_TRUTH_MAX];
};

/* One configuration: services under load together, and at most one pressure beside them. */
struct campaign_setup {
	char *name;               /* "redis+nginx", "redis+press-cpu-50" */
	size_t n;
	size_t member[CAMPAIGN_GROUP_MAX];
	const char *press;        /* kind, or NULL */
	unsigned level;
	unsigned workers;         /* each presses at `level` */
	char *cpus;               /* where they press; NULL = anywhere */
};

struct campaign {
	char *path, *name, *node_type;
	uint64_t seed;
	double warmup_s, measure_s;
	uint64_t min_repeats, max_repeats, budget_ns;
	double precision_ratio;   /* half-width of the mean's 95 % interval over the mean that is good enough */
	double max_external_ratio;/* share of the node's CPU that others may use before a run is discarded */
	size_t n_services, n_setups;
	struct campaign_service *services;
	struct campaign_setup *setups;
};

/* A finished run; truth[i][k] is figure k of setup->member[i], NAN when the load generator did not give it. */
struct campaign_result {
	size_t setup;
	unsigned repeat;
	bool ok;
	double external_ratio;    /* NAN when not known */
	double truth[CAMPAIGN_GROUP_MAX][CAMPAIGN_TRUTH_MAX];
	char why[160];            /* when not ok */
};

struct campaign_log {
	struct campaign_result *results;
	size_t n, cap;
	FILE *stream;             /* append */
};

struct campaign *campaign_read(const char *path, struct err *e); /* NULL on error */
int campaign_lay_out(struct campaign *c, const struct json_at *runs, struct err *e); /* its setups, from the field `runs` */
void campaign_free(struct campaign *c);

/* The last match of the pattern's group in a load generator's output, as a number above 0; NAN when there is none. */
double campaign_figure(const regex_t *pattern, const char *path);

int campaign_log_open(struct campaign_log *log, const struct campaign *c, const char *folder, struct err *e);
int campaign_log_add(struct campaign_log *log, const struct campaign *c, const struct campaign_result *r, struct err *e);
void campaign_log_close(struct campaign_log *log);

/* Which setup to run next: unfinished ones in a shuffled order per round; -1 when all are known well enough. */
long campaign_next(const struct campaign *c, const struct campaign_log *log, unsigned *repeat);
/* How many usable repetitions, and their mean and relative half-width for one figure of one member. */
struct campaign_figure { size_t setup, member, truth; };
size_t campaign_known(const struct campaign *c, const struct campaign_log *log, struct campaign_figure f, double *mean,
		      double *half_width_ratio);
double campaign_median(const struct campaign *c, const struct campaign_log *log, struct campaign_figure f); /* NAN = none */

/* Run everything; progress goes to `progress` when it is not NULL. *stop ends it after the run under way. */
int campaign_run(const struct campaign *c, const char *folder, struct campaign_log *log, const volatile bool *stop, FILE *progress,
		 struct err *e);
int campaign_write_csv(const struct campaign *c, const struct campaign_log *log, const char *path, struct err *e);

#endif
