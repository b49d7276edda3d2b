/*
 * The session's tables as SQL. `sample` has one column per counter and gauge of metric.h, so a new metric is a new column and nothing
 * else; the views spell out names for people with the sqlite3 shell.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "collector/store.h"

static const char tables[] =
	"CREATE TABLE fact(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE probe(name TEXT PRIMARY KEY, state TEXT NOT NULL, note TEXT NOT NULL,"
	" run_ns INTEGER, runs INTEGER, losses INTEGER) WITHOUT ROWID;"
	"CREATE TABLE service(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, selector TEXT NOT NULL, kind TEXT NOT NULL);"
	"CREATE TABLE interval(id INTEGER PRIMARY KEY, start_ns INTEGER NOT NULL, end_ns INTEGER NOT NULL,"
	" wall_ns INTEGER NOT NULL, late_ns INTEGER, collector_ns INTEGER, bpf_ns INTEGER, losses INTEGER);"
	"CREATE TABLE hist(service INTEGER NOT NULL, metric TEXT NOT NULL, interval INTEGER NOT NULL, counts BLOB NOT NULL,"
	" PRIMARY KEY(service, metric, interval)) WITHOUT ROWID;"
	"CREATE TABLE blame(interval INTEGER NOT NULL, resource TEXT NOT NULL, victim INTEGER NOT NULL,"
	" culprit INTEGER NOT NULL, delay_ns INTEGER NOT NULL, PRIMARY KEY(interval, resource, victim, culprit)) WITHOUT ROWID;";

static const char views[] =
	"CREATE VIEW named_sample AS SELECT service.name, sample.* FROM sample JOIN service ON service.id = sample.service;"
	"CREATE VIEW named_blame AS SELECT blame.interval, resource, v.name AS victim, c.name AS culprit, c.kind AS culprit_kind,"
	" delay_ns FROM blame JOIN service v ON v.id = victim JOIN service c ON c.id = culprit;";

char *store_schema(void)
{
	size_t size;
	char *text;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		abort(); /* out of memory, as in base/mem.c */
	fputs(tables, f);
	fputs("CREATE TABLE sample(interval INTEGER NOT NULL, service INTEGER NOT NULL", f);
	for (size_t m = 0; m < N_METRICS; m++)
		if (metrics[m].kind != METRIC_HIST)
			fprintf(f, ", %s INTEGER", metrics[m].name);
	fputs(", PRIMARY KEY(interval, service)) WITHOUT ROWID;", f);
	fputs(views, f);
	fclose(f);
	return text;
}
