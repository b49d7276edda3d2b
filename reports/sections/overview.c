/*
 * Title, subtitle and headline tiles. The subtitle carries each session's losses, own cost and unknown share: the report's first line.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "reports/section.h"
#include "reports/sections/load.h"

static void append(char **text, const char *more)
{
	char *joined = *text ? str_fmt("%s\n%s", *text, more) : str_dup(more);

	free(*text);
	*text = joined;
}

static int64_t losses(const struct session *s)
{
	int64_t sum = 0;

	for (size_t i = 0; i < s->n_probes; i++)
		sum += s->probes[i].losses == SESSION_ABSENT ? 0 : s->probes[i].losses;
	return sum;
}

/* The probes' run time and the collector's own CPU time, of all CPUs. */
static double own_cost(const struct session *s)
{
	double sum = NAN;

	for (size_t i = 0; i < s->n_intervals; i++) {
		int64_t a = s->intervals[i].collector_ns, b = s->intervals[i].bpf_ns;

		if (a != SESSION_ABSENT || b != SESSION_ABSENT)
			sum = (isnan(sum) ? 0 : sum) + (a == SESSION_ABSENT ? 0 : (double)a) + (b == SESSION_ABSENT ? 0 : (double)b);
	}
	return sum / 1e9 / session_seconds(s) / session_cpus(s);
}

static double unknown_share(const struct session *s)
{
	int64_t *m = session_blame_matrix(s, BLAME_CPU);
	double all = 0, unknown = 0;

	for (size_t i = 0; m && i < s->n_services * s->n_services; i++) {
		all += (double)m[i];
		unknown += s->services[i % s->n_services].kind == CULPRIT_UNKNOWN ? (double)m[i] : 0;
	}
	free(m);
	return all > 0 ? unknown / all : (double)NAN;
}

/* Probes that watched a part of the time, or stopped: their figures are estimates, or end early. */
static void describe_reduced(struct doc *d, const struct session *s)
{
	for (size_t i = 0; i < s->n_probes; i++) {
		const struct session_probe *p = &s->probes[i];
		char *text;

		if (strcmp(p->state, "reduced") && strcmp(p->state, "off"))
			continue;
		text = str_fmt("Probe %s (%s): %s.", p->name, p->state, p->note && p->note[0] ? p->note : "not asked for");
		append(&d->subtitle, text);
		free(text);
	}
}

static void describe_session(struct doc *d, const struct input_session *is)
{
	const struct session *s = is->session;
	const char *node = session_fact(s, "node"), *kernel = session_fact(s, "kernel");
	char seconds[32], cost[32], unknown[32], lost[32];
	size_t n = 0;
	char *text;

	for (size_t v = 0; v < s->n_services; v++)
		n += is_service(s, v);
	unit_show(UNIT_NS, session_seconds(s) * 1e9, seconds, sizeof(seconds));
	unit_show(UNIT_RATIO, own_cost(s), cost, sizeof(cost));
	unit_show(UNIT_RATIO, unknown_share(s), unknown, sizeof(unknown));
	unit_show_int(losses(s), lost, sizeof(lost));
	text = str_fmt("Session %s: node %s, kernel %s, %s in %zu intervals, %zu services; events lost: %s, own cost: %s of the CPUs, "
		       "CPU wait of unknown cause: %s.", is->name, node ? node : "n/a", kernel ? kernel : "n/a", seconds, s->n_intervals, n, lost,
		       cost, unknown);
	append(&d->subtitle, text);
	free(text);
	describe_reduced(d, s);
	if (losses(s) > 0)
		doc_find(d, 0.02, TONE_WARN, s->path, "%s events were lost while recording %s; its figures are lower bounds.", lost, is->name);
}

/* Neighbours' delay over all services and resources with exact blame, and its largest pair. */
static void session_tiles(struct doc *d, const struct session *s, bool plans)
{
	int64_t *m = session_blame_matrix(s, BLAME_CPU);
	double by_neighbours = 0, all = 0, hours = session_seconds(s) / 3600;
	size_t worst = 0;
	char value[32], *detail;

	if (!m || !s->n_services) {
		free(m);
		return;
	}
	for (size_t v = 0; v < s->n_services; v++)
		for (size_t c = 0; c < s->n_services; c++) {
			size_t k = v * s->n_services + c;

			all += (double)m[k];
			if (v == c || !is_service(s, v) || !is_service(s, c))
				continue;
			by_neighbours += (double)m[k];
			if (m[k] > m[worst] || worst / s->n_services == worst % s->n_services)
				worst = k;
		}
	unit_show(UNIT_S_PER_H, by_neighbours / 1e9 / hours, value, sizeof(value));
	detail = by_neighbours > 0 ? str_fmt("most: %s behind %s", s->services[worst / s->n_services].name, s->services[worst % s->n_services].name)
				   : str_dup("no service waited behind another");
	doc_tile(d, "CPU delay by neighbours", s->path, value, detail);
	free(detail);
	if (plans) {
		free(m);
		return;
	}
	unit_show(UNIT_RATIO, all > 0 ? by_neighbours / all : (double)NAN, value, sizeof(value));
	doc_tile(d, "Neighbours' part of wait", s->path, value, "of all CPU wait; the rest: own threads, quota, kernel, others");
	free(m);
}

static void session_more_tiles(struct doc *d, const struct session *s)
{
	double on = 0;
	char value[32];

	for (size_t v = 0; v < s->n_services; v++)
		on += session_total(s, v, METRIC_CPU_ON) == SESSION_ABSENT ? 0 : (double)session_total(s, v, METRIC_CPU_ON);
	unit_show(UNIT_RATIO, on / 1e9 / session_seconds(s) / session_cpus(s), value, sizeof(value));
	doc_tile(d, "CPU in use", s->path, value, "of all CPUs, mean of the session");
	unit_show(UNIT_RATIO, own_cost(s), value, sizeof(value));
	doc_tile(d, "Cost of measuring", s->path, value, losses(s) ? "of the CPUs; events were lost" : "of the CPUs; no event lost");
}

/* The resource whose nodes in use are fullest after the plan. */
static uint32_t tightest(const struct load *l)
{
	uint32_t best = 0;

	for (uint32_t r = 1; r < l->in->n_resources; r++)
		if (load_fill(l, r) > load_fill(l, best) || isnan(load_fill(l, best)))
			best = r;
	return best;
}

static void nodes_tile(struct doc *d, const struct plan *p, const char *source, const struct load *before, const struct load *after)
{
	char *value = before->used ? str_fmt("%u → %u", before->used, after->used) : str_fmt("%u", after->used);
	char *detail = before->used ? str_fmt("today → needed, of %u in the fleet", p->instance->n_nodes)
				    : str_fmt("needed, of %u in the fleet; nothing runs today", p->instance->n_nodes);

	doc_tile(d, "Nodes in use", source, value, detail);
	free(value);
	free(detail);
	if (before->used > after->used)
		doc_find(d, 2, TONE_INFO, source, "%u nodes are enough for what %u nodes run today: %u can be freed.", after->used, before->used,
			 before->used - after->used);
	if (p->n_unplaced)
		doc_find(d, 9, TONE_BAD, source, "%u of %u replicas have no place in this plan.", p->n_unplaced, p->instance->n_items);
}

static void bound_tile(struct doc *d, const struct plan *p, const char *source)
{
	char value[48], gap[32], *detail;

	unit_show(UNIT_NUMBER, p->lower_bound, value, sizeof(value));
	unit_show(UNIT_RATIO, p->gap_ratio, gap, sizeof(gap));
	detail = isnan(p->lower_bound) ? str_dup("no bound was proven")
		 : p->gap_ratio <= 0   ? str_fmt("proven by %s: this plan is optimal", p->bound_name ? p->bound_name : "n/a")
				       : str_fmt("%s; the plan is at most %s above", p->bound_name ? p->bound_name : "n/a", gap);
	doc_tile(d, "Proven lower bound", source, value, detail);
	free(detail);
}

static void fill_tile(struct doc *d, const char *source, const struct load *before, const struct load *after)
{
	uint32_t r = tightest(after);
	char was[32], is[32], *value, *detail;

	unit_show(UNIT_RATIO, load_fill(before, r), was, sizeof(was));
	unit_show(UNIT_RATIO, load_fill(after, r), is, sizeof(is));
	value = before->used ? str_fmt("%s → %s", was, is) : str_dup(is);
	detail = str_fmt("of %s on nodes in use, busiest time", after->in->resources[r].name);
	doc_tile(d, "Utilisation", source, value, detail);
	free(value);
	free(detail);
}

static double nodes_cost(const struct load *l)
{
	double sum = 0;

	for (uint32_t n = 0; n < l->in->n_nodes; n++)
		sum += l->items[n] ? (double)l->in->nodes[n].cost : 0;
	return sum;
}

static void cost_tile(struct doc *d, const char *source, const struct load *before, const struct load *after)
{
	char was[32], is[32], *value;
	const char *unit = after->in->cost_unit;

	if (nodes_cost(after) == (double)after->used) /* every node costs 1: it would repeat the count */
		return;
	unit_show(UNIT_NUMBER, nodes_cost(before), was, sizeof(was));
	unit_show(UNIT_NUMBER, nodes_cost(after), is, sizeof(is));
	value = before->used ? str_fmt("%s → %s", was, is) : str_dup(is);
	doc_tile(d, "Cost of nodes in use", source, value, unit && unit[0] ? unit : "in the instance's cost unit");
	free(value);
}

static void plan_tiles(struct doc *d, const struct input_plan *ip)
{
	const struct plan *p = ip->plan;
	struct load *before = load_new(p->instance, p->instance->item_node), *after = load_new(p->instance, p->item_node);
	char moves[32], *detail;

	nodes_tile(d, p, ip->name, before, after);
	bound_tile(d, p, ip->name);
	fill_tile(d, ip->name, before, after);
	cost_tile(d, ip->name, before, after);
	unit_show_int(p->n_moves, moves, sizeof(moves));
	detail = p->n_unordered ? str_fmt("%u of them without a safe order", p->n_unordered)
				: str_dup(before->used ? "in an order that breaks no capacity" : "nothing runs today");
	doc_tile(d, "Moves", ip->name, moves, detail);
	free(detail);
	load_free(before);
	load_free(after);
}

void build_overview(const struct input *in, struct doc *d, struct doc_section *s)
{
	char *plan_line;

	(void)s;
	if (in->n_plans) {
		d->title = str_fmt("Capacity report: %s", in->instance->name && in->instance->name[0] ? in->instance->name : in->plans[0].name);
		for (size_t i = 0; i < in->n_plans; i++) {
			plan_tiles(d, &in->plans[i]);
			plan_line = str_fmt("Plan %s for instance %s, %s%s.", in->plans[i].name, in->instance_name,
					    in->model ? "model " : "without an interference model", in->model ? in->model_name : "");
			append(&d->subtitle, plan_line);
			free(plan_line);
		}
	} else if (in->n_sessions) {
		const char *node = session_fact(in->sessions[0].session, "node");

		d->title = str_fmt("Session report: %s", node ? node : in->sessions[0].name);
	} else {
		d->title = str_fmt("Model report: %s", in->model_name ? in->model_name : "nothing to report");
	}
	for (size_t i = 0; i < in->n_sessions; i++)
		describe_session(d, &in->sessions[i]);
	if (in->n_sessions) {
		session_tiles(d, in->sessions[0].session, in->n_plans > 0);
		if (!in->n_plans)
			session_more_tiles(d, in->sessions[0].session);
	}
	if (!d->subtitle)
		d->subtitle = str_dup("");
}
