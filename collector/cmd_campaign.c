/* `cotenant campaign FILE.json -o FOLDER`: run (or go on with) a designed experiment, then a summary. */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/opt.h"
#include "collector/campaign.h"

static struct campaign_values {
	const char *folder;
	uint64_t budget_ns;
	bool dry;
} values;

static const struct opt opts[] = {
	{ "output", 'o', OPT_STR, offsetof(struct campaign_values, folder), "FOLDER", NULL, NULL, "campaign", "where results go; one that exists is gone on with" },
	{ "budget", 'b', OPT_DURATION, offsetof(struct campaign_values, budget_ns), "TIME", "1s", NULL, NULL, "end after this time, instead of the file's budget_s" },
	{ "dry-run", 0, OPT_FLAG, offsetof(struct campaign_values, dry), NULL, NULL, NULL, NULL, "list the setups and the time they need, run nothing" },
	{ 0 },
};

#define RUN_OVERHEAD_S 1.0 /* starting and stopping loads and the recording */

static volatile bool stop;

static void on_signal(int number)
{
	(void)number;
	stop = true;
}

static void list(const struct campaign *c)
{
	double each = c->warmup_s + c->measure_s + RUN_OVERHEAD_S;

	for (size_t i = 0; i < c->n_setups; i++)
		puts(c->setups[i].name);
	printf("%zu setups, %llu to %llu repetitions each, about %.0f to %.0f minutes; the budget is %.0f minutes\n", c->n_setups,
	       (unsigned long long)c->min_repeats, (unsigned long long)c->max_repeats, (double)(c->n_setups * c->min_repeats) * each / 60,
	       (double)(c->n_setups * c->max_repeats) * each / 60, (double)c->budget_ns / 60e9);
}

/* Slowdown >= 1 means worse: throughput falls, time and latency rise. */
static double slowdown(const char *metric, double alone, double shared)
{
	return strcmp(metric, "throughput") ? shared / alone : alone / shared;
}

static void summary_row(const struct campaign *c, const struct campaign_log *log, struct campaign_figure f)
{
	const struct campaign_service *sv = &c->services[f.member];
	const char *metric = sv->truths[f.truth].metric;
	double mean, half, median = campaign_median(c, log, f), alone;
	size_t n = campaign_known(c, log, f, &mean, &half);

	printf("%-40s %-16s %-12s %4zu ", c->setups[f.setup].name, sv->id, metric, n);
	alone = campaign_median(c, log, (struct campaign_figure){ f.member, f.member, f.truth });
	if (n)
		printf("%12.6g %11.1f%% %9.3f\n", median, half * 100, slowdown(metric, alone, median));
	else
		printf("%12s\n", "n/a");
}

static void summary(const struct campaign *c, const struct campaign_log *log)
{
	bool *tried = mem_alloc(c->n_setups + 1, sizeof(*tried));
	size_t left_out = 0;

	for (size_t i = 0; i < log->n; i++)
		tried[log->results[i].setup] = true;
	printf("%-40s %-16s %-12s %4s %12s %12s %9s\n", "setup", "service", "figure", "runs", "median", "+-95 %", "slowdown");
	for (size_t s = 0; s < c->n_setups; s++)
		for (size_t i = 0; tried[s] && i < c->setups[s].n; i++)
			for (size_t k = 0; k < c->services[c->setups[s].member[i]].n_truths; k++)
				summary_row(c, log, (struct campaign_figure){ s, c->setups[s].member[i], k });
	for (size_t i = 0; i < log->n; i++)
		left_out += !log->results[i].ok;
	printf("%zu runs, %zu of them left out (reasons in runs.jsonl)\n", log->n, left_out);
	free(tried);
}

static int folders_make(const char *folder, struct err *e)
{
	char *sessions = str_fmt("%s/sessions", folder);
	int err = 0;

	if ((mkdir(folder, 0755) && errno != EEXIST) || (mkdir(sessions, 0755) && errno != EEXIST))
		err = err_set(e, -errno, "%s: cannot make this folder: %s", folder, strerror(errno));
	free(sessions);
	return err;
}

static int run(const struct operands *op, struct err *e)
{
	struct campaign *c = campaign_read(op->argv[0], e);
	struct campaign_log log = { 0 };
	char *csv = NULL;
	int err;

	if (!c)
		return e->code;
	if (values.budget_ns)
		c->budget_ns = values.budget_ns;
	if (values.dry) {
		list(c);
		campaign_free(c);
		return STATUS_DONE;
	}
	if (geteuid()) {
		err = err_set(e, -EPERM, "a campaign records sessions, which needs root; --dry-run does not");
		goto out;
	}
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	if ((err = folders_make(values.folder, e)) < 0 || (err = campaign_log_open(&log, c, values.folder, e)) < 0)
		goto out;
	err = campaign_run(c, values.folder, &log, &stop, stderr, e);
	if (log.n) {
		struct err second = { 0 };

		csv = str_fmt("%s/measured.csv", values.folder);
		if (campaign_write_csv(c, &log, csv, &second) < 0 && !err) {
			*e = second;
			err = second.code;
		}
		summary(c, &log);
	}
out:
	free(csv);
	campaign_log_close(&log);
	campaign_free(c);
	return err < 0 ? err : STATUS_DONE;
}

const struct verb verb_campaign = {
	.name = "campaign",
	.operands = "CAMPAIGN.json",
	.summary = "run a designed experiment: services alone, in groups, under synthetic pressure",
	.details = "Starts the services of the file, then runs every setup in shuffled rounds, one session per run, reading each\n"
		   "service's truth from its load generator's output. Interrupt it and call it again: it goes on where it was.\n"
		   "The file's form: docs/campaign.md. FOLDER/measured.csv is what `import colocation` reads.",
	.opts = opts,
	.values = &values,
	.min_operands = 1,
	.max_operands = 1,
	.run = run,
};
