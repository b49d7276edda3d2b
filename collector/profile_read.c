/*
 * Reading a session file into memory, trusting nothing in it: application id, schema version, SQLite's own integrity check, then every
 * id against its range. A column this program does not know is ignored, one that the file lacks reads as absent.
 *
 * A file that SIGKILL left has a -wal beside it; SQLite replays that on open. Where the reader may not write there (not root),
 * SQLite needs the -shm file to exist; otherwise the main file alone is read (immutable), which misses the last intervals.
 */
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/mem.h"
#include "collector/profile_blob.h"
#include "collector/store.h"

#define VALUES_MAX (1ull << 29)  /* 4 GiB of samples in memory */

struct reader {
	const char *path;
	sqlite3 *db;
	sqlite3_stmt *st;
	struct session *s;
	struct err *e;
};

static int read_fail(struct reader *r, const char *what)
{
	return err_set(r->e, -EINVAL, "%s: damaged session: %s; recover what is left with: sqlite3 %s .recover", r->path, what, r->path);
}

static int query(struct reader *r, const char *sql)
{
	sqlite3_finalize(r->st);
	r->st = NULL;
	return sqlite3_prepare_v2(r->db, sql, -1, &r->st, NULL) ? read_fail(r, sqlite3_errmsg(r->db)) : 0;
}

/* 1 = a row is there, 0 = done, negative = failure. */
static int next(struct reader *r)
{
	int rc = sqlite3_step(r->st);

	return rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : read_fail(r, sqlite3_errmsg(r->db));
}

static char *text_of(struct reader *r, int column)
{
	const unsigned char *t = sqlite3_column_text(r->st, column);

	return str_dup(t ? (const char *)t : "");
}

static int64_t value_of(struct reader *r, int column)
{
	return sqlite3_column_type(r->st, column) == SQLITE_NULL ? SESSION_ABSENT : sqlite3_column_int64(r->st, column);
}

static int pragma(struct reader *r, const char *sql, int64_t *out)
{
	int err = query(r, sql);

	if (!err && (err = next(r)) > 0) {
		*out = sqlite3_column_int64(r->st, 0);
		err = 0;
	}
	return err;
}

static int check_header(struct reader *r)
{
	int64_t application = 0, schema = 0;
	int err;

	if ((err = pragma(r, "PRAGMA application_id", &application)) < 0 || (err = pragma(r, "PRAGMA user_version", &schema)) < 0)
		return err_set(r->e, -EINVAL, "%s: not a session file, or its header is damaged: %s", r->path, sqlite3_errmsg(r->db));
	if (application != SESSION_APPLICATION)
		return err_set(r->e, -EINVAL, "%s: not a session file; make one with: cotenant record", r->path);
	if (schema > SESSION_SCHEMA)
		return err_set(r->e, -EINVAL, "%s: written by a newer cotenant (schema %lld, this program reads up to %d); "
			       "upgrade cotenant", r->path, (long long)schema, SESSION_SCHEMA);
	if (schema < 1)
		return err_set(r->e, -EINVAL, "%s: empty session; the recording ended before its first interval", r->path);
	if ((err = query(r, "PRAGMA quick_check(1)")) < 0 || (err = next(r)) < 0)
		return err;
	if (err && strcmp((const char *)sqlite3_column_text(r->st, 0), "ok"))
		return read_fail(r, (const char *)sqlite3_column_text(r->st, 0));
	return 0;
}

static int read_facts(struct reader *r)
{
	struct session *s = r->s;
	size_t cap = 0;
	int err = query(r, "SELECT key, value FROM fact ORDER BY key");

	while (!err && (err = next(r)) > 0) {
		s->facts = array_grow(s->facts, &cap, s->n_facts + 1, sizeof(*s->facts));
		s->facts[s->n_facts++] = (struct session_fact){ text_of(r, 0), text_of(r, 1) };
		err = 0;
	}
	return err;
}

static int read_probes(struct reader *r)
{
	struct session *s = r->s;
	size_t cap = 0;
	int err = query(r, "SELECT name, state, note, run_ns, runs, losses FROM probe ORDER BY name");

	while (!err && (err = next(r)) > 0) {
		s->probes = array_grow(s->probes, &cap, s->n_probes + 1, sizeof(*s->probes));
		s->probes[s->n_probes++] = (struct session_probe){ text_of(r, 0), text_of(r, 1), text_of(r, 2),
								   value_of(r, 3), value_of(r, 4), value_of(r, 5) };
		err = 0;
	}
	return err;
}

static int read_services(struct reader *r)
{
	struct session *s = r->s;
	size_t cap = 0;
	int err = query(r, "SELECT name, selector, kind, id FROM service ORDER BY id");

	while (!err && (err = next(r)) > 0) {
		const char *kind = (const char *)sqlite3_column_text(r->st, 2);
		enum culprit_kind k = CULPRIT_SERVICE;

		while (k <= CULPRIT_UNKNOWN && (!kind || strcmp(kind, culprit_kind_names[k])))
			k++;
		if (k > CULPRIT_UNKNOWN)
			return read_fail(r, "a service of unknown kind");
		if (sqlite3_column_int64(r->st, 3) != (int64_t)s->n_services)
			return read_fail(r, "service ids have gaps");
		s->services = array_grow(s->services, &cap, s->n_services + 1, sizeof(*s->services));
		s->services[s->n_services++] = (struct session_service){ text_of(r, 0), text_of(r, 1), k };
		err = 0;
	}
	return err;
}

static int read_intervals(struct reader *r)
{
	struct session *s = r->s;
	size_t cap = 0;
	int err = query(r, "SELECT start_ns, end_ns, wall_ns, late_ns, collector_ns, bpf_ns, losses, id FROM interval ORDER BY id");

	while (!err && (err = next(r)) > 0) {
		if (sqlite3_column_int64(r->st, 7) != (int64_t)s->n_intervals)
			return read_fail(r, "interval ids have gaps");
		s->intervals = array_grow(s->intervals, &cap, s->n_intervals + 1, sizeof(*s->intervals));
		s->intervals[s->n_intervals++] = (struct session_interval){
			(uint64_t)sqlite3_column_int64(r->st, 0), (uint64_t)sqlite3_column_int64(r->st, 1),
			(uint64_t)sqlite3_column_int64(r->st, 2), value_of(r, 3), value_of(r, 4), value_of(r, 5), value_of(r, 6) };
		err = 0;
	}
	return err;
}

static bool in_range(struct reader *r, int column, size_t n)
{
	return sqlite3_column_type(r->st, column) == SQLITE_INTEGER && (uint64_t)sqlite3_column_int64(r->st, column) < n;
}

static int64_t *value_row(struct session *s, int64_t interval, int64_t service)
{
	return &s->values[((size_t)interval * s->n_services + (size_t)service) * N_METRICS];
}

static int read_samples(struct reader *r)
{
	struct session *s = r->s;
	enum metric_id *metric_of;
	unsigned long long n;
	int err, columns;

	if (__builtin_mul_overflow(s->n_intervals * (unsigned long long)s->n_services, (unsigned long long)N_METRICS, &n) ||
	    n > VALUES_MAX)
		return err_set(r->e, -EFBIG, "%s: %zu intervals of %zu services are more than fits in memory; record with a longer "
			       "--interval", r->path, s->n_intervals, s->n_services);
	s->values = mem_alloc(n ? n : 1, sizeof(*s->values));
	for (size_t i = 0; i < n; i++)
		s->values[i] = SESSION_ABSENT;
	if ((err = query(r, "SELECT * FROM sample ORDER BY interval, service")) < 0)
		return err;
	columns = sqlite3_column_count(r->st);
	metric_of = mem_alloc((size_t)columns, sizeof(*metric_of));
	for (int c = 0; c < columns; c++)
		metric_of[c] = metric_find(sqlite3_column_name(r->st, c));
	while ((err = next(r)) > 0) {
		int64_t *row;

		if (!in_range(r, 0, s->n_intervals) || !in_range(r, 1, s->n_services)) {
			err = read_fail(r, "a sample of no interval or service");
			break;
		}
		row = value_row(s, sqlite3_column_int64(r->st, 0), sqlite3_column_int64(r->st, 1));
		for (int c = 2; c < columns; c++)
			if (metric_of[c] != N_METRICS)
				row[metric_of[c]] = value_of(r, c);
	}
	free(metric_of);
	return err;
}

static int read_blames(struct reader *r)
{
	struct session *s = r->s;
	size_t cap = 0;
	int err;

	/* Resource order of the enum, not of the alphabet. */
	err = query(r, "SELECT interval, victim, culprit, resource, delay_ns FROM blame ORDER BY interval, CASE resource "
		    "WHEN 'cpu' THEN 0 WHEN 'smt' THEN 1 WHEN 'disk' THEN 2 WHEN 'net' THEN 3 WHEN 'softirq' THEN 4 "
		    "WHEN 'memory' THEN 5 WHEN 'request' THEN 6 ELSE 7 END, victim, culprit");
	while (!err && (err = next(r)) > 0) {
		const char *name = (const char *)sqlite3_column_text(r->st, 3);
		enum blame_resource resource = 0;

		err = 0;
		while (resource < BLAME_RESOURCES && (!name || strcmp(name, blame_resource_names[resource])))
			resource++;
		if (resource == BLAME_RESOURCES)
			continue; /* of a later minor version */
		if (!in_range(r, 0, s->n_intervals) || !in_range(r, 1, s->n_services) || !in_range(r, 2, s->n_services))
			return read_fail(r, "blame of no interval or service");
		s->blames = array_grow(s->blames, &cap, s->n_blames + 1, sizeof(*s->blames));
		s->blames[s->n_blames++] = (struct session_blame){
			(uint32_t)sqlite3_column_int64(r->st, 0), (uint32_t)sqlite3_column_int64(r->st, 1),
			(uint32_t)sqlite3_column_int64(r->st, 2), resource, sqlite3_column_int64(r->st, 4) };
	}
	return err;
}

bool blob_unpack(const struct session_blob *b, uint64_t counts[HIST_BUCKETS])
{
	uint8_t raw[HIST_BUCKETS * 8];
	uLongf size = sizeof(raw);

	if (uncompress(raw, &size, b->data, b->size) != Z_OK || size != sizeof(raw))
		return false;
	memset(counts, 0, HIST_BUCKETS * sizeof(*counts));
	for (size_t i = 0; i < sizeof(raw); i++)
		counts[i / 8] |= (uint64_t)raw[i] << 8 * (i % 8);
	return true;
}

static int blob_order(const void *a, const void *b)
{
	const struct session_blob *x = a, *y = b;

	if (x->service != y->service)
		return x->service < y->service ? -1 : 1;
	if (x->metric != y->metric)
		return x->metric < y->metric ? -1 : 1;
	return x->interval < y->interval ? -1 : x->interval > y->interval;
}

static int keep_blob(struct reader *r, enum metric_id metric, size_t *cap)
{
	struct session *s = r->s;
	struct session_blob *b;
	uint64_t counts[HIST_BUCKETS], total = 0;
	int size = sqlite3_column_bytes(r->st, 3);

	if (!in_range(r, 0, s->n_services) || !in_range(r, 2, s->n_intervals) || size <= 0)
		return read_fail(r, "a histogram of no interval or service");
	s->blobs = array_grow(s->blobs, cap, s->n_blobs + 1, sizeof(*s->blobs));
	b = &s->blobs[s->n_blobs++];
	*b = (struct session_blob){ (uint32_t)sqlite3_column_int64(r->st, 0), (uint32_t)sqlite3_column_int64(r->st, 2), metric,
				    (uint32_t)size, mem_alloc((size_t)size, 1) };
	memcpy(b->data, sqlite3_column_blob(r->st, 3), (size_t)size);
	if (!blob_unpack(b, counts))
		return read_fail(r, "a histogram does not unpack");
	for (size_t i = 0; i < HIST_BUCKETS; i++)
		total += counts[i];
	value_row(s, b->interval, b->service)[metric] = (int64_t)(total & INT64_MAX);
	return 0;
}

static int read_hists(struct reader *r)
{
	size_t cap = 0;
	int err = query(r, "SELECT service, metric, interval, counts FROM hist");

	while (!err && (err = next(r)) > 0) {
		const char *name = (const char *)sqlite3_column_text(r->st, 1);
		enum metric_id metric = name ? metric_find(name) : N_METRICS;

		err = metric == N_METRICS || metrics[metric].kind != METRIC_HIST ? 0 : keep_blob(r, metric, &cap);
	}
	if (!err && r->s->n_blobs)
		qsort(r->s->blobs, r->s->n_blobs, sizeof(*r->s->blobs), blob_order);
	return err;
}

static int open_session(struct reader *r)
{
	struct stat st;
	char *uri;
	bool opened;

	if (stat(r->path, &st))
		return err_set(r->e, -errno, "%s: cannot open: %s", r->path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return err_set(r->e, -EINVAL, "%s: not a file, a session is needed", r->path);
	if (access(r->path, R_OK))
		return err_set(r->e, -errno, "%s: cannot open: %s", r->path, strerror(errno));
	opened = !sqlite3_open_v2(r->path, &r->db, SQLITE_OPEN_READONLY, NULL) &&
		 !sqlite3_exec(r->db, "SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL);
	if (opened || (sqlite3_errcode(r->db) & 0xff) == SQLITE_NOTADB || (sqlite3_errcode(r->db) & 0xff) == SQLITE_CORRUPT)
		return 0;
	sqlite3_close(r->db);
	uri = sqlite3_mprintf("file:%q?immutable=1", r->path);
	opened = uri && !sqlite3_open_v2(uri, &r->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL);
	sqlite3_free(uri);
	return opened ? 0 : err_set(r->e, -EIO, "%s: cannot open: %s", r->path, sqlite3_errmsg(r->db));
}

struct session *session_read(const char *path, struct err *e)
{
	static int (*const steps[])(struct reader *) = { open_session, check_header, read_facts, read_probes, read_services,
							 read_intervals, read_samples, read_blames, read_hists };
	struct reader r = { .path = path, .e = e, .s = mem_alloc(1, sizeof(struct session)) };
	int err = 0;

	r.s->path = str_dup(path);
	for (size_t i = 0; !err && i < sizeof(steps) / sizeof(*steps); i++)
		err = steps[i](&r);
	sqlite3_finalize(r.st);
	sqlite3_close(r.db);
	if (!err)
		return r.s;
	session_free(r.s);
	return NULL;
}
