/* Services of a JSON instance, one at a time: see docs/instance.md and instance_read.c. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "planner/instance/instance_read.h"

/* "limit": 1.2 or {"ratio": 1.2, "confidence": 0.9} */
static int read_limit(const struct json_at *v, struct service *s, struct err *e)
{
	static const char *const keys[] = { "ratio", "confidence", NULL };
	int err;

	s->limit_ratio = INFINITY;
	s->limit_confidence = INSTANCE_CONFIDENCE_DEFAULT;
	if (!v->value)
		return 0;
	if (json_is_number(v->value))
		return json_as_f64(v, 1, INSTANCE_LIMIT_MAX, &s->limit_ratio, e);
	if ((err = json_check_object(v, e)) < 0 || (err = json_only(v, keys, e)) < 0 ||
	    (err = json_get_f64(v, "ratio", true, 1, INSTANCE_LIMIT_MAX, &s->limit_ratio, e)) < 0)
		return err;
	return json_get_f64(v, "confidence", false, 0, INSTANCE_CONFIDENCE_MAX, &s->limit_confidence, e);
}

static int read_current(struct instance_reader *r, const struct json_at *v, uint32_t replicas, struct err *e)
{
	size_t n = 0, first = r->n_items - replicas;
	int err;

	if (!v->value)
		return 0;
	if (!json_is_string(v->value) && (err = json_check_array(v, &n, e)) < 0)
		return err;
	if (json_is_string(v->value) ? replicas != 1 : n > replicas)
		return json_fail(v, e, "must be a list of at most %u nodes (null = not running), one per replica", replicas);
	for (uint32_t i = 0; i < (n ? n : json_is_string(v->value)); i++) {
		struct json_at item = n ? json_item(v, i) : *v;
		const char *id;
		int64_t node;

		if (json_is_null(item.value))
			continue;
		if ((err = json_as_str(&item, &id, e)) < 0)
			return err;
		if ((node = names_find(&r->nodes, id)) < 0)
			return json_fail(&item, e, "unknown node \"%s\"", id);
		r->current[first + i] = (int32_t)node;
	}
	return 0;
}

/* Names that replicas have elsewhere: all or none; services without such a list get NULLs. */
static int read_replica_ids(struct instance_reader *r, const struct json_at *v, uint32_t replicas, struct err *e)
{
	size_t n, first = r->n_items - replicas;
	const char *id;
	int err;

	if (!v->value)
		return 0;
	if ((err = json_check_array(v, &n, e)) < 0)
		return err;
	if (n != replicas)
		return json_fail(v, e, "must be a list of %u names, one per replica", replicas);
	if (!r->item_ids)
		r->item_ids = mem_alloc(r->n_items, sizeof(char *));
	for (uint32_t i = 0; i < replicas; i++) {
		struct json_at item = json_item(v, i);

		if ((err = json_as_str(&item, &id, e)) < 0)
			return err;
		r->item_ids[first + i] = str_dup(id);
	}
	return 0;
}

/* Bits of the nodes in a list of ids. */
static int read_node_list(struct instance_reader *r, const struct json_at *v, uint64_t *bits, struct err *e)
{
	size_t n;
	int err;

	if ((err = json_check_array(v, &n, e)) < 0)
		return err;
	for (size_t i = 0; i < n; i++) {
		struct json_at item = json_item(v, i);
		const char *id;
		int64_t node;

		if ((err = json_as_str(&item, &id, e)) < 0)
			return err;
		if ((node = names_find(&r->nodes, id)) < 0)
			return json_fail(&item, e, "unknown node \"%s\"", id);
		bits[node / 64] |= 1ull << (node % 64);
	}
	return 0;
}

/* {"zone": ["a", "b"]}: nodes outside lose their bit. */
static int read_label_list(struct instance_reader *r, const struct json_at *v, uint64_t *bits, struct err *e)
{
	struct instance *in = r->in;
	const char *key, *text;
	json_t *value;
	int err;

	if ((err = json_check_object(v, e)) < 0)
		return err;
	json_object_foreach(v->value, key, value) {
		struct json_at list = json_key(v, key);
		int64_t label = names_find(&r->labels, key);
		bool *wanted;
		size_t n;

		if (label < 0)
			return json_fail(v, e, "unknown label \"%s\"; no node carries it", key);
		if ((err = json_check_array(&list, &n, e)) < 0)
			return err;
		wanted = mem_alloc(in->label_counts[label], sizeof(*wanted));
		for (size_t i = 0; i < n && err >= 0; i++) {
			struct json_at item = json_item(&list, i);
			int64_t k;

			if ((err = json_as_str(&item, &text, e)) < 0)
				break;
			if ((k = names_find(&r->values[label], text)) < 0)
				err = json_fail(&item, e, "no node has %s \"%s\"", key, text);
			else
				wanted[k] = true;
		}
		for (uint32_t i = 0; i < in->n_nodes; i++)
			if (!wanted[in->node_label[(size_t)i * in->n_labels + (size_t)label]])
				bits[i / 64] &= ~(1ull << (i % 64));
		free(wanted);
		if (err < 0)
			return err;
	}
	return 0;
}

static int read_allow(struct instance_reader *r, const struct json_at *v, uint64_t **out, struct err *e)
{
	static const char *const keys[] = { "only", "not", "labels", NULL };
	size_t words = (r->in->n_nodes + 63) / 64;
	uint64_t *bits, *not, any = 0;
	struct json_at only, except, labels;
	int err;

	*out = NULL;
	if (!v->value)
		return 0;
	if ((err = json_check_object(v, e)) < 0 || (err = json_only(v, keys, e)) < 0)
		return err;
	*out = bits = mem_alloc(words, sizeof(*bits));
	not = mem_alloc(words, sizeof(*not));
	only = json_key(v, "only");
	except = json_key(v, "not");
	labels = json_key(v, "labels");
	if (!only.value)
		memset(bits, 0xff, words * sizeof(*bits));
	if ((only.value && (err = read_node_list(r, &only, bits, e)) < 0) ||
	    (except.value && (err = read_node_list(r, &except, not, e)) < 0) ||
	    (labels.value && (err = read_label_list(r, &labels, bits, e)) < 0))
		goto out;
	if (r->in->n_nodes % 64)
		bits[words - 1] &= (1ull << (r->in->n_nodes % 64)) - 1;
	for (size_t i = 0; i < words; i++)
		any |= bits[i] &= ~not[i];
	if (!any)
		err = json_fail(v, e, "leaves no node at all");
out:
	free(not);
	return err < 0 ? err : 0;
}

/* Rules that are handy on the service itself: they speak of its group. */
static int read_own_rules(struct instance_reader *r, const struct json_at *at, uint32_t group, struct err *e)
{
	struct json_at list = json_key(at, "spread");
	int64_t k = -1;
	size_t n;
	int err;

	if ((err = json_get_i64(at, "max_per_node", false, 1, UINT32_MAX, &k, e)) < 0)
		return err;
	if (k >= 0)
		instance_add_cap(r, group, group, (uint32_t)k);
	if (!list.value)
		return 0;
	if ((err = json_check_array(&list, &n, e)) < 0)
		return err;
	for (size_t i = 0; i < n; i++) {
		static const char *const keys[] = { "label", "min_distinct", "max_per_value", NULL };
		struct rule_spread rule = { .group = group };
		struct json_at item = json_item(&list, i);

		if ((err = json_check_object(&item, e)) < 0 || (err = json_only(&item, keys, e)) < 0 ||
		    (err = instance_read_spread(r, &item, &rule, e)) < 0)
			return err;
		instance_add_spread(r, rule);
	}
	return 0;
}

static uint32_t group_of(struct instance_reader *r, const char *name)
{
	struct instance *in = r->in;
	int64_t g = names_find(&r->groups, name);

	if (g >= 0)
		return (uint32_t)g;
	if (!(in->n_groups & (in->n_groups - 1)))
		in->group_ids = mem_resize(in->group_ids, in->n_groups ? in->n_groups * 2 : 1, sizeof(char *));
	in->group_ids[in->n_groups] = str_dup(name);
	names_add(&r->groups, in->group_ids[in->n_groups]);
	return in->n_groups++;
}

struct service *instance_add_service(struct instance_reader *r, const char *id, const char *group, uint32_t replicas)
{
	struct instance *in = r->in;
	size_t n = in->n_services, columns = in->n_columns, first = r->n_items;

	in->services = array_grow(in->services, &r->cap_services, n + 1, sizeof(*in->services));
	in->demand = array_grow(in->demand, &r->cap_demand, (n + 1) * columns, sizeof(*in->demand));
	in->allow = array_grow(in->allow, &r->cap_allow, n + 1, sizeof(*in->allow));
	r->current = array_grow(r->current, &r->cap_items, first + replicas, sizeof(*r->current));
	in->services[n] = (struct service){ .id = str_dup(id), .group = group_of(r, group), .replicas = replicas, .model_service = -1,
		.first_item = (uint32_t)first };
	memset(in->demand + n * columns, 0, columns * sizeof(*in->demand));
	in->allow[n] = NULL;
	in->n_services++;
	names_add(&r->services, in->services[n].id);
	for (uint32_t i = 0; i < replicas; i++)
		r->current[first + i] = NO_NODE;
	r->n_items += replicas;
	if (r->item_ids) {
		r->item_ids = mem_resize(r->item_ids, r->n_items, sizeof(char *));
		memset(r->item_ids + first, 0, replicas * sizeof(char *));
	}
	return &in->services[n];
}

int instance_read_service(void *ctx, const struct json_at *at, struct err *e)
{
	static const char *const keys[] = { "id", "group", "profile", "replicas", "demand", "limit", "move_cost", "nodes", "current",
					    "spread", "max_per_node", "replica_ids", NULL };
	struct instance_reader *r = ctx;
	struct instance *in = r->in;
	const char *id, *group = NULL, *profile = NULL;
	struct json_at demand, limit, allow, current, ids;
	int64_t replicas = 1, move_cost = 1;
	struct service *s;
	int err;

	if ((err = json_check_object(at, e)) < 0 || (err = json_only(at, keys, e)) < 0 || (err = json_get_str(at, "id", true, &id, e)) < 0)
		return err;
	if (names_find(&r->services, id) >= 0)
		return json_fail(at, e, "service id \"%s\" is used twice", id);
	if ((err = json_get_str(at, "group", false, &group, e)) < 0 || (err = json_get_str(at, "profile", false, &profile, e)) < 0 ||
	    (err = json_get_i64(at, "replicas", false, 1, INSTANCE_REPLICAS_MAX, &replicas, e)) < 0 ||
	    (err = json_get_i64(at, "move_cost", false, 0, INSTANCE_MOVE_COST_MAX, &move_cost, e)) < 0)
		return err;
	demand = json_key(at, "demand");
	limit = json_key(at, "limit");
	allow = json_key(at, "nodes");
	current = json_key(at, "current");
	ids = json_key(at, "replica_ids");
	s = instance_add_service(r, id, group ? group : id, (uint32_t)replicas);
	s->move_cost = move_cost;
	s->profile = profile ? str_dup(profile) : NULL;
	if ((err = instance_take_columns(r, &demand, in->demand + (size_t)(in->n_services - 1) * in->n_columns, true, e)) < 0 ||
	    (err = read_limit(&limit, s, e)) < 0 || (err = read_allow(r, &allow, &in->allow[in->n_services - 1], e)) < 0 ||
	    (err = read_current(r, &current, s->replicas, e)) < 0 || (err = read_replica_ids(r, &ids, s->replicas, e)) < 0)
		return err;
	return read_own_rules(r, at, s->group, e);
}
