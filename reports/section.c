/*
 * The table of sections, and what they share.
 */
#include "reports/section.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/parse.h"

static bool has_slots(const struct input *in)
{
	return in->n_plans > 0 && in->instance->n_slots > 1;
}

const struct section sections[] = {
	{ "plan", "Nodes needed", "What the plan saves, what is proven about it, and how it was found.", has_plan, build_plan },
	{ "packing", "How full the nodes are", "Demand on each node as a share of its capacity, at the busiest time of day, today and planned.", has_plan, build_packing },
	{ "blame", "Who delays whom", "Rows wait, columns occupied the resource meanwhile. Seconds of delay per hour of wall time, measured.", has_session, build_blame },
	{ "day", "Over the day", "Where the busiest hour lies, and which resource fills the nodes then.", has_slots, build_day },
	{ "slowdown", "Predicted slowdown against limits", "Upper edge of the predicted slowdown of each service in the plan, beside the limit it was given.", has_plan, build_slowdown },
	{ "wait", "What each service waited for", "Every nanosecond of measured wait has one cause. Own threads and own quota are never a neighbour's fault; unknown is never redistributed.", has_session, build_wait },
	{ "services", "Services", "What each service used, and how much neighbours slowed it, estimated without a solo run from the measured delays.", has_session, build_services },
	{ "timeline", "Over time", "Each strip is one resource or service from the start to the end of the session.", has_session, build_timeline },
	{ "pairs", "Who gets along", "Predicted slowdown of the row's service next to one replica of the column's.", has_model, build_pairs },
	{ "curves", "Sensitivity", "Slowdown of each service as pressure on one resource grows from none to the most any service exerts.", has_model, build_curves },
	{ "moves", "Moves, in order", "Step by step; no step breaks a capacity on the way.", has_plan, build_moves },
	{ "loss", "If a node fails", "Each node in use is taken away in turn and its replicas are put into the room that is left.", has_plan, build_loss },
	{ "growth", "Growth runway", "All demand grows at the same rate; when does the plan no longer fit, and on which resource first?", has_plan, build_growth },
	{ "reasons", "Why so", "What decided each placement, and what one more node or a looser limit would buy.", has_plan, build_reasons },
	{ "quality", "Data quality", "Losses, the probes' own cost, and what could not be measured. Absent is not zero.", has_session, build_quality },
	{ "data", "Raw data", "The sessions' own rows.", has_session, build_data },
	{ 0 }
};

bool has_session(const struct input *in)
{
	return in->n_sessions > 0;
}

bool has_plan(const struct input *in)
{
	return in->n_plans > 0;
}

bool has_model(const struct input *in)
{
	return in->model != NULL;
}

char *table_id(const char *name, const struct input *in, size_t session)
{
	return session ? str_fmt("%s@%s", name, in->sessions[session].name) : str_dup(name);
}

double interval_seconds(const struct session *s, size_t interval)
{
	return (double)(s->intervals[interval].end_ns - s->intervals[interval].start_ns) / 1e9;
}

double session_seconds(const struct session *s)
{
	double sum = 0;

	for (size_t i = 0; i < s->n_intervals; i++)
		sum += interval_seconds(s, i);
	return sum;
}

double session_cpus(const struct session *s)
{
	const char *text = session_fact(s, "n_cpus");
	uint64_t n;

	return text && !parse_u64(text, &n) && n ? (double)n : (double)NAN;
}

bool is_service(const struct session *s, size_t service)
{
	return s->services[service].kind == CULPRIT_SERVICE;
}

double total_or_nan(const struct session *s, size_t service, enum metric_id metric)
{
	int64_t v = session_total(s, service, metric);

	return v == SESSION_ABSENT ? (double)NAN : (double)v;
}

void table_total(struct table *t, double v)
{
	if (isnan(v))
		table_absent(t);
	else
		table_int(t, llround(v));
}

struct doc *report_build(const struct input *in)
{
	struct doc *d = doc_new();

	build_overview(in, d, NULL);
	for (const struct section *row = sections; row->name; row++)
		if (row->applies(in))
			row->build(in, d, doc_section(d, row->name, row->title, row->help));
	doc_sort(d);
	return d;
}
