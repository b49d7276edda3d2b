/* Synthetic pressure in a campaign: `cotenant press` beside the loads. See campaign_press.h. */
#include "collector/campaign_press.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

/* One worker of synthetic pressure. level 0: only calibrate. output NULL: thrown away. */
struct press_order {
	const struct campaign_setup *s;
	unsigned level, worker;
	double full_per_s, seconds;
	const char *folder, *output;
};

/* Each worker has a cgroup of its own, as the neighbours it stands for would: the scheduler shares a CPU among cgroups first. */
static pid_t press_start(const struct press_order *o)
{
	char *words[20] = { "/proc/self/exe", "press", (char *)(uintptr_t)o->s->press };
	char *file = str_fmt("%s/press.%u", o->folder, o->worker), *level = str_fmt("%u", o->level);
	char *seconds = str_fmt("%.1fs", o->seconds), *full = str_fmt("%.9g", o->full_per_s);
	char *name = o->worker ? str_fmt("press-%s-%u.w%u", o->s->press, o->s->level, o->worker + 1) : str_fmt("press-%s-%u", o->s->press, o->s->level);
	size_t n = 3;
	pid_t pid;

	words[n++] = "--level", words[n++] = level;
	words[n++] = "--duration", words[n++] = seconds;
	words[n++] = "--file", words[n++] = file;
	if (o->full_per_s > 0)
		words[n++] = "--full", words[n++] = full;
	if (o->s->cpus)
		words[n++] = "--cpus", words[n++] = o->s->cpus;
	pid = child_spawn_named(name, words, o->output, o->seconds);
	free(file);
	free(level);
	free(seconds);
	free(full);
	free(name);
	return pid;
}

static unsigned n_workers(const struct campaign_setup *s)
{
	return s->press ? s->workers : 0;
}

struct child *campaign_press_start(const struct campaign *c, const struct campaign_setup *s, double full_per_s, const char *folder)
{
	struct child *press = mem_alloc(n_workers(s) + 1, sizeof(*press));
	struct press_order o = { .s = s, .level = s->level, .full_per_s = full_per_s, .folder = folder,
				 .seconds = c->warmup_s + c->measure_s + CAMPAIGN_GRACE_S };

	for (; o.worker < n_workers(s); o.worker++)
		press[o.worker].pid = press_start(&o);
	return press;
}

bool campaign_press_stop(const struct campaign_setup *s, struct child *press)
{
	bool lasted = true;

	for (unsigned w = 0; w < n_workers(s); w++) {
		if (child_ended(&press[w]))
			lasted = false;
		else if (press[w].pid > 0)
			kill(press[w].pid, SIGTERM);
	}
	return lasted;
}

void campaign_press_reap(const struct campaign_setup *s, struct child *press)
{
	for (unsigned w = 0; w < n_workers(s); w++)
		child_reap(&press[w], clock_ns(CLOCK_MONOTONIC) + 5000000000ull);
	free(press);
}

/* What level 100 of every pressure means, measured once on the idle node, so that it presses equally hard beside a busy one. */
int campaign_press_calibrate(const struct campaign *c, const char *folder, double *full_per_s, struct err *e)
{
	char *output = str_fmt("%s/press.out", folder);
	regex_t pattern;
	int err = 0;

	if (regcomp(&pattern, "\"full_per_s\": ([0-9.e+]+)", REG_EXTENDED))
		abort();
	for (size_t s = 0; s < c->n_setups && !err; s++) {
		const struct campaign_setup *mine = &c->setups[s];
		struct child child;
		size_t t = 0;

		if (!mine->press)
			continue;
		while (!c->setups[t].press || strcmp(c->setups[t].press, mine->press))
			t++;
		full_per_s[s] = full_per_s[t];
		if (full_per_s[s] > 0)
			continue;
		child = (struct child){ .pid = press_start(&(struct press_order){ .s = mine, .seconds = 0.1, .folder = folder, .output = output }) };
		if (child_reap(&child, clock_ns(CLOCK_MONOTONIC) + CAMPAIGN_GRACE_S * 1000000000ull) || !((full_per_s[s] = campaign_figure(&pattern, output)) > 0))
			err = err_set(e, -EIO, "press %s cannot be calibrated; its output is in %s", mine->press, output);
	}
	regfree(&pattern);
	free(output);
	return err;
}
