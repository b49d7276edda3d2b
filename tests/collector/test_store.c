/* The session store against a slow twin: random sessions written, read back whole, and compared value by value; then files that are
 * damaged, cut, newer, or no session at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/rng.h"
#include "collector/store.h"

#define SERVICES 5
#define INTERVALS 7

static char folder[] = "/tmp/cotenant-test-store.XXXXXX";
static char path[128];

/* The twin: what was written, in plain arrays. */
static int64_t values[INTERVALS][SERVICES][N_METRICS];
static int64_t delays[INTERVALS][BLAME_RESOURCES][SERVICES][SERVICES];
static uint64_t counts[INTERVALS][SERVICES][HIST_BUCKETS];

static void write_interval(struct store *s, struct rng *r, size_t i)
{
	struct session_interval row = { 1000 * i, 1000 * i + 999, 7000 + i, (int64_t)i, 5, i % 2 ? SESSION_ABSENT : 6, 0 };
	struct err e = { 0 };

	assert_int_equal(store_begin(s, &e), 0);
	for (uint32_t v = 0; v < SERVICES; v++) {
		for (size_t m = 0; m < N_METRICS; m++)
			values[i][v][m] = metrics[m].kind == METRIC_HIST || rng_below(r, 4) == 0 ? SESSION_ABSENT :
					  (int64_t)(rng_u64(r) >> 1);
		assert_int_equal(store_sample(s, v, values[i][v], &e), 0);
		for (size_t b = 0; b < HIST_BUCKETS; b++)
			counts[i][v][b] = rng_below(r, 9) == 0 ? rng_below(r, 1u << 30) : 0;
		counts[i][v][3]++;
		assert_int_equal(store_hist(s, v, METRIC_CPU_WAIT_HIST, counts[i][v], &e), 0);
	}
	for (enum blame_resource k = 0; k < BLAME_NET; k++)
		for (uint32_t v = 0; v < SERVICES; v++)
			for (uint32_t c = 0; c < SERVICES; c++) {
				delays[i][k][v][c] = rng_below(r, 3) ? rng_below(r, 1000000) : 0;
				if (delays[i][k][v][c])
					assert_int_equal(store_blame(s, &(struct session_blame){ .victim = v, .culprit = c,
							 .resource = k, .delay_ns = delays[i][k][v][c] }, &e), 0);
			}
	assert_int_equal(store_commit(s, &row, &e), 0);
}

static void write_session(void)
{
	struct store *s;
	struct err e = { 0 };
	struct rng r;
	char name[16];

	rng_seed(&r, 42);
	unlink(path);
	if (store_create(path, &s, &e))
		fail_msg("%s", e.text);
	assert_int_equal(store_fact(s, "node", "first", &e), 0);
	assert_int_equal(store_fact(s, "node", "second", &e), 0);
	assert_int_equal(store_fact(s, "blame_resources", "cpu,smt,disk,softirq", &e), 0);
	assert_int_equal(store_probe(s, &(struct session_probe){ (char *)"cpu", (char *)"on", (char *)"", 1, 2, SESSION_ABSENT }, &e), 0);
	for (uint32_t v = 0; v < SERVICES; v++) {
		snprintf(name, sizeof(name), "s%u", v);
		assert_int_equal(store_service(s, v, &(struct session_service){ name, (char *)"cgroup:/x",
				 v ? CULPRIT_SERVICE : CULPRIT_OTHER }, &e), 0);
	}
	for (size_t i = 0; i < INTERVALS; i++)
		write_interval(s, &r, i);
	assert_int_equal(store_close(s, &e), 0);
}

static void what_is_written_is_read(void **state)
{
	struct err e = { 0 };
	struct session *s;
	uint64_t out[HIST_BUCKETS];

	(void)state;
	write_session();
	s = session_read(path, &e);
	if (!s)
		fail_msg("%s", e.text);
	assert_string_equal(session_fact(s, "node"), "second");
	assert_null(session_fact(s, "nowhere"));
	assert_int_equal(s->n_services, SERVICES);
	assert_int_equal(s->n_intervals, INTERVALS);
	assert_int_equal(s->services[0].kind, CULPRIT_OTHER);
	assert_true(s->probes[0].losses == SESSION_ABSENT && s->probes[0].runs == 2);
	assert_true(s->intervals[1].bpf_ns == SESSION_ABSENT && s->intervals[2].bpf_ns == 6 && s->intervals[3].wall_ns == 7003);
	for (size_t i = 0; i < INTERVALS; i++)
		for (size_t v = 0; v < SERVICES; v++) {
			for (size_t m = 0; m < N_METRICS; m++)
				if (metrics[m].kind != METRIC_HIST)
					assert_true(session_value(s, i, v, m) == values[i][v][m]);
			assert_true(session_hist(s, v, METRIC_CPU_WAIT_HIST, i, i + 1, out));
			assert_memory_equal(out, counts[i][v], sizeof(out));
		}
	assert_false(session_hist(s, 1, METRIC_REQ_HIST, 0, INTERVALS, out));
	session_free(s);
}

static void sums_agree_with_the_twin(void **state)
{
	struct err e = { 0 };
	struct session *s = session_read(path, &e);
	uint64_t out[HIST_BUCKETS], observations = 0;
	int64_t *matrix;

	(void)state;
	assert_non_null(s);
	for (enum blame_resource k = 0; k < BLAME_NET; k++) {
		matrix = session_blame_matrix(s, k);
		for (size_t v = 0; v < SERVICES; v++)
			for (size_t c = 0; c < SERVICES; c++) {
				for (size_t i = 0; i < INTERVALS; i++)
					matrix[v * SERVICES + c] -= delays[i][k][v][c];
				assert_true(matrix[v * SERVICES + c] == 0);
			}
		free(matrix);
	}
	matrix = session_blame_matrix(s, BLAME_SOFTIRQ);
	assert_non_null(matrix); /* measured, no delay */
	free(matrix);
	assert_null(session_blame_matrix(s, BLAME_NET));
	assert_true(session_hist(s, 2, METRIC_CPU_WAIT_HIST, 2, 5, out));
	for (size_t b = 0; b < HIST_BUCKETS; b++) {
		assert_true(out[b] == counts[2][2][b] + counts[3][2][b] + counts[4][2][b]);
		observations += counts[6][4][b];
	}
	assert_true(session_value(s, 6, 4, METRIC_CPU_WAIT_HIST) == (int64_t)observations);
	assert_true(session_total(s, 1, METRIC_REQ_HIST) == SESSION_ABSENT);
	session_free(s);
}

static void sql(const char *text)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, text, NULL, NULL, NULL))
		fail_msg("%s: %s", text, sqlite3_errmsg(db));
	sqlite3_close(db);
}

static void refuse(const char *because)
{
	struct err e = { 0 };
	struct session *s = session_read(path, &e);

	if (s)
		fail_msg("was read, although: %s", because);
	if (!strstr(e.text, because) || !strstr(e.text, path))
		fail_msg("\"%s\" does not say \"%s\" and the file", e.text, because);
	assert_int_equal(err_exit_status(&e), STATUS_USAGE);
}

static void existing_output_is_refused(void **state)
{
	struct err e = { 0 };
	struct store *s;

	(void)state;
	assert_int_equal(store_create(path, &s, &e), -EEXIST);
	assert_non_null(strstr(e.text, "exists already"));
}

static void nonsense_inside_is_refused(void **state)
{
	static const struct { const char *sql, *because; } cases[] = {
		{ "PRAGMA user_version=2", "newer cotenant (schema 2" },
		{ "PRAGMA application_id=1", "not a session" },
		{ "UPDATE service SET kind='martian' WHERE id=1", "unknown kind" },
		{ "DELETE FROM service WHERE id=2", "gaps" },
		{ "DELETE FROM interval WHERE id=2", "gaps" },
		{ "INSERT INTO blame VALUES(0,'cpu',0,99,1)", "blame of no" },
		{ "INSERT INTO sample(interval,service) VALUES(99,0)", "a sample of no" },
		{ "UPDATE hist SET counts=x'0102' WHERE service=1", "does not unpack" },
		{ "DROP TABLE blame", "no such table" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		write_session();
		if (!strncmp(cases[i].sql, "DROP", 4))
			sql("DROP VIEW named_blame");
		sql(cases[i].sql);
		refuse(cases[i].because);
	}
}

static void other_versions_columns_are_tolerated(void **state)
{
	struct err e = { 0 };
	struct session *s;

	(void)state;
	write_session();
	sql("ALTER TABLE sample ADD COLUMN gpu_ns INTEGER; ALTER TABLE sample DROP COLUMN mem_cache_bytes;"
	    "INSERT INTO blame VALUES(0,'gpu',0,1,1)");
	s = session_read(path, &e);
	if (!s)
		fail_msg("%s", e.text);
	assert_true(session_value(s, 0, 0, METRIC_MEM_CACHE) == SESSION_ABSENT);
	assert_true(session_value(s, 3, 3, METRIC_CPU_ON) == values[3][3][METRIC_CPU_ON]);
	session_free(s);
}

/* Cut anywhere, or with bytes overwritten: refused or read, never a crash (sanitizers watch). */
static void damage_never_crashes(void **state)
{
	struct rng r;
	struct stat st;

	(void)state;
	rng_seed(&r, 7);
	for (int round = 0; round < 60; round++) {
		struct err e = { 0 };
		struct session *s;
		FILE *f;

		write_session();
		assert_int_equal(stat(path, &st), 0);
		if (round % 2) {
			assert_int_equal(truncate(path, rng_below(&r, (uint32_t)st.st_size)), 0);
		} else {
			f = fopen(path, "r+");
			for (int k = 0; k < 40; k++) {
				fseek(f, rng_below(&r, (uint32_t)st.st_size), SEEK_SET);
				fputc((int)rng_below(&r, 256), f);
			}
			fclose(f);
		}
		s = session_read(path, &e);
		assert_true(s || e.text[0]);
		session_free(s);
	}
}

static void no_session_at_all_is_refused(void **state)
{
	FILE *f;
	struct err e = { 0 };

	(void)state;
	f = fopen(path, "w");
	for (int i = 0; i < 100000; i++)
		fputs("garbage ", f);
	fclose(f);
	refuse("not a session");
	assert_null(session_read("/nonexistent.db", &e));
	assert_non_null(strstr(e.text, "/nonexistent.db: cannot open"));
	assert_null(session_read("/tmp", &e));
	assert_non_null(strstr(e.text, "not a file"));
}

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/s.db", folder);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read), cmocka_unit_test(sums_agree_with_the_twin),
		cmocka_unit_test(existing_output_is_refused), cmocka_unit_test(nonsense_inside_is_refused),
		cmocka_unit_test(other_versions_columns_are_tolerated), cmocka_unit_test(damage_never_crashes),
		cmocka_unit_test(no_session_at_all_is_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
