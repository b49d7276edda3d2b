/*
 * cotenant report: any mix of sessions, plans and models to text, HTML, JSON or CSV.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/file.h"
#include "base/opt.h"
#include "reports/render.h"
#include "reports/section.h"

#define TEXT_WIDTH 80u      /* when the output is no terminal */
#define TEXT_WIDTH_MAX 160u

static struct {
	const char *format, *output, *instance, *table;
	double growth;
} options;

#define OPTION(field) offsetof(__typeof__(options), field)
static const struct opt opts[] = {
	{ "format", 'f', OPT_STR, OPTION(format), "text|html|json|csv", NULL, NULL, "text", "what to write" },
	{ "output", 'o', OPT_STR, OPTION(output), "FILE", NULL, NULL, NULL, "write here instead of standard output; an existing file is replaced" },
	{ "instance", 'i', OPT_STR, OPTION(instance), "FILE", NULL, NULL, NULL, "the instance that the plan answers" },
	{ "growth", 'g', OPT_RATIO, OPTION(growth), "RATIO", "0.1%", "100%", "8%", "growth of demand per month for the runway" },
	{ "table", 't', OPT_STR, OPTION(table), "NAME", NULL, NULL, NULL, "only this table (text, json, csv); names stand in --format json" },
	{ 0 }
};

static unsigned terminal_width(FILE *out)
{
	struct winsize size;

	if (!isatty(fileno(out)) || ioctl(fileno(out), TIOCGWINSZ, &size) || size.ws_col < 40)
		return TEXT_WIDTH;
	return size.ws_col < TEXT_WIDTH_MAX ? size.ws_col : TEXT_WIDTH_MAX;
}

static bool has_table(const struct doc *d, const char *id)
{
	for (size_t s = 0; s < d->n_sections; s++)
		for (size_t b = 0; b < d->sections[s].n_blocks; b++)
			if (d->sections[s].blocks[b].table && !strcmp(d->sections[s].blocks[b].table->id, id))
				return true;
	return false;
}

static int write_report(const struct doc *d, struct err *e)
{
	const char *no_colour = getenv("NO_COLOR");
	struct render_options o = { .table = options.table };
	const struct renderer *r = renderers;
	struct file_out f;
	int err;

	while (strcmp(r->name, options.format) != 0)
		r++;
	if (options.table && !has_table(d, options.table))
		return err_set(e, -EINVAL, "table \"%s\": not in this report; --format json lists the tables", options.table);
	if ((err = file_out_open(&f, options.output, true, e)) < 0)
		return err;
	o.colour = isatty(fileno(f.stream)) && !(no_colour && no_colour[0]);
	o.width = terminal_width(f.stream);
	r->render(d, &o, f.stream);
	return file_out_commit(&f, e);
}

static int run(const struct operands *op, struct err *e)
{
	struct input in = { .growth = options.growth };
	struct doc *d;
	int err = input_read(&in, op->argv, op->argc, options.instance, e);

	if (!err && !in.n_sessions && !in.n_plans && !in.model)
		err = err_set(e, -EINVAL, "%s: only an instance; give the plan that answers it, too (cotenant plan makes one)", op->argv[0]);
	if (!err) {
		d = report_build(&in);
		err = write_report(d, e);
		doc_free(d);
	}
	input_fini(&in);
	return err;
}

const struct verb verb_report = {
	.name = "report",
	.operands = "SESSION.db|PLAN.json|MODEL.json…",
	.summary = "write what sessions, plans and models say, for people or programs",
	.details = "Inputs are told apart by their content and may be mixed. Formats: text for the terminal, html (one self-contained page), json and csv "
		   "(every table with units). A plan needs its instance: --instance FILE. Colour only on a terminal, never with NO_COLOR set.",
	.opts = opts,
	.values = &options,
	.min_operands = 1,
	.max_operands = -1,
	.run = run,
};
