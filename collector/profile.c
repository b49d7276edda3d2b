/*
 * Looking things up in a session that is in memory: see profile.h. Reading it from the file: profile_read.c.
 */
#include "collector/profile.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "collector/profile_blob.h"

const char *const culprit_kind_names[] = {
	[CULPRIT_SERVICE] = "service", [CULPRIT_OTHER] = "other", [CULPRIT_KERNEL] = "kernel", [CULPRIT_IRQ] = "irq",
	[CULPRIT_WAKEUP] = "wakeup", [CULPRIT_THROTTLE] = "throttle", [CULPRIT_STEAL] = "steal", [CULPRIT_UNKNOWN] = "unknown",
};

const char *const blame_resource_names[BLAME_RESOURCES] = {
	[BLAME_CPU] = "cpu", [BLAME_SMT] = "smt", [BLAME_DISK] = "disk", [BLAME_NET] = "net", [BLAME_SOFTIRQ] = "softirq",
	[BLAME_MEMORY] = "memory", [BLAME_REQUEST] = "request",
};

void session_free(struct session *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n_facts; i++) {
		free(s->facts[i].key);
		free(s->facts[i].value);
	}
	for (size_t i = 0; i < s->n_probes; i++) {
		free(s->probes[i].name);
		free(s->probes[i].state);
		free(s->probes[i].note);
	}
	for (size_t i = 0; i < s->n_services; i++) {
		free(s->services[i].name);
		free(s->services[i].selector);
	}
	for (size_t i = 0; i < s->n_blobs; i++)
		free(s->blobs[i].data);
	free(s->facts);
	free(s->probes);
	free(s->services);
	free(s->intervals);
	free(s->blames);
	free(s->blobs);
	free(s->values);
	free(s->path);
	free(s);
}

const char *session_fact(const struct session *s, const char *key)
{
	for (size_t i = 0; i < s->n_facts; i++)
		if (!strcmp(s->facts[i].key, key))
			return s->facts[i].value;
	return NULL;
}

int64_t session_value(const struct session *s, size_t interval, size_t service, enum metric_id metric)
{
	return s->values[(interval * s->n_services + service) * N_METRICS + metric];
}

int64_t session_total(const struct session *s, size_t service, enum metric_id metric)
{
	int64_t total = SESSION_ABSENT, v;

	for (size_t i = 0; i < s->n_intervals; i++) {
		v = session_value(s, i, service, metric);
		if (v == SESSION_ABSENT)
			continue;
		if (total == SESSION_ABSENT)
			total = v;
		else if (__builtin_add_overflow(total, v, &total))
			return INT64_MAX;
	}
	return total;
}

/* The first blob at or behind (service, metric, interval); blobs are in that order. */
static size_t blob_find(const struct session *s, size_t service, enum metric_id metric, size_t interval)
{
	size_t low = 0, high = s->n_blobs;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct session_blob *b = &s->blobs[mid];
		bool before = b->service != service ? b->service < service :
			      b->metric != metric ? b->metric < metric : b->interval < interval;

		if (before)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

bool session_hist(const struct session *s, size_t service, enum metric_id metric, size_t first, size_t last, uint64_t *out)
{
	uint64_t counts[HIST_BUCKETS];
	bool found = false;

	memset(out, 0, sizeof(counts));
	for (size_t i = blob_find(s, service, metric, first); i < s->n_blobs; i++) {
		const struct session_blob *b = &s->blobs[i];

		if (b->service != service || b->metric != metric || b->interval >= last)
			break;
		if (!blob_unpack(b, counts))
			continue;
		found = true;
		for (size_t k = 0; k < HIST_BUCKETS; k++)
			out[k] += counts[k];
	}
	return found;
}

/* A resource was measured when the recorder says so, or when it left any row. */
static bool resource_measured(const struct session *s, enum blame_resource resource)
{
	const char *list = session_fact(s, "blame_resources"), *name = blame_resource_names[resource];
	size_t n = strlen(name);

	for (const char *p = list; p && (p = strstr(p, name)); p += n)
		if ((p == list || p[-1] == ',') && (p[n] == ',' || !p[n]))
			return true;
	for (size_t i = 0; i < s->n_blames; i++)
		if (s->blames[i].resource == resource)
			return true;
	return false;
}

int64_t *session_blame_matrix(const struct session *s, enum blame_resource resource)
{
	int64_t *matrix;

	if (!resource_measured(s, resource))
		return NULL;
	matrix = mem_alloc(s->n_services * s->n_services, sizeof(*matrix));
	for (size_t i = 0; i < s->n_blames; i++)
		if (s->blames[i].resource == resource)
			matrix[s->blames[i].victim * s->n_services + s->blames[i].culprit] += s->blames[i].delay_ns;
	return matrix;
}
