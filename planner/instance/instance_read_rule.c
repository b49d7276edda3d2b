/* Rules and objective terms of a JSON instance: see docs/instance.md and instance_read.c. */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "planner/instance/instance_read.h"
#include "planner/term.h"

void instance_add_cap(struct instance_reader *r, uint32_t a, uint32_t b, uint32_t k)
{
	struct instance *in = r->in;

	in->caps = array_grow(in->caps, &r->cap_caps, in->n_caps + 1, sizeof(*in->caps));
	in->caps[in->n_caps++] = (struct rule_cap){ a, b, k };
}

void instance_add_spread(struct instance_reader *r, struct rule_spread rule)
{
	struct instance *in = r->in;

	in->spreads = array_grow(in->spreads, &r->cap_spreads, in->n_spreads + 1, sizeof(*in->spreads));
	in->spreads[in->n_spreads++] = rule;
}

static void add_near(struct instance_reader *r, struct rule_near rule)
{
	struct instance *in = r->in;

	in->nears = array_grow(in->nears, &r->cap_nears, in->n_nears + 1, sizeof(*in->nears));
	in->nears[in->n_nears++] = rule;
}

static int read_label(struct instance_reader *r, const struct json_at *at, uint32_t *out, struct err *e)
{
	const char *name = "node";
	struct json_at v = json_key(at, "label");
	int64_t l;
	int err;

	if ((err = json_get_str(at, "label", false, &name, e)) < 0)
		return err;
	*out = LABEL_NODE;
	if (!strcmp(name, "node"))
		return 0;
	if ((l = names_find(&r->labels, name)) < 0)
		return json_fail(&v, e, "unknown label \"%s\"; no node carries it", name);
	*out = (uint32_t)l;
	return 0;
}

int instance_find_group(struct instance_reader *r, const struct json_at *at, const char *key, uint32_t *out, struct err *e)
{
	struct json_at v = json_key(at, key);
	const char *name;
	int64_t g;
	int err;

	if ((err = json_get_str(at, key, true, &name, e)) < 0)
		return err;
	if ((g = names_find(&r->groups, name)) < 0)
		return json_fail(&v, e, "unknown group \"%s\"; no service belongs to it", name);
	*out = (uint32_t)g;
	return 0;
}

int instance_read_spread(struct instance_reader *r, const struct json_at *at, struct rule_spread *rule, struct err *e)
{
	int64_t least = 0, most = 0;
	int err;

	if ((err = read_label(r, at, &rule->label, e)) < 0 ||
	    (err = json_get_i64(at, "min_distinct", false, 1, UINT32_MAX, &least, e)) < 0 ||
	    (err = json_get_i64(at, "max_per_value", false, 1, UINT32_MAX, &most, e)) < 0)
		return err;
	if (!least && !most)
		return json_fail(at, e, "needs min_distinct or max_per_value");
	rule->min_distinct = (uint32_t)least;
	rule->max_per_value = (uint32_t)most;
	return 0;
}

static int rule_cap(struct instance_reader *r, const struct json_at *at, struct err *e)
{
	static const char *const keys[] = { "kind", "where", "of", "at_most", NULL };
	uint32_t a = 0, b = 0;
	int64_t k;
	int err;

	if ((err = json_only(at, keys, e)) < 0 || (err = instance_find_group(r, at, "where", &a, e)) < 0 ||
	    (err = instance_find_group(r, at, "of", &b, e)) < 0 ||
	    (err = json_get_i64(at, "at_most", true, 0, UINT32_MAX, &k, e)) < 0)
		return err;
	if (a == b && !k)
		return json_fail(at, e, "at most 0 of \"%s\" where \"%s\" runs leaves it no place", r->in->group_ids[a], r->in->group_ids[a]);
	instance_add_cap(r, a, b, (uint32_t)k);
	return 0;
}

static int rule_apart(struct instance_reader *r, const struct json_at *at, struct err *e)
{
	static const char *const keys[] = { "kind", "a", "b", NULL };
	uint32_t a = 0, b = 0;
	int err;

	if ((err = json_only(at, keys, e)) < 0 || (err = instance_find_group(r, at, "a", &a, e)) < 0 ||
	    (err = instance_find_group(r, at, "b", &b, e)) < 0)
		return err;
	instance_add_cap(r, a, b, a == b);
	if (a != b)
		instance_add_cap(r, b, a, 0);
	return 0;
}

static int rule_near(struct instance_reader *r, const struct json_at *at, struct err *e)
{
	static const char *const keys[] = { "kind", "group", "of", "label", NULL };
	struct rule_near rule = { 0 };
	int err;

	if ((err = json_only(at, keys, e)) < 0 || (err = instance_find_group(r, at, "group", &rule.a, e)) < 0 ||
	    (err = instance_find_group(r, at, "of", &rule.b, e)) < 0 || (err = read_label(r, at, &rule.label, e)) < 0)
		return err;
	add_near(r, rule);
	return 0;
}

static int rule_spread(struct instance_reader *r, const struct json_at *at, struct err *e)
{
	static const char *const keys[] = { "kind", "group", "label", "min_distinct", "max_per_value", NULL };
	struct rule_spread rule = { 0 };
	int err;

	if ((err = json_only(at, keys, e)) < 0 || (err = instance_find_group(r, at, "group", &rule.group, e)) < 0 ||
	    (err = instance_read_spread(r, at, &rule, e)) < 0)
		return err;
	instance_add_spread(r, rule);
	return 0;
}

static const struct {
	const char *kind;
	int (*read)(struct instance_reader *r, const struct json_at *at, struct err *e);
} rules[] = { { "cap", rule_cap }, { "apart", rule_apart }, { "near", rule_near }, { "spread", rule_spread } };

int instance_read_rule(void *ctx, const struct json_at *at, struct err *e)
{
	struct json_at v;
	const char *kind;
	int err;

	if ((err = json_check_object(at, e)) < 0 || (err = json_get_str(at, "kind", true, &kind, e)) < 0)
		return err;
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (!strcmp(rules[i].kind, kind))
			return rules[i].read(ctx, at, e);
	v = json_key(at, "kind");
	return json_fail(&v, e, "unknown rule \"%s\"; known are cap, apart, near, spread", kind);
}

static int find_resource(struct instance_reader *r, const struct json_at *at, const char *key, bool needed, uint32_t *out, struct err *e)
{
	struct json_at v = json_key(at, key);
	const char *name = NULL;
	int64_t k;
	int err;

	if ((err = json_get_str(at, key, needed, &name, e)) < 0 || !name)
		return err;
	if ((k = names_find(&r->resources, name)) < 0)
		return json_fail(&v, e, "unknown resource \"%s\"", name);
	*out = (uint32_t)k;
	return 0;
}

int instance_read_term(void *ctx, const struct json_at *at, struct err *e)
{
	static const char *const keys[] = { "term", "weight", "resource", "resource2", "threshold", "scale", "target", NULL };
	struct instance_reader *r = ctx;
	struct instance *in = r->in;
	struct term t = { .weight = 1, .threshold = 0.5, .scale = 10, .target = 1 };
	const struct term_row *row;
	struct json_at v;
	const char *kind;
	int err;

	if ((err = json_check_object(at, e)) < 0 || (err = json_only(at, keys, e)) < 0 || (err = json_get_str(at, "term", true, &kind, e)) < 0)
		return err;
	if (!(row = term_find(kind))) {
		v = json_key(at, "term");
		return json_fail(&v, e, "unknown term \"%s\"; docs/instance.md lists them", kind);
	}
	t.kind = (enum term_kind)(row - term_rows);
	if ((err = find_resource(r, at, "resource", row->n_resources > 0, &t.resource, e)) < 0 ||
	    (err = find_resource(r, at, "resource2", row->n_resources > 1, &t.resource2, e)) < 0 ||
	    (err = json_get_f64(at, "weight", false, 0, 1e12, &t.weight, e)) < 0 ||
	    (err = json_get_f64(at, "threshold", false, 0, 1, &t.threshold, e)) < 0 ||
	    (err = json_get_f64(at, "scale", false, 0, 1e9, &t.scale, e)) < 0 ||
	    (err = json_get_i64(at, "target", false, 0, INT32_MAX, &t.target, e)) < 0)
		return err;
	in->terms = mem_resize(in->terms, in->n_terms + 1, sizeof(*in->terms));
	in->terms[in->n_terms++] = t;
	return 0;
}
