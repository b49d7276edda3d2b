/* cotenant fit: measured co-locations or recorded sessions -> model, with its held-out error beside plain alternatives. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/opt.h"
#include "planner/model/fit.h"

static struct values {
	const char *output, *metric;
	uint64_t seed;
	bool force;
} values;

static bool is_session(const char *path)
{
	char head[16] = "";
	FILE *f = strcmp(path, "-") ? fopen(path, "rbe") : NULL;

	if (!f)
		return false;
	if (fread(head, 1, sizeof(head) - 1, f) < 15)
		head[0] = 0;
	fclose(f);
	return !strcmp(head, "SQLite format 3");
}

static struct coloc *rows_read(const struct operands *op, struct err *e)
{
	char *source = str_dup(op->argv[0]);
	struct coloc *c;

	for (int i = 1; i < op->argc; i++) {
		char *longer = str_fmt("%s, %s", source, op->argv[i]);

		free(source);
		source = longer;
	}
	c = coloc_new(source);
	free(source);
	for (int i = 0; i < op->argc; i++)
		if ((is_session(op->argv[i]) ? session_rows_add : coloc_add)(c, op->argv[i], e) < 0) {
			coloc_free(c);
			return NULL;
		}
	return c;
}

static void percent(const char *what, double ratio)
{
	if (isfinite(ratio))
		printf("  %-42s %6.2f %%\n", what, 100 * ratio);
	else
		printf("  %-42s    n/a\n", what);
}

/* "linear 8, queue 2": how many services each kind won. */
static void kinds_show(const struct model *m)
{
	const char *sep = "";

	for (int i = 0; i < m->n_services; i++) {
		int count = 0;
		bool first = true;

		if (!m->services[i].n_runs)
			continue;
		for (int j = 0; j < m->n_services; j++)
			if (m->services[j].n_runs && !strcmp(m->services[i].kind, m->services[j].kind)) {
				first = first && j >= i;
				count++;
			}
		if (first) {
			printf("%s%s %d", sep, m->services[i].kind, count);
			sep = ", ";
		}
	}
}

static void show(const struct coloc *c, const struct model *m)
{
	const struct model_report *r = &m->report;

	printf("model: ");
	kinds_show(m);
	printf(" (services of each kind); %d pressures, %d node types, metric %s\n", m->n_pressures, m->n_types, m->metric);
	printf("held-out error, mean absolute, %d runs of %d co-locations, each left out in turn:\n", r->n_runs, r->n_colocations);
	percent("this model", r->error_ratio);
	percent("no interference", r->no_interference_ratio);
	percent("mean of the service's other runs", r->service_mean_ratio);
	percent("plain matrix factorisation", r->factorisation_ratio);
	percent("noise: repeats of one run among themselves", r->noise_ratio);
	percent("coverage of the 90 % intervals", r->coverage_ratio);
	for (int i = 0; i < m->n_services; i++) {
		char what[96];

		if (!m->services[i].n_runs)
			continue;
		snprintf(what, sizeof(what), "%.24s (%d runs, %s)", m->services[i].name, m->services[i].n_runs, m->services[i].kind);
		percent(what, m->services[i].error_ratio);
	}
	if (c->n_contradictions)
		printf("warning: %zu runs contradict their own repeats by more than 1.5 times; they count less\n", c->n_contradictions);
	if (r->error_ratio >= r->no_interference_ratio)
		puts("warning: no better than assuming no interference; runs are too few or too noisy: measure longer, on a quiet node");
	if (!strcmp(m->metric, MODEL_METRIC_BLAME))
		puts("note: these slowdowns are estimates from recorded blame, no run alone was measured, and the errors above are against them; "
		     "how far such estimates are off: docs/model.md, \"From sessions alone\"");
	printf("next: %s\n", m->advice);
}

/* The other metrics of the same files (mean, tail), each fitted by itself; one with too few runs is left out and said so. */
static void further_fit(const struct operands *op, const struct coloc *first, struct model *m, bool tell)
{
	for (int k = 0; k < first->n_metrics; k++) {
		struct err e = { 0 };
		struct coloc *c;
		struct model **last = &m->next, *more = NULL;

		if (!first->dropped[k])
			continue;
		c = rows_read(op, &e);
		if (c && coloc_seal(c, first->metrics[k], &e) == 0)
			more = fit_model(c, values.seed, &e);
		while (*last)
			last = &(*last)->next;
		*last = more;
		if (tell && more) {
			putchar('\n');
			show(c, more);
		} else if (tell) {
			printf("\nnote: no model of %s: %s\n", first->metrics[k], e.text);
		}
		coloc_free(c);
	}
}

static int run(const struct operands *op, struct err *e)
{
	bool tell = values.output && strcmp(values.output, "-");
	struct coloc *c = rows_read(op, e);
	struct model *m = NULL;
	int err = c ? coloc_seal(c, values.metric, e) : e->code;

	if (err < 0)
		goto out;
	m = fit_model(c, values.seed, e);
	if (!m) {
		err = e->code;
		goto out;
	}
	if (tell)
		show(c, m);
	further_fit(op, c, m, tell);
	err = model_write(m, values.output, values.force, e);
out:
	model_free(m);
	coloc_free(c);
	return err;
}

#define AT(field) offsetof(struct values, field)

static const struct opt opts[] = {
	{ .name = "output", .key = 'o', .kind = OPT_STR, .offset = AT(output), .arg = "MODEL.json", .def = "-", .help = "where the model goes" },
	{ .name = "metric", .key = 'm', .kind = OPT_STR, .offset = AT(metric), .arg = "NAME", .help = "the metric that plans go by (default: each service's most frequent one); the others are fitted too" },
	{ .name = "seed", .kind = OPT_U64, .offset = AT(seed), .arg = "N", .def = "1", .help = "of the folds of the cross-validation" },
	{ .name = "force", .key = 'f', .kind = OPT_FLAG, .offset = AT(force), .help = "overwrite an existing file" },
	{ 0 },
};

const struct verb verb_fit = {
	.name = "fit", .operands = "DATA.json|DATA.csv|SESSION.db…", .opts = opts, .values = &values, .min_operands = 1,
	.max_operands = -1, .run = run, .summary = "learn who slows whom down, and how wrong that may be",
	.details = "Reads measured co-locations (docs/colocation.md) or recorded sessions, whose blame tells slowdowns without solo runs. "
		   "Chooses among the models by cross-validation with whole co-locations left out, and prints the held-out error "
		   "beside three plain alternatives. Where the runs hold several metrics (throughput, mean, tail), each gets a model in the "
		   "same file; plans go by the first.",
};
