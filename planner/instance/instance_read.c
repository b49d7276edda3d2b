/*
 * The JSON form of an instance (docs/instance.md): top level, resources. Nodes, services, rules and objective terms are
 * read by instance_read_*.c. Large arrays are parsed one element at a time (json_stream.h).
 */
#include "planner/instance/instance_read.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "planner/instance/json_stream.h"

#define FILE_MAX_BYTES ((size_t)16 << 30)
#define SLOTS_MAX 100000

static int read_slots(const struct json_at *v, struct instance *in, uint32_t *slots, struct err *e)
{
	int64_t n = 1;
	int err;

	if (!v->value)
		return 0;
	if (json_is_boolean(v->value)) {
		*slots = json_is_true(v->value) ? in->n_slots : 1;
		return 0;
	}
	if ((err = json_as_i64(v, 1, SLOTS_MAX, &n, e)) < 0)
		return err;
	if (n != 1 && n != in->n_slots)
		return json_fail(v, e, "must be 1 or the instance's %u slots, got %lld", in->n_slots, (long long)n);
	*slots = (uint32_t)n;
	return 0;
}

static int read_resource(void *ctx, const struct json_at *at, struct err *e)
{
	static const char *const keys[] = { "name", "unit", "slots", "transient", NULL };
	struct instance_reader *r = ctx;
	struct instance *in = r->in;
	struct resource *v;
	const char *name, *unit = "";
	struct json_at slots;
	int err;

	if ((err = json_check_object(at, e)) < 0 || (err = json_only(at, keys, e)) < 0 ||
	    (err = json_get_str(at, "name", true, &name, e)) < 0 || (err = json_get_str(at, "unit", false, &unit, e)) < 0)
		return err;
	if (names_find(&r->resources, name) >= 0)
		return json_fail(at, e, "resource \"%s\" stands twice", name);
	in->resources = mem_resize(in->resources, in->n_resources + 1, sizeof(*in->resources));
	v = &in->resources[in->n_resources++];
	*v = (struct resource){ .name = str_dup(name), .unit = str_dup(unit), .slots = in->n_slots };
	names_add(&r->resources, v->name);
	slots = json_key(at, "slots");
	if ((err = read_slots(&slots, in, &v->slots, e)) < 0 ||
	    (err = json_get_bool(at, "transient", false, &v->transient, e)) < 0)
		return err;
	v->column = in->n_columns;
	in->n_columns += v->slots;
	return 0;
}

static int read_percentile(struct instance_reader *r, const struct json_at *v, int64_t *out, struct err *e)
{
	if (!r->percentile)
		return json_fail(v, e, "is an object of percentiles; name the one to plan for by \"percentile\" at the top level");
	return json_get_i64(v, r->percentile, true, 0, INSTANCE_AMOUNT_MAX, out, e);
}

static int read_curve(const struct json_at *v, const struct resource *res, int64_t *row, struct err *e)
{
	size_t n;
	int err;

	if ((err = json_check_array(v, &n, e)) < 0)
		return err;
	if (n != res->slots)
		return json_fail(v, e, "must have %u values, one per slot, got %zu", res->slots, n);
	for (size_t i = 0; i < n; i++) {
		const json_t *x = json_array_get(v->value, i);
		struct json_at item;

		if (json_is_integer(x) && json_integer_value(x) >= 0 && json_integer_value(x) <= INSTANCE_AMOUNT_MAX) {
			row[i] = json_integer_value(x);
			continue;
		}
		item = json_item(v, i);
		if ((err = json_as_i64(&item, 0, INSTANCE_AMOUNT_MAX, &row[i], e)) < 0)
			return err;
	}
	return 0;
}

int instance_read_columns(struct instance_reader *r, const struct json_at *at, int64_t *row, bool percentiles, struct err *e)
{
	const char *key;
	json_t *value;
	int err;

	if ((err = json_check_object(at, e)) < 0)
		return err;
	json_object_foreach(at->value, key, value) {
		int64_t k = names_find(&r->resources, key), amount = 0;
		struct json_at v = json_key(at, key);
		const struct resource *res;

		if (k < 0)
			return json_fail(at, e, "unknown resource \"%s\"; \"resources\" does not list it", key);
		res = &r->in->resources[k];
		if (json_is_array(value)) {
			if ((err = read_curve(&v, res, row + res->column, e)) < 0)
				return err;
			continue;
		}
		err = percentiles && json_is_object(value) ? read_percentile(r, &v, &amount, e)
							   : json_as_i64(&v, 0, INSTANCE_AMOUNT_MAX, &amount, e);
		if (err < 0)
			return err;
		for (uint32_t t = 0; t < res->slots; t++)
			row[res->column + t] = amount;
	}
	return 0;
}

int instance_take_columns(struct instance_reader *r, const struct json_at *at, int64_t *row, bool percentiles, struct err *e)
{
	if (at->value || !r->lifted)
		return instance_read_columns(r, at, row, percentiles, e);
	r->lifted = false;
	memcpy(row, r->row, r->in->n_columns * sizeof(*row));
	return 0;
}

static int read_pair_row(void *ctx, const struct json_at *at, struct err *e)
{
	struct instance_reader *r = ctx;
	uint32_t nodes = r->in->n_nodes;
	size_t n;
	int err;

	if ((err = json_check_array(at, &n, e)) < 0)
		return err;
	if (n != nodes || at->index >= nodes)
		return json_fail(at, e, "move_pair must be %u rows of %u costs, one per node", nodes, nodes);
	if (!r->in->move_pair)
		r->in->move_pair = mem_alloc((size_t)nodes * nodes, sizeof(*r->in->move_pair));
	for (size_t i = 0; i < n; i++) {
		struct json_at v = json_item(at, i);
		int64_t cost = 0;

		if ((err = json_as_i64(&v, 0, INT32_MAX, &cost, e)) < 0)
			return err;
		r->in->move_pair[at->index * nodes + i] = (int32_t)cost;
	}
	return 0;
}

static int read_budget(struct instance *in, const struct json_at *v, struct err *e)
{
	double percent;
	char *end;

	if (!v->value)
		return 0;
	if (json_is_integer(v->value))
		return json_as_i64(v, 0, INT64_MAX, &in->max_moves, e);
	if (json_is_string(v->value)) {
		percent = strtod(json_string_value(v->value), &end);
		if (end != json_string_value(v->value) && !strcmp(end, "%") && percent >= 0 && percent <= 100) {
			in->max_moves = (int64_t)floor(percent / 100 * in->n_items);
			return 0;
		}
	}
	return json_fail(v, e, "must be a count of moves or a text like \"2%%\"");
}

struct section {
	const char *key;
	bool required;
	int (*each)(void *reader, const struct json_at *at, struct err *e);
	struct json_lift lift;
};

/* In order of reading: each section refers to those above. */
static const struct section sections[] = {
	{ .key = "resources", .required = true, .each = read_resource },
	{ .key = "nodes", .required = true, .each = instance_read_node, .lift = { .key = "capacity", .read = instance_scan_columns } },
	{ .key = "services", .required = true, .each = instance_read_service,
	  .lift = { "demand", instance_scan_columns, instance_scan_service } },
	{ .key = "rules", .each = instance_read_rule },
	{ .key = "objective", .each = instance_read_term },
	{ .key = "move_pair", .each = read_pair_row },
};

/* Scalars at the top level, read before the sections. */
static int read_head(struct instance_reader *r, const struct json_stream *s, json_t *head, struct err *e)
{
	static const char *const keys[] = { "name", "cost_unit", "slots", "percentile", "max_moves", "comment", "resources", "nodes",
					    "services", "rules", "objective", "move_pair", NULL };
	struct json_at top = { .value = head, .file = s->file };
	const char *name = "", *unit = "nodes", *percentile = NULL;
	int64_t slots = 1;
	int err;

	for (size_t i = 0; i < s->n; i++) {
		json_t *v = json_null();
		bool section = false;

		for (size_t k = 0; k < sizeof(sections) / sizeof(sections[0]); k++)
			section |= !strcmp(s->spans[i].key, sections[k].key);
		if (!section && (err = json_stream_value(s, &s->spans[i], &v, e)) < 0)
			return err;
		json_object_set_new(head, s->spans[i].key, v);
	}
	if (!json_object_get(head, "resources") && !json_object_get(head, "nodes") && !json_object_get(head, "services"))
		return json_fail(&top, e, "has no resources, nodes and services; this is not an instance (docs/instance.md)");
	if ((err = json_only(&top, keys, e)) < 0 || (err = json_get_str(&top, "name", false, &name, e)) < 0 ||
	    (err = json_get_str(&top, "cost_unit", false, &unit, e)) < 0 ||
	    (err = json_get_str(&top, "percentile", false, &percentile, e)) < 0 ||
	    (err = json_get_i64(&top, "slots", false, 1, SLOTS_MAX, &slots, e)) < 0)
		return err;
	r->in->name = str_dup(name);
	r->in->cost_unit = str_dup(unit);
	r->in->n_slots = (uint32_t)slots;
	r->percentile = percentile;
	return 0;
}

static int read_all(struct instance_reader *r, const struct json_stream *s, json_t *head, struct err *e)
{
	struct json_at top = { .value = head, .file = s->file }, budget = json_key(&top, "max_moves");
	struct instance *in = r->in;
	int err;

	if ((err = read_head(r, s, head, e)) < 0)
		return err;
	for (size_t k = 0; k < sizeof(sections) / sizeof(sections[0]); k++) {
		const struct json_span *span = json_stream_find(s, sections[k].key);

		if (!span && sections[k].required)
			return err_set(e, -EINVAL, "%s: %s: is missing", s->file, sections[k].key);
		r->lifted = false;
		if (span && (err = json_stream_each(s, span, sections[k].lift.key ? &sections[k].lift : NULL, sections[k].each, r, e)) < 0)
			return err;
	}
	in->item_node = r->current;
	r->current = NULL;
	in->item_ids = r->item_ids;
	r->item_ids = NULL;
	if ((err = instance_finish(in, e)) < 0)
		return err_prefix(e, "%s: ", s->file);
	budget = json_key(&top, "max_moves");
	return read_budget(in, &budget, e);
}

static void reader_fini(struct instance_reader *r)
{
	for (uint32_t l = 0; r->values && l < r->labels.n; l++)
		names_fini(&r->values[l]);
	free(r->values);
	free(r->current);
	for (size_t i = 0; r->item_ids && i < r->n_items; i++)
		free(r->item_ids[i]);
	free(r->item_ids);
	free(r->row);
	names_fini(&r->resources);
	names_fini(&r->labels);
	names_fini(&r->nodes);
	names_fini(&r->services);
	names_fini(&r->groups);
}

struct instance *instance_read(const char *path, struct err *e)
{
	struct instance_reader r = { .in = instance_new() };
	struct json_stream s = { 0 };
	json_t *head = json_object();
	char *text = NULL;
	size_t size;
	int err;

	if ((err = file_read(path, FILE_MAX_BYTES, &text, &size, e)) < 0 ||
	    (err = json_stream_open(&s, path, text, size, e)) < 0 || (err = read_all(&r, &s, head, e)) < 0) {
		instance_free(r.in);
		r.in = NULL;
	}
	reader_fini(&r);
	json_stream_close(&s);
	json_decref(head);
	free(text);
	return r.in;
}
