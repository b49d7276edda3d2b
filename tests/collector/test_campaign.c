/* Campaign files, the order of runs, and the log that survives interruption. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/campaign.h"

#define SERVICE(id) "{\"id\":\"" id "\",\"load\":[\"true\"],\"truth\":{\"metric\":\"throughput\",\"pattern\":\"x=([0-9.]+)\"}}"

static struct campaign *parse(const char *text, struct err *e)
{
	FILE *f = fopen("c.json", "w");

	fputs(text, f);
	fclose(f);
	*e = (struct err){ 0 };
	return campaign_read("c.json", e);
}

static void lays_out_every_setup_once(void **state)
{
	struct err e;
	struct campaign *c = parse("{\"services\":[" SERVICE("a") "," SERVICE("b") "," SERVICE("c") "," SERVICE("d") "],"
				   "\"runs\":{\"groups\":[[\"b\",\"a\"],[\"c\",\"a\",\"b\"]],\"random_triples\":100,\"random_quads\":9,"
				   "\"press\":[{\"kind\":\"cpu\",\"levels\":[25,50]}]}}", &e);

	(void)state;
	assert_non_null(c);
	/* 4 alone, 6 pairs (b+a is one of them), 4 triples, 1 quad, 4 services x 2 levels */
	assert_int_equal(c->n_setups, 4 + 6 + 4 + 1 + 8);
	assert_string_equal(c->setups[0].name, "a");
	assert_string_equal(c->setups[4].name, "a+b");
	campaign_free(c);
	c = parse("{\"services\":[" SERVICE("a") "," SERVICE("b") "],\"runs\":{\"pairs\":false,"
		  "\"press\":[{\"kind\":\"cpu\",\"levels\":[100],\"workers\":2,\"cpus\":\"0,2-3\",\"services\":[\"b\"]}]}}", &e);
	assert_non_null(c);
	assert_int_equal(c->n_setups, 3);
	assert_string_equal(c->setups[2].name, "b+press-cpu-100x2");
	assert_string_equal(c->setups[2].cpus, "0,2-3");
	campaign_free(c);
}

static void refuses_with_the_place(void **state)
{
	static const struct { const char *text, *says; } bad[] = {
		{ "{\"services\":[]}", "at least one service" },
		{ "{\"services\":[" SERVICE("a") "," SERVICE("a") "]}", "services[1]: id \"a\" stands twice" },
		{ "{\"services\":[" SERVICE("a+b") "]}", "must not" },
		{ "{\"services\":[{\"id\":\"a\",\"load\":[],\"truth\":{}}]}", "services[0].load" },
		{ "{\"services\":[{\"id\":\"a\",\"load\":[\"x\"],\"truth\":{\"metric\":\"speed\",\"pattern\":\"(.)\"}}]}", "throughput, latency or time" },
		{ "{\"services\":[{\"id\":\"a\",\"load\":[\"x\"],\"truth\":{\"metric\":\"time\",\"pattern\":\"x\"}}]}", "exactly one group" },
		{ "{\"services\":[{\"id\":\"a\",\"load\":[\"x\"],\"truth\":{\"metric\":\"time\",\"pattern\":\"(x\"}}]}", "regular expression" },
		{ "{\"services\":[" SERVICE("a") "],\"runs\":{\"groups\":[[\"z\"]]}}", "runs.groups[0][0]: there is no service \"z\"" },
		{ "{\"services\":[" SERVICE("a") "],\"runs\":{\"press\":[{\"kind\":\"gpu\",\"levels\":[1]}]}}", "kind \"gpu\"" },
		{ "{\"services\":[" SERVICE("a") "],\"runs\":{\"press\":[{\"kind\":\"cpu\",\"levels\":[1],\"cpus\":\"1-\"}]}}", "cpus \"1-\"" },
		{ "{\"services\":[" SERVICE("a") "],\"runs\":{\"press\":[{\"kind\":\"cpu\",\"levels\":[1],\"services\":[\"q\"]}]}}", "services[0]: there is no service \"q\"" },
		{ "{\"services\":[{\"id\":\"a\",\"load\":[\"x\"],\"truth\":[]}]}", "services[0].truth: has 0 figures" },
		{ "{\"services\":[{\"id\":\"a\",\"load\":[\"x\"],\"truth\":[{\"metric\":\"time\",\"pattern\":\"(x)\"},{\"metric\":\"time\",\"pattern\":\"(y)\"}]}]}",
		  "truth[1]: metric \"time\" stands twice" },
		{ "{\"services\":[" SERVICE("a") "],\"measure\":3}", "unknown field \"measure\"" },
		{ "{\"services\":[" SERVICE("a") "],\"min_repeats\":0}", "min_repeats" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct err e;

		assert_null(parse(bad[i].text, &e));
		if (!strstr(e.text, bad[i].says))
			fail_msg("%s\nsays \"%s\"", bad[i].text, e.text);
	}
}

static struct campaign_result result(const struct campaign *c, long setup, unsigned repeat, double truth)
{
	struct campaign_result r = { .setup = (size_t)setup, .repeat = repeat, .ok = isfinite(truth), .external_ratio = 0.01 };

	for (size_t i = 0; i < c->setups[setup].n; i++)
		for (size_t k = 0; k < CAMPAIGN_TRUTH_MAX; k++)
			r.truth[i][k] = k < c->services[c->setups[setup].member[i]].n_truths ? truth * (double)(k + 1) : NAN;
	return r;
}

static void goes_on_where_it_was(void **state)
{
	struct err e;
	struct campaign *c = parse("{\"services\":[" SERVICE("a") "," SERVICE("b") "],\"min_repeats\":2,\"max_repeats\":4,\"precision_ratio\":0.1}", &e);
	struct campaign_log whole = { 0 }, part = { 0 };
	unsigned repeat, seen[3] = { 0 };
	long next;
	FILE *f;

	(void)state;
	mkdir("whole", 0755);
	mkdir("part", 0755);
	assert_int_equal(campaign_log_open(&whole, c, "whole", &e), 0);
	assert_int_equal(campaign_log_open(&part, c, "part", &e), 0);
	while ((next = campaign_next(c, &whole, &repeat)) >= 0) {
		/* setup 2 = a+b is noisy and needs all four; the others agree with themselves and stop at two */
		struct campaign_result r = result(c, next, repeat, next == 2 ? (repeat % 2 ? 50 : 100) : 100);

		assert_int_equal(campaign_next(c, &part, &repeat), next);
		assert_int_equal(campaign_log_add(&whole, c, &r, &e), 0);
		assert_int_equal(campaign_log_add(&part, c, &r, &e), 0);
		seen[next]++;
		campaign_log_close(&part); /* interrupted in the middle of writing a line */
		f = fopen("part/runs.jsonl", "a");
		fputs("{\"setup\":\"a", f);
		fclose(f);
		assert_int_equal(campaign_log_open(&part, c, "part", &e), 0);
		assert_int_equal(part.n, whole.n);
	}
	assert_int_equal(seen[0], 2);
	assert_int_equal(seen[1], 2);
	assert_int_equal(seen[2], 4);
	assert_true(campaign_median(c, &part, (struct campaign_figure){ 2, 0, 0 }) == 75);
	campaign_log_close(&whole);
	campaign_log_close(&part);
	unlink("whole/runs.jsonl");
	unlink("part/runs.jsonl");
	rmdir("whole");
	rmdir("part");
	campaign_free(c);
}

static void failed_runs_are_left_out(void **state)
{
	struct err e;
	struct campaign *c = parse("{\"services\":[" SERVICE("a") "," SERVICE("b") "],\"min_repeats\":1,\"max_repeats\":1}", &e);
	struct campaign_log log = { 0 };
	char line[200];
	FILE *f;

	(void)state;
	mkdir("x", 0755);
	assert_int_equal(campaign_log_open(&log, c, "x", &e), 0);
	for (long s = 0; s < 3; s++) {
		struct campaign_result good = result(c, s, 0, s == 2 ? 80 : 100), bad = result(c, s, 1, NAN);

		assert_int_equal(campaign_log_add(&log, c, &good, &e), 0);
		assert_int_equal(campaign_log_add(&log, c, &bad, &e), 0);
	}
	assert_int_equal(campaign_write_csv(c, &log, "m.csv", &e), 0);
	f = fopen("m.csv", "r");
	assert_non_null(fgets(line, sizeof(line), f));
	assert_non_null(fgets(line, sizeof(line), f));
	assert_string_equal(line, "a,,this,throughput,100,100\n"); /* repeats alone stand there too */
	assert_non_null(fgets(line, sizeof(line), f));
	assert_non_null(fgets(line, sizeof(line), f));
	assert_string_equal(line, "a,b,this,throughput,100,80\n");
	assert_non_null(fgets(line, sizeof(line), f));
	assert_string_equal(line, "b,a,this,throughput,100,80\n");
	assert_null(fgets(line, sizeof(line), f));
	fclose(f);
	campaign_log_close(&log);
	unlink("m.csv");
	unlink("x/runs.jsonl");
	rmdir("x");
	campaign_free(c);
}

static void several_figures_survive_the_log(void **state)
{
	struct err e;
	struct campaign *c = parse("{\"services\":[{\"id\":\"a\",\"load\":[\"true\"],\"truth\":["
				   "{\"metric\":\"throughput\",\"pattern\":\"x=([0-9.]+)\"},{\"metric\":\"latency_p99\",\"pattern\":\"y=([0-9.]+)\"}]},"
				   SERVICE("b") "],\"min_repeats\":1,\"max_repeats\":1}", &e);
	struct campaign_log log = { 0 };
	char line[200], last[200] = "";
	FILE *f;

	(void)state;
	assert_non_null(c);
	mkdir("x", 0755);
	f = fopen("x/runs.jsonl", "w"); /* an older log: one figure per member, no list */
	fputs("{\"setup\":\"a\",\"repeat\":0,\"ok\":true,\"truth\":[50]}\n", f);
	fclose(f);
	assert_int_equal(campaign_log_open(&log, c, "x", &e), 0);
	assert_true(campaign_median(c, &log, (struct campaign_figure){ 0, 0, 0 }) == 50);
	assert_true(isnan(campaign_median(c, &log, (struct campaign_figure){ 0, 0, 1 })));
	for (long s = 0; s < 3; s++) {
		struct campaign_result r = result(c, s, 0, s == 2 ? 80 : 50);

		assert_int_equal(campaign_log_add(&log, c, &r, &e), 0);
	}
	campaign_log_close(&log);
	assert_int_equal(campaign_log_open(&log, c, "x", &e), 0);
	assert_true(campaign_median(c, &log, (struct campaign_figure){ 2, 0, 1 }) == 160);
	assert_int_equal(campaign_write_csv(c, &log, "m.csv", &e), 0);
	f = fopen("m.csv", "r");
	while (fgets(line, sizeof(line), f))
		if (strstr(line, "latency_p99"))
			strcpy(last, line);
	fclose(f);
	assert_string_equal(last, "a,b,this,latency_p99,100,160\n");
	campaign_log_close(&log);
	unlink("m.csv");
	unlink("x/runs.jsonl");
	rmdir("x");
	campaign_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lays_out_every_setup_once), cmocka_unit_test(refuses_with_the_place),
		cmocka_unit_test(goes_on_where_it_was), cmocka_unit_test(failed_runs_are_left_out),
		cmocka_unit_test(several_figures_survive_the_log),
	};
	char folder[] = "/tmp/cotenant-campaign-XXXXXX";
	int failed;

	if (!mkdtemp(folder) || chdir(folder))
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink("c.json");
	rmdir(folder);
	return failed;
}
