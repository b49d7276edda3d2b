/*
 * Writing a session: SQLite in WAL mode, one transaction per interval, so that SIGKILL or power loss costs at most the
 * interval under way. Schema: docs/session.md. A metric without a value is NULL, never zero.
 *
 * Life: store_create, store_fact/store_service/store_probe at will (each joins the open transaction), then per interval
 * store_begin, store_sample/store_hist/store_blame, store_commit. store_close makes one plain file without -wal and -shm.
 * After a failed call (full disk) the interval is rolled back by store_close and everything committed before stays readable.
 * All functions return 0 or -errno with e filled; e names the file.
 */
#ifndef COLLECTOR_STORE_H
#define COLLECTOR_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "collector/profile.h"

#define SESSION_SCHEMA 1                 /* PRAGMA user_version */
#define SESSION_APPLICATION 0x636f7465   /* PRAGMA application_id: "cote" */

struct store;

/* Refuses an existing path with -EEXIST. An empty session is on disk when this returns. */
int store_create(const char *path, struct store **out, struct err *e);

int store_fact(struct store *s, const char *key, const char *value, struct err *e);      /* a second value replaces the first */
int store_service(struct store *s, uint32_t id, const struct session_service *service, struct err *e); /* ids ascend from 0 */
int store_probe(struct store *s, const struct session_probe *probe, struct err *e);      /* likewise by name */

int store_begin(struct store *s, struct err *e);
int store_sample(struct store *s, uint32_t service, const int64_t values[N_METRICS], struct err *e); /* hists ignored */
int store_hist(struct store *s, uint32_t service, enum metric_id metric, const uint64_t counts[HIST_BUCKETS], struct err *e);
int store_blame(struct store *s, const struct session_blame *blame, struct err *e);      /* blame->interval is ignored */

/* Ends the interval begun last; its number is the count of earlier ones. */
int store_commit(struct store *s, const struct session_interval *interval, struct err *e);

/* NULL is allowed. Returns the first failure of closing; the file stays readable in any case. */
int store_close(struct store *s, struct err *e);

/* SQL that makes the tables, from the metric table; free() it. Shared with the tests and docs. */
char *store_schema(void);

#endif
