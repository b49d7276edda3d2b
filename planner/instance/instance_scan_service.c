/*
 * A service of a JSON instance straight from its text, where it has the plain form: known members, each once, plain texts and
 * numbers (instance_scan.h). Large fleets consist of those. Whatever is not plain, or not right, is left to the parser: nothing
 * is entered before the whole element has been looked at.
 */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "planner/instance/instance_read.h"
#include "planner/instance/instance_scan.h"

struct plain {
	char id[SCAN_TEXT_MAX], group[SCAN_TEXT_MAX], profile[SCAN_TEXT_MAX], node[SCAN_TEXT_MAX];
	int64_t replicas, move_cost;
	double limit, confidence;
	struct instance_reader *r;
};

static bool scan_id(struct scan *s, struct plain *v)
{
	return scan_text(s, v->id);
}

static bool scan_group(struct scan *s, struct plain *v)
{
	return scan_text(s, v->group);
}

static bool scan_profile(struct scan *s, struct plain *v)
{
	return scan_text(s, v->profile);
}

static bool scan_replicas(struct scan *s, struct plain *v)
{
	return scan_amount(s, &v->replicas) && v->replicas >= 1 && v->replicas <= INSTANCE_REPLICAS_MAX;
}

static bool scan_move_cost(struct scan *s, struct plain *v)
{
	return scan_amount(s, &v->move_cost) && v->move_cost <= INSTANCE_MOVE_COST_MAX;
}

static bool scan_demand(struct scan *s, struct plain *v)
{
	size_t taken = instance_scan_columns(v->r, s->at, (size_t)(s->end - s->at));

	s->at += taken;
	return taken > 0;
}

/* {"ratio":1.2,"confidence":0.9} or the ratio alone */
static bool scan_limit(struct scan *s, struct plain *v)
{
	char key[SCAN_TEXT_MAX];
	bool ratio = false, confidence = false;

	if (!scan_take(s, '{'))
		return scan_number(s, &v->limit);
	do {
		bool *seen;

		if (!scan_text(s, key) || !scan_take(s, ':'))
			return false;
		seen = !strcmp(key, "ratio") ? &ratio : !strcmp(key, "confidence") ? &confidence : NULL;
		if (!seen || *seen || !scan_number(s, seen == &ratio ? &v->limit : &v->confidence))
			return false;
		*seen = true;
	} while (scan_take(s, ','));
	return ratio && scan_take(s, '}');
}

static bool scan_current(struct scan *s, struct plain *v)
{
	return scan_take(s, '[') ? scan_text(s, v->node) && scan_take(s, ']') : scan_text(s, v->node);
}

/* The first two are needed. */
static const struct { const char *key; bool (*scan)(struct scan *s, struct plain *v); } members[] = {
	{ "id", scan_id }, { "demand", scan_demand }, { "group", scan_group }, { "profile", scan_profile }, { "replicas", scan_replicas },
	{ "move_cost", scan_move_cost }, { "limit", scan_limit }, { "current", scan_current },
};

static bool scan_members(struct scan *s, struct plain *v)
{
	char key[SCAN_TEXT_MAX];
	unsigned seen = 0, k;

	if (!scan_take(s, '{'))
		return false;
	do {
		if (!scan_text(s, key) || !scan_take(s, ':'))
			return false;
		for (k = 0; k < sizeof(members) / sizeof(members[0]) && strcmp(members[k].key, key); k++)
			;
		if (k == sizeof(members) / sizeof(members[0]) || seen & 1u << k)
			return false;
		if (!members[k].scan(s, v))
			return false;
		seen |= 1u << k;
	} while (scan_take(s, ','));
	return scan_take(s, '}') && seen & 1 && seen & 2;
}

static bool in_range(const struct plain *v)
{
	return (isinf(v->limit) || (v->limit >= 1 && v->limit <= INSTANCE_LIMIT_MAX)) && v->confidence >= 0 &&
	       v->confidence <= INSTANCE_CONFIDENCE_MAX;
}

size_t instance_scan_service(void *reader, const char *text, size_t size)
{
	struct instance_reader *r = reader;
	struct plain v = { .replicas = 1, .move_cost = 1, .limit = INFINITY, .confidence = INSTANCE_CONFIDENCE_DEFAULT, .r = r };
	struct scan s = { text, text + size };
	int64_t node = NO_NODE;
	struct service *out;
	bool plain;

	plain = scan_members(&s, &v) && in_range(&v) && names_find(&r->services, v.id) < 0;
	r->lifted = false; /* taken here, or read again with the rest */
	if (!plain || (*v.node && (v.replicas != 1 || (node = names_find(&r->nodes, v.node)) < 0)))
		return 0;
	out = instance_add_service(r, v.id, *v.group ? v.group : v.id, (uint32_t)v.replicas);
	out->profile = *v.profile ? str_dup(v.profile) : NULL;
	out->move_cost = v.move_cost;
	out->limit_ratio = v.limit;
	out->limit_confidence = v.confidence;
	if (node >= 0)
		r->current[r->n_items - 1] = (int32_t)node;
	memcpy(r->in->demand + (size_t)(r->in->n_services - 1) * r->in->n_columns, r->row, r->in->n_columns * sizeof(*r->row));
	return (size_t)(s.at - text);
}
