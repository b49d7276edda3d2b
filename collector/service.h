/*
 * The services of a recording: found from the cgroup tree, or chosen by selectors, each with all its kernel identities.
 *
 * A service keeps its index (and so its slot, SLOT_FIRST + index) for the whole recording: a restart under the same name comes
 * back as the same service. What does not fit any more is counted in `overflow` and stays with `other`. Scanning allocates nothing.
 */
#ifndef COLLECTOR_SERVICE_H
#define COLLECTOR_SERVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "collector/cgroup.h"
#include "collector/cgstat.h"
#include "collector/naming.h"
#include "probes/events.h"

#define SERVICES_MAX (SLOTS - SLOT_FIRST)
#define IDENTITIES_MAX 4096
#define PROCESSES_MAX 32768      /* thread groups remembered; power of two */
#define SELECTOR_MAX 320

enum selector_kind { SELECT_NONE, SELECT_NAME, SELECT_CGROUP, SELECT_UNIT, SELECT_PID, SELECT_COMM, SELECT_USER };

struct service {
	char name[SERVICE_NAME_MAX];
	char selector[SELECTOR_MAX];  /* "unit:redis.service": how it was found or chosen */
	enum selector_kind kind;
	const char *wanted;           /* inside selector, behind its kind */
	bool alive, v2;               /* has identities now; one of them in v2 */
	int64_t values[N_METRICS];    /* this interval's figures from cgroup files and /proc */
};

struct identity {
	enum cgroup_hierarchy hierarchy;
	uint64_t inode;
	unsigned service;
	uint32_t seen;
	int dir_fd;                   /* -1 = free row */
	struct cgstat stat;
};

struct process {
	int32_t pid;                  /* 0 = free */
	uint32_t seen;
	uint64_t start_ticks, cpu_ticks, major_faults, minor_faults;
	unsigned service;
};

/* Told of every identity that comes or goes (slot SLOT_OTHER): probes_slot_set(). */
typedef void service_slot_set(void *context, enum slot_kind kind, uint64_t id, unsigned slot);

struct services {
	struct cgroup_layout layout;
	enum service_by by;
	bool chosen;                  /* by selectors only */
	bool trees;                   /* some service is a set of processes */
	size_t n;
	struct service v[SERVICES_MAX];
	uint64_t overflow;            /* identities that found no place, in the last scan */
	uint32_t scan;
	struct identity identities[IDENTITIES_MAX];
	size_t n_identities;          /* rows in use, with gaps */
	struct process processes[PROCESSES_MAX];
	service_slot_set *slot_set;
	void *slot_context;
};

/* The row of the enum by its name on the command line, which opt_parse() has checked to be one of them. */
enum service_by service_by_parse(const char *name);

/* selectors: "NAME=SELECTOR" or "NAME" texts; none = find them by `by`. SELECTOR: cgroup:/path or /path, unit:NAME or *.service,
 * pid:N or N (with descendants), comm:NAME, user:NAME; else a comm. free with services_free(). */
int services_new(struct services **out, int root_fd, enum service_by by, const char *const *selectors, size_t n, struct err *e);
void services_free(struct services *s);

/* Look at the trees again: new ones are added, gone ones marked not alive. */
void services_scan(struct services *s);

/* After a first services_scan(): is everything that was chosen by name there? -ENOENT names what is missing and what there is. */
int services_check(const struct services *s, struct err *e);

/* Fill values of every service with what happened since the last call. */
void services_read(struct services *s);

/* Parts of it, in process.c: thread groups for pid, comm and user selectors. */
void processes_scan(struct services *s);
bool services_by_process(const struct services *s, const struct service *v); /* figures from /proc, not from cgroups */
int services_find(struct services *s, const char *name, const char *how, const char *wanted);

#endif
