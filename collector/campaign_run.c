/*
 * Running a campaign: processes, readiness, load, session, truth. See campaign.h.
 *
 * Everything runs through this same program (`cotenant run`, `cotenant record`, `cotenant press`), so each service, load
 * generator and pressure has its own cgroup and stands by name in the session. A load runs twice: once for the warm-up,
 * its output thrown away, once for the measurement. Its environment says how long: COTENANT_SECONDS.
 * What was started is stopped by pid on every way out.
 */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/parse.h"
#include "collector/campaign.h"
#include "collector/campaign_child.h"
#include "collector/campaign_press.h"
#include "collector/profile.h"

#define READY_TRIES 150
#define READY_STEP_NS 200000000
#define ATTACH_TRIES 1500
#define ATTACH_STEP_NS 20000000
#define SESSION_INTERVALS 3 /* per measurement: enough to see a change within it, few enough to keep a campaign's sessions small */
#define SETTLE_INTERVALS 2

static int service_start(const struct campaign_service *s, const char *folder, struct child *child, struct err *e)
{
	char *log = str_fmt("%s/%s.log", folder, s->id);
	int err = 0, tries = 0;

	if (s->start) {
		child->pid = child_spawn_named(s->id, s->start, log, 0);
		for (; s->ready && tries < READY_TRIES && child_command(s->ready, NULL, 5); tries++) {
			if (child_ended(child))
				break;
			clock_nap(READY_STEP_NS);
		}
		if (child->reaped || tries == READY_TRIES)
			err = err_set(e, -ESRCH, "service \"%s\" did not become ready; its output is in %s", s->id, log);
	}
	if (!err && s->prepare && child_command(s->prepare, log, 600))
		err = err_set(e, -EINVAL, "service \"%s\": its prepare command failed; output in %s", s->id, log);
	free(log);
	return err;
}

/* First interval that tells what others used: before it the recorder itself was starting, and a load that has just begun has no name yet. */
static size_t interval_first(const struct session *s)
{
	return s->n_intervals > 2 * SETTLE_INTERVALS ? SETTLE_INTERVALS : 0;
}

/* Share of the node's CPU used by what belongs to nobody in the session; NAN when not known. */
static double external_of(const char *path, const char *n_cpus)
{
	struct err e = { 0 };
	struct session *s = session_read(path, &e);
	const char *fact = s ? session_fact(s, n_cpus) : NULL;
	double span = 0, used = 0;
	bool known = false;
	int64_t cpus = 0;

	for (size_t t = s ? interval_first(s) : 0; s && t < s->n_intervals; t++)
		for (size_t i = 0; i < s->n_services; i++) {
			int64_t on = session_value(s, t, i, METRIC_CPU_ON);

			if (s->services[i].kind != CULPRIT_OTHER || on == SESSION_ABSENT)
				continue;
			used += (double)on;
			span += (double)(s->intervals[t].end_ns - s->intervals[t].start_ns);
			known = true;
		}
	known = known && fact && !parse_i64(fact, &cpus) && cpus > 0 && span > 0;
	session_free(s);
	return known ? used / span / (double)cpus : NAN;
}

static void fail(struct campaign_result *r, const char *what, const char *whom)
{
	if (!r->why[0])
		snprintf(r->why, sizeof(r->why), "%s: %s", whom, what);
	r->ok = false;
}

struct run {
	const struct campaign *c;
	const struct campaign_setup *s;
	const char *folder;
	const double *full_per_s;  /* per setup: what level 100 of its pressure means on this node, idle */
	char *output[CAMPAIGN_GROUP_MAX];
};

static void loads_start(const struct run *run, struct child *loads, double seconds, bool keep)
{
	for (size_t i = 0; i < run->s->n; i++) {
		const struct campaign_service *sv = &run->c->services[run->s->member[i]];
		char *name = sv->start ? str_fmt("%s.load", sv->id) : str_dup(sv->id);

		loads[i] = (struct child){ .pid = child_spawn_named(name, sv->load, keep ? run->output[i] : NULL, seconds) };
		free(name);
	}
}

/* The recorder attaches while the loads warm up; the session exists once its probes are attached. Its budget is off: probes
 * that step down in the middle of a run would change the truth that is being measured. */
static pid_t record_start(const struct run *run, const char *session)
{
	char duration[32], interval[32];
	char *log = str_fmt("%s/record.log", run->folder);
	pid_t pid;

	snprintf(duration, sizeof(duration), "%.0fs", ceil(run->c->warmup_s + run->c->measure_s + 3 * CAMPAIGN_GRACE_S));
	snprintf(interval, sizeof(interval), "%.1fs", fmax(1, floor(run->c->measure_s / SESSION_INTERVALS)));
	pid = child_spawn((char *[]){ "/proc/self/exe", "record", "--quiet", "--budget", "0", "--interval", interval, "--duration", duration, "-o",
				(char *)(uintptr_t)session, NULL }, log, 0);
	free(log);
	return pid;
}

static void record_wait(const char *session)
{
	for (int tries = 0; tries < ATTACH_TRIES && access(session, F_OK); tries++)
		clock_nap(ATTACH_STEP_NS);
}

static void truths_read(const struct run *run, struct campaign_result *r)
{
	for (size_t i = 0; i < run->s->n; i++) {
		const struct campaign_service *sv = &run->c->services[run->s->member[i]];

		for (size_t k = 0; k < sv->n_truths; k++)
			r->truth[i][k] = campaign_figure(&sv->truths[k].pattern, run->output[i]);
		if (!isfinite(r->truth[i][0]))
			fail(r, "its load generator's output has no positive figure where the first pattern looks", sv->id);
	}
}

static void external_judge(const struct campaign *c, const char *session, struct campaign_result *r)
{
	char what[80];

	r->external_ratio = external_of(session, "n_cpus");
	if (r->external_ratio > 1)
		r->external_ratio = 1; /* two clocks: a little more than all is all */
	if (!(r->external_ratio > c->max_external_ratio))
		return;
	snprintf(what, sizeof(what), "others used %.1f %% of the node", r->external_ratio * 100);
	fail(r, what, "external load");
}

/* Warm-up, then the measurement; loads end by themselves. */
static void loads_run(const struct run *run, const char *session, struct campaign_result *r)
{
	const struct campaign *c = run->c;
	struct child loads[CAMPAIGN_GROUP_MAX] = { 0 };

	if (c->warmup_s > 0) {
		loads_start(run, loads, c->warmup_s, false);
		for (size_t i = 0; i < run->s->n; i++)
			child_reap(&loads[i], clock_ns(CLOCK_MONOTONIC) + (uint64_t)((c->warmup_s + CAMPAIGN_GRACE_S) * 1e9));
	}
	record_wait(session);
	loads_start(run, loads, c->measure_s, true);
	for (size_t i = 0; i < run->s->n; i++)
		if (child_reap(&loads[i], clock_ns(CLOCK_MONOTONIC) + (uint64_t)((c->measure_s + CAMPAIGN_GRACE_S) * 1e9)))
			fail(r, "its load generator failed", c->services[run->s->member[i]].id);
}

static void run_once(struct run *run, struct campaign_result *r)
{
	const struct campaign *c = run->c;
	const struct campaign_setup *s = run->s;
	struct child *press, record = { 0 };
	char *session = str_fmt("%s/sessions/%s.%u.db", run->folder, s->name, r->repeat);

	for (size_t i = 0; i < s->n; i++)
		run->output[i] = str_fmt("%s/%s.load.out", run->folder, c->services[s->member[i]].id);
	unlink(session); /* left by an interrupted attempt at this very run */
	r->ok = true;
	press = campaign_press_start(c, s, run->full_per_s[r->setup], run->folder);
	record.pid = record_start(run, session);
	loads_run(run, session, r);
	truths_read(run, r);
	if (!campaign_press_stop(s, press))
		fail(r, "synthetic pressure ended before the loads did", s->press);
	if (record.pid > 0)
		kill(record.pid, SIGINT);
	if (child_reap(&record, clock_ns(CLOCK_MONOTONIC) + CAMPAIGN_GRACE_S * 1000000000ull))
		fail(r, "recording failed, see record.log", "session");
	campaign_press_reap(s, press);
	external_judge(c, session, r);
	for (size_t i = 0; i < s->n; i++)
		free(run->output[i]);
	free(session);
}

static void tell(FILE *progress, const struct campaign *c, const struct campaign_log *log, const struct campaign_result *r, uint64_t left_ns)
{
	const struct campaign_setup *s = &c->setups[r->setup];

	if (!progress)
		return;
	fprintf(progress, "%4zu  %-40s #%u ", log->n, s->name, r->repeat + 1);
	for (size_t i = 0; i < s->n; i++)
		fprintf(progress, " %s=%.6g", c->services[s->member[i]].id, r->truth[i][0]);
	fprintf(progress, "%s%s  (%llu min of the budget left)\n", r->ok ? "" : "  LEFT OUT: ", r->why, (unsigned long long)(left_ns / 60000000000ull));
	fflush(progress);
}

int campaign_run(const struct campaign *c, const char *folder, struct campaign_log *log, const volatile bool *stop, FILE *progress,
		 struct err *e)
{
	struct child *services = mem_alloc(c->n_services, sizeof(*services));
	double *full_per_s = mem_alloc(c->n_setups, sizeof(*full_per_s));
	uint64_t start = clock_ns(CLOCK_MONOTONIC);
	unsigned repeat = 0;
	size_t up = 0;
	int err = 0;
	long next;

	for (; up < c->n_services && !*stop; up++)
		if ((err = service_start(&c->services[up], folder, &services[up], e)) < 0) {
			up++;
			goto out;
		}
	if ((err = campaign_press_calibrate(c, folder, full_per_s, e)) < 0)
		goto out;
	while (!*stop && clock_ns(CLOCK_MONOTONIC) - start < c->budget_ns && (next = campaign_next(c, log, &repeat)) >= 0) {
		struct campaign_result r = { .setup = (size_t)next, .repeat = repeat };
		struct run run = { .c = c, .s = &c->setups[next], .folder = folder, .full_per_s = full_per_s };
		uint64_t spent;

		run_once(&run, &r);
		if (*stop)
			break; /* Ctrl-C may have hurt this run; it is done again when the campaign goes on */
		if ((err = campaign_log_add(log, c, &r, e)) < 0)
			goto out;
		spent = clock_ns(CLOCK_MONOTONIC) - start;
		tell(progress, c, log, &r, spent < c->budget_ns ? c->budget_ns - spent : 0);
	}
out:
	while (up--)
		if (services[up].pid > 0 && !services[up].reaped) {
			kill(services[up].pid, SIGTERM);
			child_reap(&services[up], clock_ns(CLOCK_MONOTONIC) + 10000000000ull);
		}
	free(services);
	free(full_per_s);
	return err;
}
