/* `cotenant press KIND`: synthetic pressure at a level, with what was reached. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/opt.h"
#include "collector/press.h"

static struct press_values {
	uint64_t level, workers, duration_ns, bytes;
	double full_per_s;
	const char *file, *cpus;
} values;

static const struct opt opts[] = {
	{ "level", 'l', OPT_U64, offsetof(struct press_values, level), "PERCENT", "0", "100", "50", "share of what one worker reaches unhindered" },
	{ "workers", 'w', OPT_U64, offsetof(struct press_values, workers), "N", "1", "1024", "1", "threads that press" },
	{ "duration", 'd', OPT_DURATION, offsetof(struct press_values, duration_ns), "TIME", "100ms", "7d", "10s", "how long" },
	{ "bytes", 0, OPT_SIZE, offsetof(struct press_values, bytes), "SIZE", NULL, NULL, NULL, "working set (cache, membw) or file size (disk)" },
	{ "full", 0, OPT_F64, offsetof(struct press_values, full_per_s), "RATE", "0", NULL, NULL, "units per second of level 100, from an earlier calibration" },
	{ "cpus", 0, OPT_STR, offsetof(struct press_values, cpus), "LIST", NULL, NULL, NULL, "press on these CPUs only: numbers and ranges, 0,2-3" },
	{ "file", 0, OPT_STR, offsetof(struct press_values, file), "PATH", NULL, NULL, NULL, "where disk pressure puts its scratch file" },
	{ 0 },
};

static volatile bool stop;

static void on_signal(int number)
{
	(void)number;
	stop = true;
}

static int run(const struct operands *op, struct err *e)
{
	const struct press_kind *kind = press_find(op->argv[0]);
	struct press_config config = { .level = (unsigned)values.level, .workers = (unsigned)values.workers, .duration_ns = values.duration_ns,
				       .bytes = values.bytes, .full_per_s = values.full_per_s, .file = values.file };
	struct press_result r;
	cpu_set_t cpus;
	int err;

	if (!kind)
		return err_set(e, -EINVAL, "\"%s\": must be one of cpu, cache, membw, disk, net", op->argv[0]);
	if (values.cpus && press_cpus_parse(values.cpus, &cpus) < 0)
		return err_set(e, -EINVAL, "--cpus %s: must be numbers and ranges like 0,2-3", values.cpus);
	if (values.cpus && sched_setaffinity(0, sizeof(cpus), &cpus))
		return err_set(e, -errno, "--cpus %s: %s; does this node have these CPUs?", values.cpus, strerror(errno));
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	if ((err = press_run(kind, &config, &stop, &r, e)) < 0)
		return err;
	printf("{\"kind\": \"%s\", \"unit\": \"%s\", \"level_percent\": %u, \"workers\": %u, \"full_per_s\": %.6g, "
	       "\"wanted_per_s\": %.6g, \"reached_per_s\": %.6g, \"variation_ratio\": %.4f}\n",
	       kind->name, kind->unit, config.level, config.workers, r.full_per_s, r.wanted_per_s, r.reached_per_s, r.variation_ratio);
	return STATUS_DONE;
}

const struct verb verb_press = {
	.name = "press",
	.operands = "cpu|cache|membw|disk|net",
	.summary = "press on one resource at a constant level",
	.details = "Prints one JSON line at the end: the rate that level 100 means, the rate wanted and reached, and its variation\n"
		   "over tenths of a second. Pass full_per_s of a run on an idle node as --full to press equally hard on a busy one.",
	.opts = opts,
	.values = &values,
	.min_operands = 1,
	.max_operands = 1,
	.run = run,
};
