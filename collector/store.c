/*
 * The session writer: see store.h. Statements are prepared once; a row is bind, step, reset.
 *
 * WAL with synchronous=NORMAL: SQLite guarantees a consistent database after a crash of process or machine; the last commits may be
 * missing after power loss, which is what a recorder wants (no fsync per interval beside the services under test).
 * The exclusive creation of the file comes first, so that two recorders never share one output.
 */
#include "collector/store.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/mem.h"

enum statement { PUT_FACT, PUT_SERVICE, PUT_PROBE, PUT_INTERVAL, PUT_HIST, PUT_BLAME, N_FIXED, PUT_SAMPLE = N_FIXED,
		 N_STATEMENTS };

static const char *const fixed[N_FIXED] = {
	[PUT_FACT] = "INSERT OR REPLACE INTO fact VALUES(?1, ?2)",
	[PUT_SERVICE] = "INSERT INTO service VALUES(?1, ?2, ?3, ?4)",
	[PUT_PROBE] = "INSERT OR REPLACE INTO probe VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
	[PUT_INTERVAL] = "INSERT INTO interval VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
	[PUT_HIST] = "INSERT INTO hist VALUES(?1, ?2, ?3, ?4)",
	[PUT_BLAME] = "INSERT INTO blame VALUES(?1, ?2, ?3, ?4, ?5)",
};

#define READER_WAIT_MS 5000 /* someone who looks into the session while it begins must not end it */

struct store {
	char *path;
	sqlite3 *db;
	sqlite3_stmt *statements[N_STATEMENTS];
	uint32_t interval;
	z_stream deflate;
	bool deflate_ready, open;
	uint8_t blob[HIST_BUCKETS * 9 + 64];
};

static int store_fail(const struct store *s, struct err *e)
{
	int rc = sqlite3_extended_errcode(s->db), code = -EIO;
	const char *remedy = "check the disk";

	if ((rc & 0xff) == SQLITE_FULL) {
		code = -ENOSPC;
		remedy = "free some space; what was recorded before is in the file";
	} else if ((rc & 0xff) == SQLITE_READONLY || (rc & 0xff) == SQLITE_CANTOPEN) {
		code = -EACCES;
		remedy = "check the permissions of its folder";
	} else if (rc == SQLITE_IOERR_WRITE || rc == SQLITE_IOERR_SHMSIZE) {
		code = -ENOSPC;
		remedy = "the disk is full or failing; what was recorded before is in the file";
	}
	return err_set(e, code, "%s: cannot write the session: %s; %s", s->path, sqlite3_errmsg(s->db), remedy);
}

static int store_exec(struct store *s, const char *sql, struct err *e)
{
	return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : store_fail(s, e);
}

static int store_step(struct store *s, sqlite3_stmt *st, struct err *e)
{
	int rc = sqlite3_step(st), err = rc == SQLITE_DONE ? 0 : store_fail(s, e);

	sqlite3_reset(st);
	return err;
}

static int store_prepare(struct store *s, struct err *e)
{
	char sample[64 + 4 * N_METRICS] = "INSERT INTO sample VALUES(?,?";
	size_t n = strlen(sample);

	for (size_t i = 0; i < N_FIXED; i++)
		if (sqlite3_prepare_v3(s->db, fixed[i], -1, SQLITE_PREPARE_PERSISTENT, &s->statements[i], NULL))
			return store_fail(s, e);
	for (size_t m = 0; m < N_METRICS; m++)
		if (metrics[m].kind != METRIC_HIST)
			n += (size_t)snprintf(sample + n, sizeof(sample) - n, ",?");
	snprintf(sample + n, sizeof(sample) - n, ")");
	if (sqlite3_prepare_v3(s->db, sample, -1, SQLITE_PREPARE_PERSISTENT, &s->statements[PUT_SAMPLE], NULL))
		return store_fail(s, e);
	return 0;
}

static int store_setup(struct store *s, struct err *e)
{
	char pragmas[256], *schema = store_schema();
	int err;

	snprintf(pragmas, sizeof(pragmas), "PRAGMA page_size=4096; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
		 "PRAGMA application_id=%d; PRAGMA cache_size=-2048; BEGIN; PRAGMA user_version=%d;",
		 SESSION_APPLICATION, SESSION_SCHEMA);
	err = store_exec(s, pragmas, e);
	if (!err)
		err = store_exec(s, schema, e);
	if (!err)
		err = store_exec(s, "COMMIT", e);
	free(schema);
	return err ? err : store_prepare(s, e);
}

int store_create(const char *path, struct store **out, struct err *e)
{
	struct store *s;
	int err, fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	if (fd < 0 && errno == EEXIST)
		return err_set(e, -EEXIST, "%s: exists already; choose another name with -o, or remove it first", path);
	if (fd < 0)
		return err_set(e, -errno, "%s: cannot create: %s; choose a place to write with -o", path, strerror(errno));
	close(fd);
	s = mem_alloc(1, sizeof(*s));
	s->path = str_dup(path);
	if (sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READWRITE, NULL)) {
		err = err_set(e, -EIO, "%s: cannot open as a database: %s", path, sqlite3_errmsg(s->db));
		goto fail;
	}
	sqlite3_busy_timeout(s->db, READER_WAIT_MS);
	s->deflate_ready = deflateInit(&s->deflate, Z_BEST_SPEED) == Z_OK;
	err = s->deflate_ready ? store_setup(s, e) : err_set(e, -ENOMEM, "%s: no memory for zlib", path);
	if (err)
		goto fail;
	*out = s;
	return 0;
fail:
	store_close(s, NULL);
	unlink(path);
	return err;
}

int store_fact(struct store *s, const char *key, const char *value, struct err *e)
{
	sqlite3_stmt *st = s->statements[PUT_FACT];

	sqlite3_bind_text(st, 1, key, -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 2, value, -1, SQLITE_STATIC);
	return store_step(s, st, e);
}

int store_service(struct store *s, uint32_t id, const struct session_service *service, struct err *e)
{
	sqlite3_stmt *st = s->statements[PUT_SERVICE];

	sqlite3_bind_int64(st, 1, id);
	sqlite3_bind_text(st, 2, service->name, -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 3, service->selector, -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 4, culprit_kind_names[service->kind], -1, SQLITE_STATIC);
	return store_step(s, st, e);
}

static void bind_value(sqlite3_stmt *st, int at, int64_t value)
{
	if (value == SESSION_ABSENT)
		sqlite3_bind_null(st, at);
	else
		sqlite3_bind_int64(st, at, value);
}

int store_probe(struct store *s, const struct session_probe *probe, struct err *e)
{
	sqlite3_stmt *st = s->statements[PUT_PROBE];

	sqlite3_bind_text(st, 1, probe->name, -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 2, probe->state, -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 3, probe->note, -1, SQLITE_STATIC);
	bind_value(st, 4, probe->run_ns);
	bind_value(st, 5, probe->runs);
	bind_value(st, 6, probe->losses);
	return store_step(s, st, e);
}

int store_begin(struct store *s, struct err *e)
{
	int err = store_exec(s, "BEGIN", e);

	s->open = !err;
	return err;
}

int store_sample(struct store *s, uint32_t service, const int64_t values[N_METRICS], struct err *e)
{
	sqlite3_stmt *st = s->statements[PUT_SAMPLE];
	int at = 3;

	sqlite3_bind_int64(st, 1, s->interval);
	sqlite3_bind_int64(st, 2, service);
	for (size_t m = 0; m < N_METRICS; m++)
		if (metrics[m].kind != METRIC_HIST)
			bind_value(st, at++, values[m]);
	return store_step(s, st, e);
}

int store_hist(struct store *s, uint32_t service, enum metric_id metric, const uint64_t counts[HIST_BUCKETS], struct err *e)
{
	sqlite3_stmt *st = s->statements[PUT_HIST];
	z_stream *z = &s->deflate;
	uint8_t raw[HIST_BUCKETS * 8];

	for (size_t b = 0; b < HIST_BUCKETS; b++)
		for (size_t i = 0; i < 8; i++)
			raw[b * 8 + i] = (uint8_t)(counts[b] >> 8 * i);
	deflateReset(z);
	z->next_in = raw;
	z->avail_in = sizeof(raw);
	z->next_out = s->blob;
	z->avail_out = sizeof(s->blob);
	if (deflate(z, Z_FINISH) != Z_STREAM_END)
		return err_set(e, -EIO, "%s: zlib could not compress a histogram", s->path);
	sqlite3_bind_int64(st, 1, service);
	sqlite3_bind_text(st, 2, metrics[metric].name, -1, SQLITE_STATIC);
	sqlite3_bind_int64(st, 3, s->interval);
	sqlite3_bind_blob(st, 4, s->blob, (int)(sizeof(s->blob) - z->avail_out), SQLITE_STATIC);
	return store_step(s, st, e);
}

int store_blame(struct store *s, const struct session_blame *blame, struct err *e)
{
	sqlite3_stmt *st = s->statements[PUT_BLAME];

	sqlite3_bind_int64(st, 1, s->interval);
	sqlite3_bind_text(st, 2, blame_resource_names[blame->resource], -1, SQLITE_STATIC);
	sqlite3_bind_int64(st, 3, blame->victim);
	sqlite3_bind_int64(st, 4, blame->culprit);
	sqlite3_bind_int64(st, 5, blame->delay_ns);
	return store_step(s, st, e);
}

int store_commit(struct store *s, const struct session_interval *interval, struct err *e)
{
	sqlite3_stmt *st = s->statements[PUT_INTERVAL];
	int err;

	sqlite3_bind_int64(st, 1, s->interval);
	sqlite3_bind_int64(st, 2, (int64_t)interval->start_ns);
	sqlite3_bind_int64(st, 3, (int64_t)interval->end_ns);
	sqlite3_bind_int64(st, 4, (int64_t)interval->wall_ns);
	bind_value(st, 5, interval->late_ns);
	bind_value(st, 6, interval->collector_ns);
	bind_value(st, 7, interval->bpf_ns);
	bind_value(st, 8, interval->losses);
	err = store_step(s, st, e);
	if (!err)
		err = store_exec(s, "COMMIT", e);
	if (err)
		return err;
	s->open = false;
	s->interval++;
	return 0;
}

int store_close(struct store *s, struct err *e)
{
	int err = 0;

	if (!s)
		return 0;
	if (s->open)
		sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
	for (size_t i = 0; i < N_STATEMENTS; i++)
		sqlite3_finalize(s->statements[i]);
	if (s->db)
		err = store_exec(s, "PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode=DELETE", e);
	sqlite3_close(s->db);
	if (s->deflate_ready)
		deflateEnd(&s->deflate);
	free(s->path);
	free(s);
	return err;
}
