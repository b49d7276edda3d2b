/*
 * Slowdowns out of recorded blame, without solo runs ("blame" of DESIGN.md section 3): while a victim worked or waited for T ns,
 * its neighbours caused D of them, so without them it would have needed T - D: slowdown = T / (T - D). One row against all
 * services of the session that delayed it, and one against each of them, with the others' delays taken away too.
 *
 * Where the server's requests were seen, T and D are the recorder's own estimate (collector/slowdown.h), which knows what of a
 * request's time was delay, and blame only says how D is shared among neighbours. Else T is all the time its threads and its load
 * generator's worked or waited. Delays by the kernel, throttling, itself or unknown are nobody's fault and stay in T.
 */
#include "planner/model/fit.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "collector/profile.h"

#define DELAY_SHARE_MAX 0.98
#define WORK_SHARE_MIN 0.01 /* of the session's time: whoever worked less was idle, neither a victim nor a neighbour */

/* Everything that a blamed delay can be part of. */
static const enum metric_id work_metrics[] = { METRIC_CPU_ON, METRIC_CPU_IRQ, METRIC_CPU_WAIT, METRIC_DISK_OUTSTANDING, METRIC_NET_TX_DELAY,
					       METRIC_MEM_REFAULT_WAIT };

/* One session, load generators counted with what they load. */
struct ledger {
	const struct session *s;
	size_t n;
	size_t *owner;       /* per service: the one that speaks for it */
	double *work;        /* per owner, ns worked or waited */
	double *delayed;     /* of them by others, as the recorder estimated it; NAN = only blame knows */
	double *delay;       /* [victim * n + culprit], ns, owners only */
	bool *busy;
};

/* "redis.load" belongs to "redis", as campaigns name them: a request waits on both sides. */
static size_t owner_of(const struct session *s, size_t i)
{
	const char *name = s->services[i].name, *dot = strrchr(name, '.');

	for (size_t k = 0; dot && !strcmp(dot, ".load") && k < s->n_services; k++)
		if (strlen(s->services[k].name) == (size_t)(dot - name) && !strncmp(s->services[k].name, name, (size_t)(dot - name)))
			return k;
	return i;
}

static double total_ns(const struct session *s, size_t service, enum metric_id m)
{
	int64_t v = session_total(s, service, m);

	return v == SESSION_ABSENT ? 0 : (double)v;
}

static double work_ns(const struct session *s, size_t service)
{
	double sum = 0;

	for (size_t i = 0; i < sizeof(work_metrics) / sizeof(*work_metrics); i++)
		sum += total_ns(s, service, work_metrics[i]);
	return sum;
}

/* The recorder's estimate takes the place of the sums, where it saw requests. */
static void estimate_take(struct ledger *l, size_t i)
{
	double time = total_ns(l->s, i, METRIC_WORK);

	l->delayed[i] = NAN;
	if (l->owner[i] != i || total_ns(l->s, i, METRIC_REQ) <= 0 || time <= 0)
		return;
	l->work[i] = time;
	l->delayed[i] = total_ns(l->s, i, METRIC_WORK_DELAYED);
}

/* Where the recorder's estimate is known, blame only shares it out: among services and what belongs to none of them. */
static void delays_scale(struct ledger *l, size_t v)
{
	double *delay = l->delay + v * l->n, sum = 0;

	if (!isfinite(l->delayed[v]))
		return;
	for (size_t c = 0; c < l->n; c++)
		if (l->s->services[c].kind == CULPRIT_SERVICE || l->s->services[c].kind == CULPRIT_OTHER)
			sum += delay[c];
	for (size_t c = 0; c < l->n; c++)
		delay[c] = sum > 0 ? delay[c] * l->delayed[v] / sum : 0;
}

static void ledger_init(struct ledger *l, const struct session *s)
{
	double span = s->n_intervals ? (double)(s->intervals[s->n_intervals - 1].end_ns - s->intervals[0].start_ns) : 0;
	size_t n = s->n_services;

	*l = (struct ledger){ .s = s, .n = n, .owner = mem_alloc(n + 1, sizeof(size_t)), .work = mem_alloc(n + 1, sizeof(double)), .delayed = mem_alloc(n + 1, sizeof(double)),
			      .delay = mem_alloc(n * n + 1, sizeof(double)), .busy = mem_alloc(n + 1, sizeof(bool)) };
	for (size_t i = 0; i < n; i++) {
		l->owner[i] = owner_of(s, i);
		l->work[l->owner[i]] += work_ns(s, i);
	}
	for (size_t i = 0; i < n; i++)
		estimate_take(l, i);
	for (size_t i = 0; i < n; i++)
		l->busy[i] = l->owner[i] == i && s->services[i].kind == CULPRIT_SERVICE && l->work[i] > WORK_SHARE_MIN * span;
	for (size_t i = 0; i < s->n_blames; i++) {
		const struct session_blame *b = s->blames + i;
		size_t v = l->owner[b->victim], c = l->owner[b->culprit];

		/* Sibling time overlaps on-CPU time; a request's delay is that of its threads once more. */
		if (b->resource != BLAME_SMT && b->resource != BLAME_REQUEST && b->delay_ns > 0 && v != c)
			l->delay[v * n + c] += (double)b->delay_ns;
	}
	for (size_t v = 0; v < n; v++)
		delays_scale(l, v);
}

static void ledger_fini(struct ledger *l)
{
	free(l->owner);
	free(l->work);
	free(l->delayed);
	free(l->delay);
	free(l->busy);
}

static int victim_rows(struct coloc *c, const struct ledger *l, size_t v, struct err *e)
{
	const struct session *s = l->s;
	const double *delay = l->delay + v * l->n;
	char **names = mem_alloc(l->n + 1, sizeof(*names));
	double work = l->work[v], all = 0, own;
	int n = 0, err = 0;

	for (size_t i = 0; i < l->n; i++)
		if (i != v && l->busy[i] && n < COLOC_MAX_NEIGHBOURS) {
			names[n++] = s->services[i].name;
			all += delay[i];
		}
	if (!n)
		goto out;
	all = fmin(all, work * DELAY_SHARE_MAX);
	own = work - all;
	err = coloc_append(c, s->path, s->services[v].name, names, n, "", MODEL_METRIC_BLAME, own, work, e);
	for (size_t i = 0; i < l->n && n > 1 && !err; i++)
		if (i != v && l->busy[i])
			err = coloc_append(c, s->path, s->services[v].name, &s->services[i].name, 1, "", MODEL_METRIC_BLAME, own,
					   own + fmin(delay[i], all), e);
out:
	free(names);
	return err;
}

int session_rows_add(struct coloc *c, const char *path, struct err *e)
{
	struct session *s = session_read(path, e);
	struct ledger l;
	size_t before = c->n_rows;
	int err = 0;

	if (!s)
		return e->code ? e->code : -EINVAL;
	ledger_init(&l, s);
	for (size_t v = 0; v < l.n && !err; v++)
		if (l.busy[v])
			err = victim_rows(c, &l, v, e);
	if (!err && c->n_rows == before)
		err = err_set(e, -EINVAL, "%s: no two services worked in this session; record at least two that share the node", path);
	ledger_fini(&l);
	session_free(s);
	return err;
}
