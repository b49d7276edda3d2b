/*
 * Fleet file + sessions -> instance: see fleet.h.
 *
 * A demand is a percentile over the session's intervals of what the service used, times a headroom factor; the percentile
 * of a sum of services is not the sum of percentiles, so this errs on the safe side. A resource is planned when every node
 * has a capacity for it (given, or known from the session a node is `like`); a resource that a session did not measure is
 * an error, not a zero.
 */
#include "planner/import/fleet.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/sort.h"
#include "collector/profile.h"
#include "planner/kind.h"

#define FLEET_MAX_BYTES (64u << 20)
#define MAX_REPLICAS 1000000
#define END N_METRICS /* closes a list of metrics */

static const struct usage {
	const char *name, *unit, *fact;   /* fact: header of the session that holds a node's capacity; NULL = must be given */
	int64_t fact_scale;
	bool rate;                        /* counter: per second; else a gauge */
	double scale;                     /* from the metric's unit to the resource's */
	enum metric_id first[3], second[3]; /* summed; `second` where `first` is absent */
} usages[] = {
	{ "cpu_mcpu", "mcpu", "n_cpus", 1000, true, 1e-6, { METRIC_CPU_ON, END }, { METRIC_CPU_USAGE, END } },
	{ "memory_bytes", "bytes", "mem_total_bytes", 1, false, 1, { METRIC_MEM_RESIDENT, END }, { END } },
	{ "disk_bytes_per_s", "bytes/s", NULL, 1, true, 1, { METRIC_DISK_READ_BYTES, METRIC_DISK_WRITE_BYTES, END }, { END } },
	{ "net_bytes_per_s", "bytes/s", NULL, 1, true, 1, { METRIC_NET_RX_BYTES, METRIC_NET_TX_BYTES, END }, { END } },
};
#define N_USAGES (sizeof(usages) / sizeof(usages[0]))

struct fleet {
	const char *path;
	struct instance *in;
	struct session **sessions;   /* read once each */
	size_t n_sessions, cap_sessions;
	double percentile;
	int64_t (*capacity)[N_USAGES]; /* [node], -1 = none */
	double *headroom;            /* [service] */
	const struct session **from; /* [service] */
	size_t *as;                  /* [service] index in from[] */
};

static char *beside(const char *path, const char *name)
{
	const char *slash = strrchr(path, '/');

	if (*name == '/' || !slash)
		return str_dup(name);
	return str_fmt("%.*s/%s", (int)(slash - path), path, name);
}

static const struct session *session_of(struct fleet *f, const struct json_at *at, const char *name, struct err *e)
{
	char *path = beside(f->path, name);
	struct session *s = NULL;

	for (size_t i = 0; i < f->n_sessions && !s; i++)
		if (!strcmp(f->sessions[i]->path, path))
			s = f->sessions[i];
	if (!s) {
		s = session_read(path, e);
		if (!s)
			err_prefix(e, "%s: session \"%.80s\"", at->file, name);
		else {
			f->sessions = array_grow(f->sessions, &f->cap_sessions, f->n_sessions + 1, sizeof(*f->sessions));
			f->sessions[f->n_sessions++] = s;
		}
	}
	free(path);
	return s;
}

static int capacity_read(struct fleet *f, const struct json_at *at, int64_t *cap, struct err *e)
{
	static const char *const keys[] = { "cpu_mcpu", "memory_bytes", "disk_bytes_per_s", "net_bytes_per_s", NULL };
	struct json_at given = json_key(at, "capacity");
	const struct session *like = NULL;
	const char *name = NULL;
	int err;

	if ((err = json_get_str(at, "like", false, &name, e)) < 0)
		return err;
	if (name && !(like = session_of(f, at, name, e)))
		return e->code;
	if (given.value && ((err = json_check_object(&given, e)) < 0 || (err = json_only(&given, keys, e)) < 0))
		return err;
	for (size_t u = 0; u < N_USAGES; u++) {
		const char *fact = like && usages[u].fact ? session_fact(like, usages[u].fact) : NULL;
		int64_t v;

		cap[u] = fact && !parse_i64(fact, &v) && v <= INT64_MAX / usages[u].fact_scale ? v * usages[u].fact_scale : -1;
		if (given.value && (err = json_get_i64(&given, usages[u].name, false, 0, INT64_MAX / 1024, &cap[u], e)) < 0)
			return err;
	}
	return 0;
}

static int nodes_read(struct fleet *f, const struct json_at *list, struct err *e)
{
	static const char *const keys[] = { "id", "count", "type", "cost", "like", "capacity", NULL };
	struct instance *in = f->in;
	size_t n, cap_nodes = 0, cap_rows = 0;
	int err;

	if ((err = json_check_array(list, &n, e)) < 0)
		return err;
	for (size_t i = 0; i < n; i++) {
		struct json_at at = json_item(list, i);
		const char *id, *type = "";
		int64_t count = 1, cost = 1, row[N_USAGES];

		if ((err = json_check_object(&at, e)) < 0 || (err = json_only(&at, keys, e)) < 0 ||
		    (err = json_get_str(&at, "id", true, &id, e)) < 0 || (err = json_get_str(&at, "type", false, &type, e)) < 0 ||
		    (err = json_get_i64(&at, "count", false, 1, 100000, &count, e)) < 0 ||
		    (err = json_get_i64(&at, "cost", false, 0, INT64_MAX / 1000000, &cost, e)) < 0 ||
		    (err = capacity_read(f, &at, row, e)) < 0)
			return err;
		in->nodes = array_grow(in->nodes, &cap_nodes, in->n_nodes + (size_t)count, sizeof(*in->nodes));
		f->capacity = array_grow(f->capacity, &cap_rows, in->n_nodes + (size_t)count, sizeof(*f->capacity));
		for (int64_t k = 0; k < count; k++) {
			memcpy(f->capacity[in->n_nodes], row, sizeof(row));
			in->nodes[in->n_nodes++] = (struct node){
				.id = count > 1 ? str_fmt("%s-%lld", id, (long long)k + 1) : str_dup(id),
				.type = str_dup(type), .cost = cost, .model_type = -1 };
		}
	}
	return n ? 0 : json_fail(list, e, "needs at least one node");
}

static int service_find(const struct session *s, const char *name, size_t *out)
{
	for (size_t i = 0; i < s->n_services; i++)
		if (s->services[i].kind == CULPRIT_SERVICE && !strcmp(s->services[i].name, name)) {
			*out = i;
			return 0;
		}
	return -ENOENT;
}

static int service_read(struct fleet *f, const struct json_at *at, uint32_t i, struct err *e)
{
	static const char *const keys[] = { "id", "session", "service", "replicas", "headroom", "limit", "confidence", NULL };
	struct service *s = &f->in->services[i];
	const char *id, *session, *name;
	int64_t replicas = 1;
	int err;

	*s = (struct service){ .limit_ratio = INFINITY, .limit_confidence = 0.9, .group = i, .model_service = -1 };
	f->headroom[i] = 1;
	if ((err = json_check_object(at, e)) < 0 || (err = json_only(at, keys, e)) < 0 ||
	    (err = json_get_str(at, "id", true, &id, e)) < 0)
		return err;
	name = id;
	if ((err = json_get_str(at, "session", true, &session, e)) < 0 || (err = json_get_str(at, "service", false, &name, e)) < 0 ||
	    (err = json_get_i64(at, "replicas", false, 1, MAX_REPLICAS, &replicas, e)) < 0 ||
	    (err = json_get_f64(at, "headroom", false, 1, 100, &f->headroom[i], e)) < 0 ||
	    (err = json_get_f64(at, "limit", false, 1, 1e6, &s->limit_ratio, e)) < 0 ||
	    (err = json_get_f64(at, "confidence", false, 0.01, 0.999, &s->limit_confidence, e)) < 0)
		return err;
	s->id = str_dup(id);
	s->profile = strcmp(name, id) ? str_dup(name) : NULL;
	s->replicas = (uint32_t)replicas;
	f->in->group_ids[i] = str_dup(id);
	if (!(f->from[i] = session_of(f, at, session, e)))
		return e->code;
	if (service_find(f->from[i], name, &f->as[i]) < 0)
		return json_fail(at, e, "session %.80s has no service \"%.60s\"", session, name);
	return 0;
}

static int services_read(struct fleet *f, const struct json_at *list, struct err *e)
{
	size_t n;
	int err;

	if ((err = json_check_array(list, &n, e)) < 0)
		return err;
	if (!n || n > MAX_REPLICAS)
		return json_fail(list, e, "needs 1 to %d services", MAX_REPLICAS);
	f->in->services = mem_alloc(n, sizeof(*f->in->services));
	f->in->group_ids = mem_alloc(n, sizeof(*f->in->group_ids));
	f->from = mem_alloc(n, sizeof(*f->from));
	f->as = mem_alloc(n, sizeof(*f->as));
	f->headroom = mem_alloc(n, sizeof(*f->headroom));
	f->in->n_services = f->in->n_groups = (uint32_t)n;
	for (uint32_t i = 0; i < n; i++) {
		struct json_at at = json_item(list, i);

		if ((err = service_read(f, &at, i, e)) < 0)
			return err;
	}
	return 0;
}

/* Sum of the listed metrics in one interval; SESSION_ABSENT when any is. */
static int64_t reading(const struct session *s, size_t interval, size_t service, const enum metric_id *list)
{
	int64_t sum = 0;

	if (*list == END)
		return SESSION_ABSENT;
	for (; *list != END; list++) {
		int64_t v = session_value(s, interval, service, *list);

		if (v == SESSION_ABSENT)
			return SESSION_ABSENT;
		sum += v;
	}
	return sum;
}

/* Nearest-rank percentile of the service's use, in the resource's unit; negative when nothing was measured. */
static double used(const struct fleet *f, uint32_t service, const struct usage *u)
{
	const struct session *s = f->from[service];
	double *v = mem_alloc(s->n_intervals, sizeof(*v)), found = -1;
	size_t n = 0;

	for (size_t i = 0; i < s->n_intervals; i++) {
		double seconds = (double)(s->intervals[i].end_ns - s->intervals[i].start_ns) / 1e9;
		int64_t x = reading(s, i, f->as[service], u->first);

		if (x == SESSION_ABSENT)
			x = reading(s, i, f->as[service], u->second);
		if (x != SESSION_ABSENT && seconds > 0)
			v[n++] = (double)x * u->scale / (u->rate ? seconds : 1);
	}
	if (n) {
		size_t rank = (size_t)ceil(f->percentile / 100 * (double)n);

		qsort(v, n, sizeof(*v), sort_doubles);
		found = v[rank ? rank - 1 : 0];
	}
	free(v);
	return found;
}

static bool planned(const struct fleet *f, size_t usage)
{
	for (uint32_t n = 0; n < f->in->n_nodes; n++)
		if (f->capacity[n][usage] < 0)
			return false;
	return true;
}

static int columns_fill(struct fleet *f, struct err *e)
{
	struct instance *in = f->in;
	size_t use[N_USAGES];

	in->resources = mem_alloc(N_USAGES, sizeof(*in->resources));
	for (size_t u = 0; u < N_USAGES; u++)
		if (planned(f, u)) {
			use[in->n_resources] = u;
			in->resources[in->n_resources++] = (struct resource){ .name = str_dup(usages[u].name),
				.unit = str_dup(usages[u].unit), .slots = 1 };
		}
	if (!in->n_resources)
		return err_set(e, -EINVAL, "%s: no resource has a capacity on every node; give \"capacity\" or \"like\"", f->path);
	instance_number(in);
	in->capacity = mem_alloc((size_t)in->n_nodes * in->n_columns, sizeof(*in->capacity));
	in->demand = mem_alloc((size_t)in->n_services * in->n_columns, sizeof(*in->demand));
	for (uint32_t r = 0; r < in->n_resources; r++) {
		for (uint32_t n = 0; n < in->n_nodes; n++)
			in->capacity[(size_t)n * in->n_columns + r] = f->capacity[n][use[r]];
		for (uint32_t s = 0; s < in->n_services; s++) {
			double v = used(f, s, &usages[use[r]]);

			if (v < 0)
				return err_set(e, -EINVAL, "%s: services[%u]: %s did not measure %s of \"%s\"; leave that capacity out",
					       f->path, s, f->from[s]->path, usages[use[r]].name, in->services[s].id);
			in->demand[(size_t)s * in->n_columns + r] = (int64_t)ceil(v * f->headroom[s]);
		}
	}
	return 0;
}

struct instance *fleet_import(const char *path, struct err *e)
{
	static const char *const keys[] = { "name", "percentile", "nodes", "services", NULL };
	struct fleet f = { .path = path, .in = instance_new(), .percentile = 95 };
	struct json_at at = { .file = path }, nodes, services;
	const char *name = "fleet";
	int err;

	if ((err = json_read(path, FLEET_MAX_BYTES, &at.value, e)) < 0)
		goto out;
	nodes = json_key(&at, "nodes");
	services = json_key(&at, "services");
	if ((err = json_check_object(&at, e)) < 0 || (err = json_only(&at, keys, e)) < 0 ||
	    (err = json_get_str(&at, "name", false, &name, e)) < 0 ||
	    (err = json_get_f64(&at, "percentile", false, 0, 100, &f.percentile, e)) < 0 ||
	    (err = nodes_read(&f, &nodes, e)) < 0 || (err = services_read(&f, &services, e)) < 0)
		goto out;
	f.in->name = str_dup(name);
	if ((err = columns_fill(&f, e)) < 0)
		goto out;
	err = instance_finish(f.in, e);
out:
	json_decref(at.value);
	for (size_t i = 0; i < f.n_sessions; i++)
		session_free(f.sessions[i]);
	free(f.sessions);
	free(f.capacity);
	free(f.headroom);
	free(f.from);
	free(f.as);
	if (!err)
		return f.in;
	instance_free(f.in);
	return NULL;
}

static int import(char *const *inputs, int n_inputs, const char *output, struct err *e)
{
	struct instance *in;
	int err;

	if (n_inputs != 1)
		return err_set(e, -EINVAL, "import fleet takes one FLEET.json, got %d inputs", n_inputs);
	if (!(in = fleet_import(inputs[0], e)))
		return e->code;
	err = instance_write(in, output, e);
	instance_free(in);
	return err;
}

const struct kind kind_fleet = { .name = "fleet", .help = "recorded sessions on a described fleet: FLEET.json (docs/fleet.md)", .import = import };
