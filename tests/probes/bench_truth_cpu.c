/*
 * `make truth-cpu`: runs every scene of known outcome and prints docs/truth-cpu.md, expected beside measured. Needs root.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "tests/probes/scene.h"

#define RUN_MS 3000
#define READINGS 5
#define WINDOWS_RUN_MS 3300
#define WINDOWS_SHARES { 0.25, 0.06 } /* the second: about what the default budget leaves beside a loaded redis */

static const char *slot_name(unsigned slot, char *buf, size_t size)
{
	static const char *const pseudo[] = { "other", "kernel", "irq", "wake-up", "throttle", "steal", "unknown", "reserved" };

	if (slot < SLOT_PSEUDOS)
		return pseudo[slot];
	snprintf(buf, size, "%s", slot == SLOT_FIRST ? "group 0" : slot == SLOT_FIRST + 1 ? "group 1" : slot == SLOT_FIRST + 2 ? "group 2" : "group 3");
	return buf;
}

static double percent_off(uint64_t got, uint64_t want)
{
	return want ? 100.0 * ((double)got - (double)want) / (double)want : 0;
}

/* Over the scenes of the table: those with one expected culprit, in how many it stands first, and errors in %, summed. */
static struct { unsigned scenes, expected, first; double share_off, run_off, wait_off; } sum;

/* Who delayed the victim most. */
static unsigned first_slot(const struct scene_result *r, unsigned victim)
{
	unsigned first = 0;

	for (unsigned c = 1; c < SLOTS; c++)
		if (r->blame[victim][c] > r->blame[victim][first])
			first = c;
	return first;
}

/* "group 1 99.45 %": that one, and how much of its wait that is. */
static const char *first_culprit(const struct scene_result *r, unsigned victim, char *text, size_t size)
{
	unsigned first = first_slot(r, victim);
	char buf[32];

	snprintf(text, size, "%s %.2f %%", first == victim ? "self" : slot_name(first, buf, sizeof(buf)), 100 * (double)r->blame[victim][first] / (double)r->wait_ns[victim]);
	return text;
}

static double run_off(const struct scene_result *r, unsigned victim)
{
	return percent_off(r->run_ns[victim] + r->irq_ns[victim], r->kernel_run_ns[victim]);
}

static double wait_off(const struct scene *sc, const struct scene_result *r, unsigned victim)
{
	return sc->culprit == PSEUDO + SLOT_THROTTLE ? percent_off(r->blame[victim][SLOT_THROTTLE], r->throttled_ns)
						      : percent_off(r->wait_ns[victim], r->kernel_wait_ns[victim]);
}

static void windows_row(const struct scene *sc, const struct scene_result *r)
{
	unsigned victim = SCENE_SLOT(sc->victim);
	double wait = (double)r->wait_ns[victim];
	char culprit[64];

	printf("| %s | %s | %.1f | %llu | %+.2f | %+.2f | %.2f |\n", sc->name, first_culprit(r, victim, culprit, sizeof(culprit)), wait / 1e6,
	       (unsigned long long)r->worst_residual_ns, run_off(r, victim), wait_off(sc, r, victim), 100 * (double)r->blame[victim][SLOT_UNKNOWN] / wait);
}

static void sum_add(const struct scene *sc, const struct scene_result *r)
{
	unsigned victim = SCENE_SLOT(sc->victim), culprit = SCENE_SLOT(sc->culprit);

	sum.scenes++;
	sum.run_off += fabs(run_off(r, victim));
	sum.wait_off += fabs(wait_off(sc, r, victim));
	if (sc->expect <= 0)
		return;
	sum.expected++;
	sum.first += first_slot(r, victim) == culprit;
	sum.share_off += 100 * fabs((double)r->blame[victim][culprit] / (double)r->wait_ns[victim] / sc->expect - 1);
}

static void row(const struct scene *sc, const struct scene_result *r)
{
	unsigned victim = SCENE_SLOT(sc->victim);
	double wait = (double)r->wait_ns[victim];
	char buf[32], culprit[64], expected[48] = "—";

	if (sc->expect > 0)
		snprintf(expected, sizeof(expected), "%s %.0f %%", SCENE_SLOT(sc->culprit) == victim ? "self" : slot_name(SCENE_SLOT(sc->culprit), buf, sizeof(buf)),
			 100 * sc->expect);
	printf("| %s | %s | %s | %.1f | %llu | %+.3f | %+.3f | %.3f |\n", sc->name, expected, first_culprit(r, victim, culprit, sizeof(culprit)), wait / 1e6,
	       (unsigned long long)r->worst_residual_ns, run_off(r, victim), wait_off(sc, r, victim), 100 * (double)r->blame[victim][SLOT_UNKNOWN] / wait);
}

static void sum_print(void)
{
	printf("\nThe expected culprit stands first in %u of %u scenes; its part of the wait is off by %.2f %% on average, run time by %.2f %%, waits by %.2f %% (%u scenes).\n",
	       sum.first, sum.expected, sum.share_off / sum.expected, sum.run_off / sum.scenes, sum.wait_off / sum.scenes, sum.scenes);
}

/* The same scenes, the scheduler watched in windows; one reading, so that every window counts. */
static void windows_table(struct probes *p, struct scene_result *r, double share)
{
	memset(&sum, 0, sizeof(sum));
	printf("\n## Watched %.0f %% of the time\n\nThe same, with the scheduler watched in windows as over budget ([session.md](session.md#own-cost)), %d s each; figures are scaled up. Three windows "
	       "of %.2f s are a small sample of what varies (migrations, forks, what else runs here).\n\n"
	       "| scene | measured first culprit | wait, ms | residual, ns | run off, %% | wait off, %% | unknown, %% |\n|---|---|---|---|---|---|---|\n",
	       100 * share, WINDOWS_RUN_MS / 1000, share);
	probes_share_set(p, 0, PROBE_CORE, share);
	for (unsigned i = 0; i < n_scenes; i++)
		if (!scene_run(&scenes[i], p, (struct scene_pace){ WINDOWS_RUN_MS, 1 }, r)) {
			windows_row(&scenes[i], r);
			sum_add(&scenes[i], r);
		}
	sum_print();
}

int main(void)
{
	static const double shares[] = WINDOWS_SHARES;
	static struct scene_result r;
	struct probes *p;
	struct utsname u;
	struct err e = { 0 };

	if (probes_open(&(struct probes_config){ .only = (const char *const[]){ "cpu", NULL } }, &p, &e) < 0) {
		fprintf(stderr, "bench_truth_cpu: %s\n", e.text);
		return 3;
	}
	uname(&u);
	u.release[strcspn(u.release, "-")] = 0;
	printf("# CPU blame against known truth\n\nWritten by `make truth-cpu` (Linux %s, %ld CPUs). Every scene runs for %d s in its own cgroups "
	       "(tests/probes/scenes.c); the victim is group 0. *Residual*: largest difference between a victim's wait and the sum of its blame row in any "
	       "interval. *Off*: our on-CPU time and wait against the kernel's `/proc/PID/schedstat` (for the quota: against `cpu.stat`'s throttled time). "
	       "What is missing to 100 %% went to whatever else ran on the machine.\n\n"
	       "| scene | expected | measured first culprit | wait, ms | residual, ns | run off, %% | wait off, %% | unknown, %% |\n|---|---|---|---|---|---|---|---|\n",
	       u.release, sysconf(_SC_NPROCESSORS_ONLN), RUN_MS / 1000);
	for (unsigned i = 0; i < n_scenes; i++)
		if (!scene_run(&scenes[i], p, (struct scene_pace){ RUN_MS, READINGS }, &r)) {
			row(&scenes[i], &r);
			sum_add(&scenes[i], &r);
		}
	sum_print();
	puts("\nIn the switch storm waits last a few microseconds, so that the 100 ns between the tracepoint and the place where the scheduler reads its clock show.");
	for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++)
		windows_table(p, &r, shares[i]);
	probes_close(p);
	return 0;
}
