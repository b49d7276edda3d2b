/*
 * Slowdowns out of recorded blame, without solo runs ("blame" of DESIGN.md section 3): while a victim worked or waited for T ns,
 * its neighbours caused D of them, so without them it would have needed T - D: slowdown = T / (T - D). One row against all
 * services of the session that delayed it, and one against each of them, with the others' delays taken away too.
 * Delays by the kernel, throttling, itself or unknown are nobody's fault and stay in T.
 */
#include "planner/model/fit.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "collector/profile.h"

#define DELAY_SHARE_MAX 0.98
#define WORK_MIN_NS 1000000.0 /* a victim that did less than 1 ms in the session tells nothing */

static const enum metric_id work_metrics[] = { METRIC_CPU_ON, METRIC_CPU_WAIT, METRIC_DISK_OUTSTANDING, METRIC_NET_TX_DELAY };

static double work_ns(const struct session *s, size_t service)
{
	double sum = 0;

	for (size_t i = 0; i < sizeof(work_metrics) / sizeof(*work_metrics); i++) {
		int64_t v = session_total(s, service, work_metrics[i]);

		sum += v == SESSION_ABSENT ? 0 : (double)v;
	}
	return sum;
}

static bool takes_part(const struct session *s, size_t i)
{
	return s->services[i].kind == CULPRIT_SERVICE;
}

static int victim_rows(struct coloc *c, const struct session *s, size_t v, const double *delay, struct err *e)
{
	char **names = mem_alloc(s->n_services + 1, sizeof(*names));
	double work = work_ns(s, v), all = 0, own;
	int n = 0, err = 0;

	for (size_t i = 0; i < s->n_services; i++)
		if (i != v && takes_part(s, i) && n < COLOC_MAX_NEIGHBOURS && work_ns(s, i) > 0) {
			names[n++] = s->services[i].name;
			all += delay[i];
		}
	if (work < WORK_MIN_NS || !n)
		goto out;
	all = fmin(all, work * DELAY_SHARE_MAX);
	own = work - all;
	err = coloc_append(c, s->path, s->services[v].name, names, n, "", "blame", own, work, e);
	for (size_t i = 0; i < s->n_services && n > 1 && !err; i++)
		if (i != v && takes_part(s, i) && work_ns(s, i) > 0)
			err = coloc_append(c, s->path, s->services[v].name, &s->services[i].name, 1, "", "blame", own,
					   own + fmin(delay[i], all), e);
out:
	free(names);
	return err;
}

int session_rows_add(struct coloc *c, const char *path, struct err *e)
{
	struct session *s = session_read(path, e);
	double *delay;
	size_t n, before = c->n_rows;
	int err = 0;

	if (!s)
		return e->code ? e->code : -EINVAL;
	n = s->n_services;
	delay = mem_alloc(n * n + 1, sizeof(*delay));
	for (size_t i = 0; i < s->n_blames; i++) {
		const struct session_blame *b = s->blames + i;

		if (b->resource != BLAME_SMT && b->delay_ns > 0) /* sibling time overlaps on-CPU time: not a wait */
			delay[b->victim * n + b->culprit] += (double)b->delay_ns;
	}
	for (size_t v = 0; v < n && !err; v++)
		if (takes_part(s, v))
			err = victim_rows(c, s, v, delay + v * n, e);
	if (!err && c->n_rows == before)
		err = err_set(e, -EINVAL, "%s: no two services worked in this session; record at least two that share the node", path);
	free(delay);
	session_free(s);
	return err;
}
