/*
 * A reading of the node: see sampler.h. Names tie the probes' tables to the session's: a probe's counter is the metric of the same name,
 * or the one that `aliases` says.
 */
#include "collector/sampler.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "collector/slowdown.h"

static const struct { const char *probe; enum metric_id metric; } counter_aliases[] = {
	{ "cpu_run_ns", METRIC_CPU_ON }, { "cpu_switches", METRIC_CPU_SWITCHES }, { "cpu_preemptions", METRIC_CPU_PREEMPTIONS },
	{ "cpu_migrations", METRIC_CPU_MIGRATIONS }, { "cpu_smt_ns", METRIC_CPU_SIBLING },
	{ "cpu_throttled_ns", METRIC_CPU_WAIT_THROTTLED },
}, hist_aliases[] = { { "cpu_wait_ns", METRIC_CPU_WAIT_HIST } };

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))

enum metric_id sampler_metric_of_counter(enum probe_counter c)
{
	char counted[64];
	enum metric_id id;

	for (size_t i = 0; i < LENGTH(counter_aliases); i++)
		if (!strcmp(counter_aliases[i].probe, probe_counters[c].name))
			return counter_aliases[i].metric;
	id = metric_find(probe_counters[c].name);
	if (id != N_METRICS || strlen(probe_counters[c].name) > 50)
		return id;
	strcpy(counted, probe_counters[c].name);
	return metric_find(strcat(counted, "_count"));
}

enum metric_id sampler_metric_of_hist(enum probe_hist h)
{
	const char *name = probe_hists[h].name;
	size_t n = strlen(name);
	char with[64];

	for (size_t i = 0; i < LENGTH(hist_aliases); i++)
		if (!strcmp(hist_aliases[i].probe, name))
			return hist_aliases[i].metric;
	if (metric_find(name) != N_METRICS && metrics[metric_find(name)].kind == METRIC_HIST)
		return metric_find(name);
	if (n < 4 || n > 50 || strcmp(name + n - 3, "_ns"))
		return N_METRICS;
	memcpy(with, name, n - 3); /* "disk_read_queue_ns" -> "disk_read_queue_hist_ns" */
	strcpy(with + n - 3, "_hist_ns");
	return metric_find(with);
}

static enum probe_blame probe_blame_of(enum blame_resource r)
{
	enum probe_blame b = 0;

	while (b < PROBE_N_BLAMES && strcmp(probe_blames[b].name, blame_resource_names[r]))
		b++;
	return b;
}

unsigned sampler_slot(size_t participant)
{
	return (unsigned)(participant < PARTICIPANT_FIRST ? participant : participant - PARTICIPANT_FIRST + SLOT_FIRST);
}

enum culprit_kind sampler_kind(size_t participant)
{
	return participant < PARTICIPANT_FIRST ? (enum culprit_kind)(participant + 1) : CULPRIT_SERVICE;
}

const char *sampler_name(const struct sampler *s, size_t participant)
{
	return participant < PARTICIPANT_FIRST ? culprit_kind_names[sampler_kind(participant)] :
						 s->services->v[participant - PARTICIPANT_FIRST].name;
}

bool sampler_blame_present(const struct sampler *s, enum blame_resource r)
{
	enum probe_blame b = probe_blame_of(r);

	return s->probes && b < PROBE_N_BLAMES && s->sample->blame_present[b];
}

uint64_t sampler_blame(const struct sampler *s, enum blame_resource r, size_t victim, size_t culprit)
{
	return sampler_blame_present(s, r) ? s->sample->blame[probe_blame_of(r)][sampler_slot(victim)][sampler_slot(culprit)] : 0;
}

static void set_slot(void *context, enum slot_kind kind, uint64_t id, unsigned slot)
{
	struct sampler *s = context;

	if (s->probes && probes_slot_set(s->probes, kind, id, slot) == -ENOSPC)
		s->services->overflow++;
}

static void start_probes(struct sampler *s, uint64_t interval_ns)
{
	struct probes_config config = { .interval_ns = interval_ns };

	s->sample = probe_sample_new();
	if (probes_open(&config, &s->probes, &s->why))
		s->probes = NULL;
}

static void probes_sum(const struct sampler *s, uint64_t *run_ns, uint64_t *losses)
{
	struct probe_status status;

	*run_ns = *losses = 0;
	for (size_t i = 0; s->probes && i < probes_count(s->probes); i++) {
		probes_status(s->probes, i, &status);
		*run_ns += status.run_ns;
		*losses += status.losses;
	}
}

/* x86 says so among the CPU's flags; elsewhere it is not known, and taken for none. */
static bool is_guest(int root_fd)
{
	char text[8192]; /* the first CPU's */

	return file_read_at(root_fd, "proc/cpuinfo", text, sizeof(text)) > 0 && strstr(text, " hypervisor");
}

int sampler_open(const struct sampler_config *config, struct sampler **out, struct err *e)
{
	struct sampler *s = mem_alloc(1, sizeof(*s));
	int err = services_new(&s->services, config->root_fd, config->by, config->selectors, config->n_selectors, e);

	s->guest = is_guest(config->root_fd);
	s->budget = (struct budget){ .ratio = config->budget_ratio, .n_cpus = (unsigned)sysconf(_SC_NPROCESSORS_ONLN) };
	if (!err && !config->no_probes)
		start_probes(s, config->interval_ns);
	if (!err) {
		s->services->slot_set = set_slot;
		s->services->slot_context = s;
		services_scan(s->services);
		services_read(s->services);
		err = services_check(s->services, e);
	}
	if (err) {
		sampler_close(s);
		return err;
	}
	if (s->probes)
		probes_read(s->probes, s->sample, NULL); /* what was before the services were known is nobody's */
	s->last_cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	probes_sum(s, &s->last_bpf_ns, &s->last_losses);
	s->interval.end_ns = s->probes ? s->sample->end_ns : clock_ns(CLOCK_MONOTONIC);
	s->n = PARTICIPANT_FIRST + s->services->n;
	*out = s;
	return 0;
}

void sampler_close(struct sampler *s)
{
	if (!s)
		return;
	services_free(s->services);
	probes_close(s->probes);
	probe_sample_free(s->sample);
	free(s);
}

static void take_counters(struct sampler *s)
{
	for (size_t c = 0; c < PROBE_N_COUNTERS; c++) {
		enum metric_id m = sampler_metric_of_counter((enum probe_counter)c);

		for (size_t p = 0; m != N_METRICS && p < s->n; p++)
			if (s->sample->counters[c][sampler_slot(p)] != PROBE_ABSENT)
				s->values[p][m] = s->sample->counters[c][sampler_slot(p)];
	}
}

static int64_t ppm(double time, double delayed)
{
	return (int64_t)(1e6 * slowdown_ratio(time, delayed) + 0.5);
}

static void estimate(struct sampler *s, size_t p)
{
	int64_t *v = s->values[p];
	struct slowdown e;

	if (sampler_blame_present(s, BLAME_REQUEST))
		v[METRIC_REQ_BLAMED] = (int64_t)slowdown_request_blamed(s, p);
	if (!slowdown_estimate(s, p, &e))
		return;
	v[METRIC_WORK] = (int64_t)e.time_ns;
	v[METRIC_WORK_DELAYED] = (int64_t)e.delayed_ns;
	v[METRIC_WORK_DELAYED_LOW] = (int64_t)e.low_ns;
	v[METRIC_WORK_DELAYED_HIGH] = (int64_t)e.high_ns;
	v[METRIC_SLOWDOWN] = ppm(e.time_ns, e.delayed_ns);
	v[METRIC_SLOWDOWN_LOW] = ppm(e.time_ns, e.low_ns);
	v[METRIC_SLOWDOWN_HIGH] = ppm(e.time_ns, e.high_ns);
}

static void account_own_cost(struct sampler *s)
{
	uint64_t cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID), bpf, losses, length;

	probes_sum(s, &bpf, &losses);
	if (bpf < s->last_bpf_ns)
		bpf = s->last_bpf_ns; /* scaled from the part of the time that was measured, so it can fall a little */
	length = s->interval.end_ns - s->interval.start_ns;
	s->interval.collector_ns = (int64_t)(cpu - s->last_cpu_ns);
	s->interval.bpf_ns = s->probes ? (int64_t)(bpf - s->last_bpf_ns) : SESSION_ABSENT;
	s->interval.losses = (int64_t)(losses - s->last_losses + s->services->overflow);
	s->own_ratio = length ? (double)(cpu - s->last_cpu_ns + bpf - s->last_bpf_ns) / ((double)length * s->budget.n_cpus) : 0;
	if (length)
		budget_step(&s->budget, s->probes, s->own_ratio, (double)(cpu - s->last_cpu_ns) * 1e9 / (double)length);
	s->last_cpu_ns = cpu;
	s->last_bpf_ns = bpf;
	s->last_losses = losses;
}

int sampler_tick(struct sampler *s, struct err *e)
{
	uint64_t mono, wall;
	int err = s->probes ? probes_read(s->probes, s->sample, e) : 0;

	if (err)
		return err;
	mono = clock_ns(CLOCK_MONOTONIC);
	wall = clock_ns(CLOCK_REALTIME);
	s->interval.start_ns = s->interval.end_ns;
	s->interval.end_ns = s->probes ? s->sample->end_ns : mono;
	s->interval.wall_ns = wall - (mono - s->interval.start_ns);
	services_scan(s->services);
	services_read(s->services);
	s->n = PARTICIPANT_FIRST + s->services->n;
	for (size_t p = 0; p < s->n; p++)
		for (size_t m = 0; m < N_METRICS; m++)
			s->values[p][m] = p < PARTICIPANT_FIRST ? SESSION_ABSENT : s->services->v[p - PARTICIPANT_FIRST].values[m];
	if (s->probes)
		take_counters(s);
	for (size_t p = PARTICIPANT_FIRST; p < s->n; p++)
		estimate(s, p);
	account_own_cost(s);
	return 0;
}
