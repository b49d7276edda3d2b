/* See budget.h. */
#include "collector/budget.h"

#define PATIENCE 3       /* measured intervals over budget before a probe steps down */
#define AIM 0.5          /* part of the budget that shares of time are chosen for */
#define SLACK 0.25       /* a share that is right within this is left alone */

struct totals { double base, hot; };

static struct totals costs(const struct probes *p)
{
	struct totals t = { 0 };
	struct probe_status status;

	for (size_t i = 0; i < probes_count(p); i++) {
		probes_status(p, i, &status);
		t.base += status.base_ns_per_s;
		t.hot += status.hot_ns_per_s;
	}
	return t;
}

static void shares_set(struct probes *p, double want)
{
	struct probe_status status;

	for (size_t i = 0; i < probes_count(p); i++) {
		probes_status(p, i, &status);
		if (status.state > PROBE_REDUCED || (status.share >= 1 && want >= 1))
			continue;
		if (status.share < 1 && want > status.share * (1 - SLACK) && want < status.share * (1 + SLACK))
			continue;
		probes_share_set(p, i, want);
	}
}

static bool step_costliest(struct probes *p)
{
	struct probe_status status;
	size_t worst = SIZE_MAX;
	double most = 0, cost;

	for (size_t i = 0; i < probes_count(p); i++) {
		probes_status(p, i, &status);
		cost = status.base_ns_per_s + status.share * status.hot_ns_per_s;
		if (status.state <= PROBE_REDUCED && cost >= most) {
			most = cost;
			worst = i;
		}
	}
	return worst != SIZE_MAX && probes_step_down(p, worst);
}

double budget_share(const struct budget *b, double always_ns_per_s, double hot_ns_per_s)
{
	double room = AIM * b->ratio * b->n_cpus * 1e9 - always_ns_per_s;

	if (b->ratio <= 0 || (room > 0 && hot_ns_per_s <= room))
		return 1;
	return room < PROBE_SHARE_LEAST * hot_ns_per_s ? PROBE_SHARE_LEAST : room / hot_ns_per_s;
}

void budget_step(struct budget *b, struct probes *p, double own_ratio, double collector_ns_per_s)
{
	struct totals t;
	double want;

	if (b->ratio <= 0 || !p || !probes_measured(p))
		return;
	t = costs(p);
	want = budget_share(b, collector_ns_per_s + t.base, t.hot);
	shares_set(p, want);
	b->over = own_ratio > b->ratio && want <= PROBE_SHARE_LEAST ? b->over + 1 : 0;
	if (b->over >= PATIENCE && step_costliest(p))
		b->over = 0;
}
