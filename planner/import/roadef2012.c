/*
 * Machine reassignment, ROADEF/EURO challenge 2012 (Google): MODEL and ASSIGNMENT, both as published.
 *
 * process → service with one replica; the challenge's service → group: at most one of it per node (cap a a 1), on at
 * least spreadMin locations; dependency → near over the neighbourhood. Safety capacity → soft capacity with a hinge
 * term; the balance triples and the three move costs are terms of their own. The answer is a line of machine numbers.
 * Source: "Machine Reassignment Problem", problem definition version 1, Google 2011.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "planner/import/form.h"
#include "planner/import/text.h"
#include "planner/kind.h"

#define MAX_COUNT 2000000
#define MAX_VALUE (INT64_C(1) << 40)

enum { LABEL_LOCATION, LABEL_NEIGHBOURHOOD, N_LABELS };

struct reader {
	struct text t;
	struct err *e;
	struct instance *in;
	size_t nears_cap;
};

static int read_value(struct reader *r, int64_t max, int64_t *out, const char *what)
{
	return text_number(&r->t, 0, max, out, what, r->e);
}

static int read_count(struct reader *r, int64_t max, uint32_t *out, const char *what)
{
	int64_t v;
	int err = read_value(r, max, &v, what);

	*out = err ? 0 : (uint32_t)v;
	return err;
}

static struct term *add_term(struct instance *in, enum term_kind kind, double weight)
{
	struct term *t;

	in->terms = mem_resize(in->terms, in->n_terms + 1, sizeof(*in->terms));
	t = &in->terms[in->n_terms++];
	*t = (struct term){ .kind = kind, .weight = weight };
	return t;
}

static int read_resources(struct reader *r)
{
	struct instance *in = r->in;
	uint32_t transient;
	int64_t weight;
	int err = read_count(r, 1000, &in->n_resources, "the number of resources");

	if (err)
		return err;
	in->resources = mem_alloc(in->n_resources, sizeof(*in->resources));
	in->n_slots = 1;
	in->n_columns = in->n_resources;
	for (uint32_t i = 0; i < in->n_resources; i++) {
		if ((err = read_count(r, 1, &transient, "transient")) || (err = read_value(r, MAX_VALUE, &weight, "the load weight")))
			return err;
		in->resources[i] = (struct resource){ .name = str_fmt("r%" PRIu32, i), .unit = str_dup(""), .slots = 1,
						      .column = i, .transient = transient };
		if (weight)
			add_term(in, TERM_HINGE, (double)weight)->resource = i;
	}
	return 0;
}

static int read_node(struct reader *r, uint32_t m)
{
	struct instance *in = r->in;
	uint32_t *label = in->node_label + (size_t)m * N_LABELS;
	int64_t v;
	int err;

	in->nodes[m] = (struct node){ .id = str_fmt("m%" PRIu32, m), .type = str_dup(""), .cost = 1 };
	if ((err = read_count(r, MAX_COUNT, &label[LABEL_NEIGHBOURHOOD], "the neighbourhood")) ||
	    (err = read_count(r, MAX_COUNT, &label[LABEL_LOCATION], "the location")))
		return err;
	for (uint32_t i = 0; i < 2 * in->n_resources; i++) {
		size_t row = (size_t)m * in->n_resources;

		if ((err = read_value(r, MAX_VALUE, &v, "a capacity")))
			return err;
		if (i < in->n_resources)
			in->capacity[row + i] = v;
		else
			in->soft[row + i - in->n_resources] = v;
	}
	for (uint32_t k = 0; k < in->n_nodes; k++) {
		if ((err = read_value(r, INT32_MAX, &v, "the cost between machines")))
			return err;
		in->move_pair[(size_t)m * in->n_nodes + k] = (int32_t)v;
	}
	return 0;
}

static void name_label(struct instance *in, uint32_t label, const char *name, char prefix)
{
	uint32_t n = 0;

	for (uint32_t m = 0; m < in->n_nodes; m++)
		if (in->node_label[m * N_LABELS + label] >= n)
			n = in->node_label[m * N_LABELS + label] + 1;
	in->label_names[label] = str_dup(name);
	in->label_counts[label] = n;
	in->label_values[label] = mem_alloc(n, sizeof(char *));
	for (uint32_t i = 0; i < n; i++)
		in->label_values[label][i] = str_fmt("%c%" PRIu32, prefix, i);
}

static int read_nodes(struct reader *r)
{
	struct instance *in = r->in;
	uint32_t n;
	int err = read_count(r, 30000, &n, "the number of machines");

	if (err)
		return err;
	in->nodes = mem_alloc(n, sizeof(*in->nodes));
	in->n_labels = N_LABELS;
	in->label_names = mem_alloc(N_LABELS, sizeof(char *));
	in->label_counts = mem_alloc(N_LABELS, sizeof(uint32_t));
	in->label_values = mem_alloc(N_LABELS, sizeof(char **));
	in->node_label = mem_alloc((size_t)n * N_LABELS, sizeof(uint32_t));
	in->capacity = mem_alloc((size_t)n * in->n_columns, sizeof(int64_t));
	in->soft = mem_alloc((size_t)n * in->n_columns, sizeof(int64_t));
	in->move_pair = mem_alloc((size_t)n * n, sizeof(int32_t));
	in->n_nodes = n;
	for (uint32_t m = 0; m < n; m++)
		if ((err = read_node(r, m)))
			return err;
	name_label(in, LABEL_LOCATION, "location", 'l');
	name_label(in, LABEL_NEIGHBOURHOOD, "neighbourhood", 'n');
	return 0;
}

static int read_groups(struct reader *r)
{
	struct instance *in = r->in;
	uint32_t n, spread, n_near, b;
	int err = read_count(r, MAX_COUNT, &n, "the number of services");

	if (err)
		return err;
	in->group_ids = mem_alloc(n, sizeof(char *));
	in->caps = mem_alloc(n, sizeof(*in->caps));
	in->spreads = mem_alloc(n, sizeof(*in->spreads));
	in->n_groups = n;
	for (uint32_t g = 0; g < n; g++) {
		in->group_ids[g] = str_fmt("s%" PRIu32, g);
		if ((err = read_count(r, MAX_COUNT, &spread, "spreadMin")) || (err = read_count(r, n, &n_near, "the number of dependencies")))
			return err;
		in->caps[in->n_caps++] = (struct rule_cap){ g, g, 1 };
		if (spread > 1)
			in->spreads[in->n_spreads++] = (struct rule_spread){ g, LABEL_LOCATION, spread, 0 };
		for (uint32_t k = 0; k < n_near; k++) {
			if ((err = read_count(r, (int64_t)n - 1, &b, "a dependency")))
				return err;
			in->nears = array_grow(in->nears, &r->nears_cap, in->n_nears + 1, sizeof(*in->nears));
			in->nears[in->n_nears++] = (struct rule_near){ g, b, LABEL_NEIGHBOURHOOD };
		}
	}
	return 0;
}

static int read_services(struct reader *r)
{
	struct instance *in = r->in;
	uint32_t n;
	int err = read_count(r, MAX_COUNT, &n, "the number of processes");

	if (err)
		return err;
	in->services = mem_alloc(n, sizeof(*in->services));
	in->demand = mem_alloc((size_t)n * in->n_columns, sizeof(int64_t));
	in->item_service = mem_alloc(n, sizeof(uint32_t));
	in->item_node = mem_alloc(n, sizeof(int32_t));
	in->n_services = in->n_items = n;
	for (uint32_t p = 0; p < n; p++) {
		struct service *s = &in->services[p];

		*s = (struct service){ .id = str_fmt("p%" PRIu32, p), .first_item = p, .replicas = 1, .limit_ratio = INFINITY,
				       .model_service = -1 };
		in->item_service[p] = p;
		if ((err = read_count(r, (int64_t)in->n_groups - 1, &s->group, "the process's service")))
			return err;
		for (uint32_t i = 0; i < in->n_columns; i++)
			if ((err = read_value(r, MAX_VALUE, &in->demand[(size_t)p * in->n_columns + i], "a requirement")))
				return err;
		if ((err = read_value(r, MAX_VALUE, &s->move_cost, "the move cost")))
			return err;
	}
	return 0;
}

static int read_objective(struct reader *r)
{
	static const struct { enum term_kind kind; const char *what; } moves[] = {
		{ TERM_MOVE, "the weight of process moves" },
		{ TERM_MOVE_GROUP, "the weight of service moves" },
		{ TERM_MOVE_PAIR, "the weight of machine moves" },
	};
	struct instance *in = r->in;
	uint32_t n;
	int64_t target, weight, last = (int64_t)in->n_resources - 1;
	int err = read_count(r, MAX_COUNT, &n, "the number of balances");

	for (uint32_t i = 0; !err && i < n; i++) {
		uint32_t r1, r2;

		if ((err = read_count(r, last, &r1, "a balance's resource")) || (err = read_count(r, last, &r2, "a balance's resource")) ||
		    (err = read_value(r, INT32_MAX, &target, "the balance target")) || (err = read_value(r, MAX_VALUE, &weight, "the balance weight")))
			return err;
		struct term *t = add_term(in, TERM_BALANCE, (double)weight);
		t->resource = r1;
		t->resource2 = r2;
		t->target = target;
	}
	for (size_t i = 0; !err && i < sizeof(moves) / sizeof(moves[0]); i++)
		if (!(err = read_value(r, MAX_VALUE, &weight, moves[i].what)))
			add_term(in, moves[i].kind, (double)weight);
	return err ? err : text_finish(&r->t, r->e);
}

static int read_model(struct reader *r, const char *path)
{
	int err;

	if ((err = text_open(&r->t, path, r->e)) == 0 && (err = read_resources(r)) == 0 && (err = read_nodes(r)) == 0 &&
	    (err = read_groups(r)) == 0 && (err = read_services(r)) == 0)
		err = read_objective(r);
	text_close(&r->t);
	return err;
}

static int read_assignment(struct reader *r, const char *path)
{
	struct instance *in = r->in;
	uint32_t m;
	int err = text_open(&r->t, path, r->e);

	for (uint32_t p = 0; !err && p < in->n_items; p++)
		if (!(err = read_count(r, (int64_t)in->n_nodes - 1, &m, "a process's machine")))
			in->item_node[p] = (int32_t)m;
	if (!err)
		err = text_finish(&r->t, r->e);
	text_close(&r->t);
	return err;
}

static struct instance *roadef_read(char *const *paths, int n_paths, struct err *e)
{
	struct reader r = { .e = e, .in = mem_alloc(1, sizeof(struct instance)) };

	(void)n_paths;
	r.in->name = str_dup("roadef2012");
	r.in->cost_unit = str_dup("points");
	r.in->max_moves = -1;
	if (!read_model(&r, paths[0]) && !read_assignment(&r, paths[1]))
		return r.in;
	instance_free(r.in);
	return NULL;
}

static int roadef_write(const struct instance *in, const int32_t *item_node, FILE *out, struct err *e)
{
	for (uint32_t i = 0; i < in->n_items; i++)
		if (item_node[i] == NO_NODE)
			return err_set(e, -EINVAL, "%s: service %s has no node; the competition's form knows only complete answers", in->name,
				       in->services[in->item_service[i]].id);
	for (uint32_t i = 0; i < in->n_items; i++)
		fprintf(out, "%s%" PRId32, i ? " " : "", item_node[i]);
	fputc('\n', out);
	return 0;
}

const struct form form_roadef2012 = {
	.name = "roadef2012",
	.operands = "MODEL ASSIGNMENT",
	.min_paths = 2,
	.max_paths = 2,
	.read = roadef_read,
	.write = roadef_write,
};

static int import(char *const *inputs, int n_inputs, const char *output, struct err *e)
{
	return form_import(&form_roadef2012, inputs, n_inputs, output, e);
}

static int export(const struct instance *in, const struct plan *p, const char *output, struct err *e)
{
	return form_export(&form_roadef2012, in, p, output, e);
}

extern const struct kind kind_roadef2012;
const struct kind kind_roadef2012 = {
	.name = "roadef2012",
	.help = "machine reassignment (ROADEF/EURO challenge 2012): MODEL ASSIGNMENT; the answer is one line",
	.import = import,
	.export = export,
};
