/* Nodes of an instance's JSON form, with their labels: see docs/instance.md. */
#include "planner/instance/instance_read.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define COUNT_MAX 10000000

/* A label seen for the first time: the nodes before have the value "". */
static uint32_t label_add(struct instance_reader *r, const char *name)
{
	struct instance *in = r->in;
	uint32_t n = in->n_labels + 1;
	uint32_t *wide;

	in->label_names = mem_resize(in->label_names, n, sizeof(*in->label_names));
	in->label_counts = mem_resize(in->label_counts, n, sizeof(*in->label_counts));
	in->label_values = mem_resize(in->label_values, n, sizeof(*in->label_values));
	r->values = mem_resize(r->values, n, sizeof(*r->values));
	in->label_names[n - 1] = str_dup(name);
	in->label_counts[n - 1] = 1;
	in->label_values[n - 1] = mem_alloc(1, sizeof(char *));
	in->label_values[n - 1][0] = str_dup("");
	r->values[n - 1] = (struct names){ 0 };
	names_add(&r->values[n - 1], in->label_values[n - 1][0]);
	names_add(&r->labels, in->label_names[n - 1]);
	wide = mem_alloc((size_t)(in->n_nodes + 1) * n, sizeof(*wide));
	for (size_t k = 0; n > 1 && k < in->n_nodes; k++)
		memcpy(wide + k * n, in->node_label + k * (n - 1), (n - 1) * sizeof(*wide));
	free(in->node_label);
	in->node_label = wide;
	r->cap_labels = (size_t)(in->n_nodes + 1) * n;
	in->n_labels = n;
	return n - 1;
}

static int read_labels(struct instance_reader *r, const struct json_at *at, uint32_t node, struct err *e)
{
	struct instance *in = r->in;
	const char *key, *text;
	json_t *value;
	int err;

	if (!at->value)
		return 0;
	if ((err = json_check_object(at, e)) < 0)
		return err;
	json_object_foreach(at->value, key, value) {
		struct json_at v = json_key(at, key);
		int64_t l = names_find(&r->labels, key);
		struct names *values;
		uint32_t k;

		if ((err = json_as_str(&v, &text, e)) < 0)
			return err;
		if (!strcmp(key, "node"))
			return json_fail(at, e, "the label \"node\" is the node itself and cannot be set");
		if (l < 0)
			l = label_add(r, key);
		values = &r->values[l];
		if (names_find(values, text) < 0) {
			k = in->label_counts[l]++;
			in->label_values[l] = mem_resize(in->label_values[l], k + 1, sizeof(char *));
			in->label_values[l][k] = str_dup(text);
			names_add(values, in->label_values[l][k]);
		}
		in->node_label[(size_t)node * in->n_labels + (size_t)l] = (uint32_t)names_find(values, text);
	}
	return 0;
}

static int add_node(struct instance_reader *r, const struct json_at *at, char *id, const char *type, int64_t cost, struct err *e)
{
	struct instance *in = r->in;
	uint32_t n = in->n_nodes;
	size_t columns = in->n_columns, end = (n + 1) * columns;

	if (names_find(&r->nodes, id) >= 0) {
		int err = json_fail(at, e, "node id \"%s\" is used twice", id);

		free(id);
		return err;
	}
	in->nodes = array_grow(in->nodes, &r->cap_nodes, n + 1, sizeof(*in->nodes));
	in->capacity = array_grow(in->capacity, &r->cap_columns, end, sizeof(*in->capacity));
	in->soft = array_grow(in->soft, &r->cap_soft, end, sizeof(*in->soft));
	if (in->n_labels) {
		in->node_label = array_grow(in->node_label, &r->cap_labels, (size_t)(n + 1) * in->n_labels, sizeof(*in->node_label));
		memset(in->node_label + (size_t)n * in->n_labels, 0, in->n_labels * sizeof(*in->node_label));
	}
	memset(in->capacity + n * columns, 0, columns * sizeof(*in->capacity));
	in->nodes[n] = (struct node){ .id = id, .type = str_dup(type), .cost = cost, .model_type = -1 };
	in->n_nodes++;
	names_add(&r->nodes, id);
	return 0;
}

int instance_read_node(void *ctx, const struct json_at *at, struct err *e)
{
	static const char *const keys[] = { "id", "type", "cost", "capacity", "soft", "labels", "count", NULL };
	struct instance_reader *r = ctx;
	struct instance *in = r->in;
	struct json_at capacity, soft, labels;
	int64_t cost = 1, count = 0;
	const char *id, *type = "";
	int err;

	if ((err = json_check_object(at, e)) < 0 || (err = json_only(at, keys, e)) < 0 ||
	    (err = json_get_str(at, "id", true, &id, e)) < 0 || (err = json_get_str(at, "type", false, &type, e)) < 0 ||
	    (err = json_get_i64(at, "cost", false, 0, INSTANCE_AMOUNT_MAX, &cost, e)) < 0 ||
	    (err = json_get_i64(at, "count", false, 1, COUNT_MAX, &count, e)) < 0)
		return err;
	capacity = json_key(at, "capacity");
	soft = json_key(at, "soft");
	labels = json_key(at, "labels");
	for (int64_t i = 0; i < (count ? count : 1); i++) {
		size_t columns = in->n_columns;
		int64_t *row, *soft_row;

		if ((err = add_node(r, at, count ? str_fmt("%s-%lld", id, (long long)i + 1) : str_dup(id), type, cost, e)) < 0)
			return err;
		row = in->capacity + (in->n_nodes - 1) * columns;
		soft_row = in->soft + (in->n_nodes - 1) * columns;
		if (i) {
			memcpy(row, row - columns, columns * sizeof(*row));
			memcpy(soft_row, soft_row - columns, columns * sizeof(*row));
		} else if ((err = instance_take_columns(r, &capacity, row, false, e)) < 0) {
			return err;
		} else {
			memcpy(soft_row, row, columns * sizeof(*row));
			if (soft.value && (err = instance_read_columns(r, &soft, soft_row, false, e)) < 0)
				return err;
		}
		if ((err = read_labels(r, &labels, in->n_nodes - 1, e)) < 0)
			return err;
	}
	return 0;
}
