/* See budget.h. */
#include "collector/budget.h"

#include <math.h>

#define PATIENCE 5       /* measured intervals over budget, all shares being the least, before a probe steps down */
#define WORTH 0.1        /* part of the budget that a probe must cost to be stepped down: what the collector itself takes is not its fault */
#define AIM 0.5          /* part of the budget that shares of time are chosen for */
#define LEFT 0.25        /* part of the budget that the parts get although the rest takes much of it, ... */
#define KEEP 0.9         /* ... up to this; and up to which a core that is watched always stays so */
#define SLACK 0.25       /* a share that is right within this is left alone */

static double between(double v, double low, double high)
{
	return v < low ? low : v > high ? high : v;
}

/* The share of the time in which something of that cost fits into the room. */
static double share_of(double room_ns, double cost_ns, double least)
{
	return cost_ns <= room_ns ? 1 : between(room_ns / cost_ns, least, PROBE_SHARE_MOST);
}

struct budget_shares budget_shares(const struct budget *b, const struct budget_costs *c, bool sampled)
{
	double all = b->ratio * b->n_cpus * 1e9, room = fmax(AIM * all - c->always_ns, fmin(LEFT * all, KEEP * all - c->always_ns));
	double core = c->part_ns[PROBE_CORE];
	double hot_least = PROBE_SHARE_LEAST * c->part_ns[PROBE_HOT];
	struct budget_shares s = { { 1, 1 } };

	if (b->ratio <= 0)
		return s;
	if (core > 0 && hot_least + core > (sampled ? room : KEEP * all - c->always_ns))
		s.part[PROBE_CORE] = between((room - hot_least) / core, BUDGET_CORE_LEAST, PROBE_SHARE_MOST);
	s.part[PROBE_HOT] = s.part[PROBE_CORE] < 1 ? PROBE_SHARE_LEAST : share_of(room - core, c->part_ns[PROBE_HOT], PROBE_SHARE_LEAST);
	return s;
}

static struct budget_costs costs(const struct probes *p, double collector_ns, bool *sampled)
{
	struct budget_costs t = { .always_ns = collector_ns };
	struct probe_status status;

	*sampled = false;
	for (size_t i = 0; i < probes_count(p); i++) {
		probes_status(p, i, &status);
		t.always_ns += status.base_ns_per_s;
		for (int k = 0; k < PROBE_PARTS; k++)
			t.part_ns[k] += status.part_ns_per_s[k];
		*sampled |= status.share[PROBE_CORE] < 1;
	}
	return t;
}

static void share_set(struct probes *p, size_t i, enum probe_part part, double now, double want)
{
	if (now >= 1 && want >= 1)
		return;
	if (now < 1 && want > now * (1 - SLACK) && want < now * (1 + SLACK))
		return;
	probes_share_set(p, i, part, want);
}

/* A core before what is inside its windows. */
static void shares_set(struct probes *p, const struct budget_shares *want)
{
	struct probe_status status;

	for (int k = PROBE_PARTS; k-- > 0;)
		for (size_t i = 0; i < probes_count(p); i++) {
			probes_status(p, i, &status);
			if (status.state <= PROBE_REDUCED)
				share_set(p, i, (enum probe_part)k, status.share[k], want->part[k]);
		}
}

static bool step_costliest(struct probes *p, double worth_ns)
{
	struct probe_status status;
	size_t worst = SIZE_MAX;
	double most = worth_ns, cost;

	for (size_t i = 0; i < probes_count(p); i++) {
		probes_status(p, i, &status);
		cost = status.base_ns_per_s;
		for (int k = 0; k < PROBE_PARTS; k++)
			cost += status.share[k] * status.part_ns_per_s[k];
		if (status.state <= PROBE_REDUCED && cost >= most) {
			most = cost;
			worst = i;
		}
	}
	return worst != SIZE_MAX && probes_step_down(p, worst);
}

void budget_step(struct budget *b, struct probes *p, double own_ratio, double collector_ns_per_s)
{
	struct budget_shares want;
	struct budget_costs now;
	bool sampled;

	if (b->ratio <= 0 || !p)
		return;
	now = costs(p, collector_ns_per_s, &sampled);
	want = budget_shares(b, &now, sampled);
	shares_set(p, &want);
	if (!probes_measured(p))
		return;
	b->over = own_ratio > b->ratio && want.part[PROBE_HOT] <= PROBE_SHARE_LEAST && want.part[PROBE_CORE] <= BUDGET_CORE_LEAST ? b->over + 1 : 0;
	if (b->over >= PATIENCE && step_costliest(p, WORTH * b->ratio * b->n_cpus * 1e9))
		b->over = 0;
}
