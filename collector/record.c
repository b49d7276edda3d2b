/* Session rows from sampler readings: see record.h. Facts are those of DESIGN's header: what a reader needs to trust the figures. */
#include "collector/record.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"

static const char *const probe_states[] = {
	[PROBE_ON] = "on", [PROBE_REDUCED] = "reduced", [PROBE_OFF] = "off", [PROBE_UNAVAILABLE] = "unavailable",
};

static int put_number(struct store *s, const char *key, uint64_t value, struct err *e)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	return store_fact(s, key, text, e);
}

static int put_file(struct store *s, const char *key, int root_fd, const char *path, struct err *e)
{
	char text[256];

	if (file_read_at(root_fd, path, text, sizeof(text)) <= 0)
		return 0; /* absent */
	text[strcspn(text, "\n")] = '\0';
	return store_fact(s, key, text, e);
}

static int put_facts(struct record *r, const struct record_facts *facts, struct err *e)
{
	const struct cgroup_layout *l = &r->sampler->services->layout;
	struct store *s = r->store;
	struct utsname u;
	char budget[32];
	int err;

	uname(&u);
	snprintf(budget, sizeof(budget), "%g", facts->budget_ratio);
	(void)((err = store_fact(s, "node", u.nodename, e)) || (err = store_fact(s, "kernel", u.release, e)) ||
	       (err = store_fact(s, "machine", u.machine, e)) || (err = store_fact(s, "cotenant_version", COTENANT_VERSION, e)) ||
	       (err = store_fact(s, "cgroup_layout", cgroup_layout_name(l), e)) ||
	       (err = put_file(s, "boot_id", l->root_fd, "proc/sys/kernel/random/boot_id", e)) ||
	       (err = put_file(s, "smt_active", l->root_fd, "sys/devices/system/cpu/smt/active", e)) ||
	       (err = put_file(s, "cpus_online", l->root_fd, "sys/devices/system/cpu/online", e)) ||
	       (err = put_number(s, "n_cpus", r->sampler->budget.n_cpus, e)) ||
	       (err = put_number(s, "mem_total_bytes", (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE), e)) ||
	       (err = put_number(s, "interval_ns", facts->interval_ns, e)) || (err = store_fact(s, "budget_ratio", budget, e)) ||
	       (err = store_fact(s, "blame_resources", "", e)) ||
	       (err = store_fact(s, "probes", r->sampler->probes ? "running" : r->sampler->why.text[0] ? r->sampler->why.text :
							 "not asked for", e)) ||
	       (err = facts->command ? store_fact(s, "command", facts->command, e) : 0));
	return err;
}

static int put_new_services(struct record *r, struct err *e)
{
	int err = 0;

	for (; !err && r->n_known < r->sampler->n; r->n_known++) {
		struct session_service row = { (char *)sampler_name(r->sampler, r->n_known), (char *)"",
					       sampler_kind(r->n_known) };

		if (r->n_known >= PARTICIPANT_FIRST)
			row.selector = r->sampler->services->v[r->n_known - PARTICIPANT_FIRST].selector;
		err = store_service(r->store, (uint32_t)r->n_known, &row, e);
	}
	return err;
}

static int put_probes(struct record *r, struct err *e)
{
	struct probe_status status;
	int err = 0;

	for (size_t i = 0; !err && r->sampler->probes && i < probes_count(r->sampler->probes); i++) {
		probes_status(r->sampler->probes, i, &status);
		err = store_probe(r->store, &(struct session_probe){ (char *)status.name, (char *)probe_states[status.state], status.note,
				  (int64_t)status.run_ns, (int64_t)status.runs, (int64_t)status.losses }, e);
	}
	return err;
}

int record_open(struct record *r, const char *path, struct sampler *sampler, const struct record_facts *facts, struct err *e)
{
	int err;

	*r = (struct record){ .sampler = sampler };
	err = store_create(path, &r->store, e);
	if (err)
		return err;
	if ((err = put_facts(r, facts, e)) || (err = put_new_services(r, e)) || (err = put_probes(r, e))) {
		store_close(r->store, NULL);
		r->store = NULL;
	}
	return err;
}

static int put_hists(struct record *r, size_t p, struct err *e)
{
	const struct probe_sample *sample = r->sampler->sample;
	int err = 0;

	for (size_t h = 0; !err && h < PROBE_N_HISTS; h++) {
		const uint64_t *counts = sample->hists[h][sampler_slot(p)];
		enum metric_id m = sampler_metric_of_hist((enum probe_hist)h);
		uint64_t any = 0;

		for (size_t b = 0; b < HIST_BUCKETS; b++)
			any |= counts[b];
		if (any && m != N_METRICS && sample->hist_present[h])
			err = store_hist(r->store, (uint32_t)p, m, counts, e);
	}
	return err;
}

static int put_blame(struct record *r, enum blame_resource resource, struct err *e)
{
	const struct sampler *s = r->sampler;
	int err = 0;

	for (size_t v = 0; v < s->n; v++)
		for (size_t c = 0; !err && c < s->n; c++) {
			uint64_t ns = sampler_blame(s, resource, v, c);

			if (ns)
				err = store_blame(r->store, &(struct session_blame){ .victim = (uint32_t)v, .culprit = (uint32_t)c,
						  .resource = resource, .delay_ns = (int64_t)ns }, e);
		}
	return err;
}

/* The fact blame_resources grows by what has been measured. */
static int note_resource(struct record *r, enum blame_resource resource, struct err *e)
{
	const char *name = blame_resource_names[resource];
	size_t n = strlen(r->resources);

	if (strstr(r->resources, name) || n + strlen(name) + 2 > sizeof(r->resources))
		return 0;
	snprintf(r->resources + n, sizeof(r->resources) - n, "%s%s", n ? "," : "", name);
	return store_fact(r->store, "blame_resources", r->resources, e);
}

static bool any_value(const int64_t values[N_METRICS])
{
	for (size_t m = 0; m < N_METRICS; m++)
		if (values[m] != SESSION_ABSENT)
			return true;
	return false;
}

int record_interval(struct record *r, uint64_t late_ns, struct err *e)
{
	struct sampler *s = r->sampler;
	int err = sampler_tick(s, e);

	if (err || (err = store_begin(r->store, e)) || (err = put_new_services(r, e)))
		return err;
	for (size_t p = 0; !err && p < s->n; p++) {
		if (any_value(s->values[p]))
			err = store_sample(r->store, (uint32_t)p, s->values[p], e);
		if (!err && s->probes)
			err = put_hists(r, p, e);
	}
	for (int k = 0; !err && k < BLAME_RESOURCES; k++)
		if (sampler_blame_present(s, (enum blame_resource)k) && !(err = note_resource(r, (enum blame_resource)k, e)))
			err = put_blame(r, (enum blame_resource)k, e);
	s->interval.late_ns = (int64_t)late_ns;
	if (err || (err = put_probes(r, e)) || (err = store_commit(r->store, &s->interval, e)))
		return err;
	r->intervals++;
	r->losses += (uint64_t)s->interval.losses;
	r->own_ratio_sum += s->own_ratio;
	return 0;
}

int record_close(struct record *r, const char *reason, struct err *e)
{
	int err = 0, closed;

	if (!r->store)
		return 0;
	if (strcmp(reason, "failure"))
		err = store_fact(r->store, "end_reason", reason, e);
	closed = store_close(r->store, err ? NULL : e);
	r->store = NULL;
	return err ? err : closed;
}
