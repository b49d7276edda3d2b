/*
 * A session made by hand, with hostile names, one absent resource and true zeros, through all sections and renderers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "reports/render.h"
#include "reports/section.h"

#define HOSTILE "<b>&\"'\xff\033[31m,é"
#define HOSTILE_HTML "&lt;b&gt;&amp;&quot;&#39;\xef\xbf\xbd\xef\xbf\xbd[31m,é"
#define S 4 /* services: hostile victim, culprit, quiet, unknown */
#define INTERVALS 2

static int64_t values[INTERVALS * S * N_METRICS];
static struct session_service services[S] = {
	{ (char *)HOSTILE, (char *)"x", CULPRIT_SERVICE }, { (char *)"spark", (char *)"x", CULPRIT_SERVICE },
	{ (char *)"quiet", (char *)"x", CULPRIT_SERVICE }, { (char *)"unknown", (char *)"", CULPRIT_UNKNOWN },
};
static struct session_interval intervals[INTERVALS] = {
	{ .start_ns = 0, .end_ns = 1000000000, .wall_ns = 1, .collector_ns = 5000000, .bpf_ns = 5000000 },
	{ .start_ns = 1000000000, .end_ns = 2000000000, .wall_ns = 1000000001, .collector_ns = 5000000, .bpf_ns = 5000000 },
};
static struct session_fact facts[] = {
	{ (char *)"node", (char *)"n<1>" }, { (char *)"n_cpus", (char *)"2" }, { (char *)"blame_resources", (char *)"cpu" },
};
static struct session_probe probes[] = { { (char *)"cpu", (char *)"on", (char *)"", 10000000, 1000, 3 } };
static struct session_blame blames[] = {
	{ 0, 0, 1, BLAME_CPU, 600000000 }, { 0, 0, 3, BLAME_CPU, 100000000 }, { 1, 0, 0, BLAME_CPU, 50000000 }, { 1, 0, 1, BLAME_CPU, 250000000 },
};
static struct session session = {
	.path = (char *)"dir/a.db", .n_facts = 3, .n_probes = 1, .n_services = S, .n_intervals = INTERVALS, .n_blames = 4, .facts = facts,
	.probes = probes, .services = services, .intervals = intervals, .blames = blames, .values = values,
};

static void set(size_t interval, size_t service, enum metric_id m, int64_t v)
{
	values[(interval * S + service) * N_METRICS + m] = v;
}

static struct doc *build(void)
{
	static struct input_session is = { &session, (char *)"a" };
	struct input in = { .sessions = &is, .n_sessions = 1, .growth = 0.08 };

	for (size_t i = 0; i < INTERVALS * S * N_METRICS; i++)
		values[i] = SESSION_ABSENT;
	for (size_t i = 0; i < INTERVALS; i++)
		for (size_t v = 0; v < 3; v++) {
			set(i, v, METRIC_CPU_ON, v == 2 ? 0 : 500000000);
			set(i, v, METRIC_CPU_WAIT, v == 0 ? 500000000 : 0);
		}
	return report_build(&in);
}

static const struct table *find_table(const struct doc *d, const char *id)
{
	for (size_t s = 0; s < d->n_sections; s++)
		for (size_t b = 0; b < d->sections[s].n_blocks; b++)
			if (d->sections[s].blocks[b].table && !strcmp(d->sections[s].blocks[b].table->id, id))
				return d->sections[s].blocks[b].table;
	return NULL;
}

static size_t find_row(const struct table *t, const char *a, const char *b)
{
	for (size_t r = 0; r < table_rows(t); r++)
		if (!strcmp(table_cell(t, r, 0)->text, a) && !strcmp(table_cell(t, r, 1)->text, b))
			return r;
	fail_msg("no row %s, %s", a, b);
	return 0;
}

static char *render(const struct doc *d, const char *format, bool colour, const char *table)
{
	struct render_options o = { .colour = colour, .width = 80, .table = table };
	const struct renderer *r = renderers;
	size_t size;
	char *text;
	FILE *f = open_memstream(&text, &size);

	while (strcmp(r->name, format) != 0)
		r++;
	r->render(d, &o, f);
	fclose(f);
	return text;
}

static void numbers_are_true(void **state)
{
	struct doc *d = build();
	const struct table *t = find_table(d, "blame_cpu"), *c = find_table(d, "conservation_cpu");
	size_t r;

	(void)state;
	assert_non_null(t);
	r = find_row(t, HOSTILE, "spark");
	assert_float_equal(cell_number(table_cell(t, r, 2)), 0.85 / 2 * 3600, 1e-6); /* 850 ms in 2 s of wall time */
	assert_int_equal(table_cell(t, r, 3)->i, 850000000);
	assert_float_equal(cell_number(table_cell(t, r, 4)), 0.85 / 2, 1e-9);        /* of 1 s on CPU and 1 s of wait */
	assert_non_null(c);
	assert_int_equal(table_cell(c, 0, 1)->i, 1000000000);
	assert_int_equal(table_cell(c, 0, 2)->i, 1000000000);
	assert_int_equal(table_cell(c, 0, 3)->i, 0);
	assert_null(find_table(d, "blame_disk")); /* absent, not a table of zeros */
	doc_free(d);
}

static void absent_is_not_zero(void **state)
{
	struct doc *d = build();
	const struct table *t = find_table(d, "services");
	char *json = render(d, "json", false, NULL);
	json_t *root = json_loads(json, 0, NULL);
	size_t quiet = table_rows(t);

	(void)state;
	for (size_t r = 0; r < table_rows(t); r++)
		if (!strcmp(table_cell(t, r, 0)->text, "quiet"))
			quiet = r;
	assert_true(quiet < table_rows(t));
	assert_int_equal(table_cell(t, quiet, 4)->kind, CELL_REAL); /* measured, and none used */
	assert_true(cell_number(table_cell(t, quiet, 4)) == 0);
	assert_int_equal(table_cell(t, quiet, 7)->kind, CELL_ABSENT);
	assert_non_null(root);
	assert_non_null(strstr(json, "null"));
	json_decref(root);
	free(json);
	doc_free(d);
}

static void finds_in_words(void **state)
{
	struct doc *d = build();
	bool found = false;

	(void)state;
	for (size_t i = 0; i < d->n_findings; i++)
		found |= strstr(d->findings[i].text, "lost 42 % of its runnable time waiting behind spark on the CPU") != NULL ||
			 strstr(d->findings[i].text, "lost 42\xc2\xa0% of its runnable time waiting behind spark on the CPU") != NULL;
	assert_true(found);
	assert_non_null(strstr(d->subtitle, "events lost: 3"));
	doc_free(d);
}

static void nothing_breaks_out(void **state)
{
	struct doc *d = build();
	char *html = render(d, "html", false, NULL), *text = render(d, "text", false, NULL), *csv = render(d, "csv", false, "blame_cpu");
	char *colour = render(d, "text", true, NULL);

	(void)state;
	assert_non_null(strstr(html, HOSTILE_HTML));
	assert_null(strstr(html, "<b>&"));
	assert_null(strchr(html, '\033'));
	assert_null(strstr(html, "\xff"));
	assert_null(strstr(html, "n<1>"));
	assert_null(strstr(html, "http://"));
	assert_null(strchr(text, '\033'));
	assert_null(strstr(colour, "\033[31m,"));
	assert_ptr_equal(strstr(csv, "victim,culprit,delay_s_per_h,delay_ns,share_ratio\r\n"), csv);
	assert_non_null(strstr(csv, "\n\"<b>&\"\"'\xef\xbf\xbd\033[31m,é\",spark,1530,850000000,0.425\r\n"));
	free(html);
	free(text);
	free(csv);
	free(colour);
	doc_free(d);
}

static void csv_is_rectangular(void **state)
{
	struct doc *d = build();
	char *csv = render(d, "csv", false, NULL);
	size_t commas = 0, records = 0;
	bool quoted = false;

	(void)state;
	for (const char *p = csv; *p; p++) {
		quoted ^= *p == '"';
		commas += *p == ',' && !quoted;
		if (*p == '\n' && !quoted) {
			assert_true(p[-1] == '\r');
			assert_int_equal(commas, 5);
			commas = 0;
			records++;
		}
	}
	assert_true(records > 100);
	free(csv);
	doc_free(d);
}

static void text_fits_80_columns(void **state)
{
	struct doc *d = build();
	char *text = render(d, "text", false, NULL);

	(void)state;
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		size_t width = 0;

		for (const char *p = line; *p; p++)
			width += ((unsigned char)*p & 0xc0) != 0x80;
		if (width > 80)
			fail_msg("%zu columns: %s", width, line);
	}
	free(text);
	doc_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_true), cmocka_unit_test(absent_is_not_zero), cmocka_unit_test(finds_in_words),
		cmocka_unit_test(nothing_breaks_out), cmocka_unit_test(csv_is_rectangular), cmocka_unit_test(text_fits_80_columns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
