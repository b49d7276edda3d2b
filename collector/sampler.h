/*
 * One reading of the node per interval: services, what the probes say of them, what the kernel's files say. Feeds record, top and
 * agent. Participants: ids 0 .. PARTICIPANT_FIRST-1 are the pseudo-services, then the services in order of appearance, as in the session.
 * After sampler_open() a reading allocates nothing.
 */
#ifndef COLLECTOR_SAMPLER_H
#define COLLECTOR_SAMPLER_H

#include "collector/budget.h"
#include "collector/profile.h"
#include "collector/service.h"
#include "probes/probe.h"

#define PARTICIPANT_FIRST SLOT_RESERVED  /* the reserved slot is left out: ids have no gaps */
#define PARTICIPANTS_MAX (PARTICIPANT_FIRST + SERVICES_MAX)

struct sampler_config {
	int root_fd;
	enum service_by by;
	const char *const *selectors;
	size_t n_selectors;
	double budget_ratio;        /* of the node's CPU time; 0 = no limit */
	uint64_t interval_ns;       /* between two readings; 0 = not known */
	bool no_probes;             /* cgroup files and /proc only */
};

struct sampler {
	struct services *services;
	struct probes *probes;      /* NULL: none could be started, see why */
	struct probe_sample *sample;
	struct err why;
	struct budget budget;
	struct session_interval interval;
	bool guest;                 /* the node is a virtual machine, and says so */
	double own_ratio;           /* collector and probes, of the node's CPU time in this interval */
	uint64_t last_cpu_ns, last_bpf_ns, last_losses;
	size_t n;                   /* participants */
	int64_t values[PARTICIPANTS_MAX][N_METRICS];
};

/* Chosen services that do not exist: -ENOENT. Missing privileges: -EPERM. */
int sampler_open(const struct sampler_config *config, struct sampler **out, struct err *e);
int sampler_tick(struct sampler *s, struct err *e);
void sampler_close(struct sampler *s);  /* accepts NULL */

const char *sampler_name(const struct sampler *s, size_t participant);
enum culprit_kind sampler_kind(size_t participant);
unsigned sampler_slot(size_t participant);

/* Was the resource measured in this reading; delay of victim by culprit in ns. */
bool sampler_blame_present(const struct sampler *s, enum blame_resource r);
uint64_t sampler_blame(const struct sampler *s, enum blame_resource r, size_t victim, size_t culprit);

/* Which metric a probe's counter or histogram is in the session; N_METRICS = none. */
enum metric_id sampler_metric_of_counter(enum probe_counter c);
enum metric_id sampler_metric_of_hist(enum probe_hist h);

#endif
