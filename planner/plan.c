/* Life of a plan, and its JSON form (docs/plan.md): see plan.h. */
#include "planner/plan.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "planner/instance/json_stream.h"
#include "planner/instance/names.h"

#define FILE_MAX_BYTES ((size_t)4 << 30)

struct plan *plan_new(const struct instance *in)
{
	struct plan *p = mem_alloc(1, sizeof(*p));

	p->instance = in;
	p->item_node = mem_alloc(in->n_items, sizeof(*p->item_node));
	for (uint32_t i = 0; i < in->n_items; i++)
		p->item_node[i] = NO_NODE;
	p->cost = p->lower_bound = p->gap_ratio = NAN;
	return p;
}

void plan_say(struct plan *p, uint32_t subject, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = str_dup("(no memory)");
	va_end(ap);
	p->reasons = mem_resize(p->reasons, p->n_reasons + 1, sizeof(*p->reasons));
	p->reasons[p->n_reasons++] = (struct plan_reason){ subject, text };
}

static void texts_free(char **v, uint32_t n)
{
	for (uint32_t i = 0; v && i < n; i++)
		free(v[i]);
	free(v);
}

void plan_free(struct plan *p)
{
	if (!p)
		return;
	texts_free(p->item_why, p->instance->n_items);
	texts_free(p->node_why, p->instance->n_nodes);
	for (uint32_t i = 0; i < p->n_reasons; i++)
		free(p->reasons[i].text);
	free(p->reasons);
	free(p->moves);
	free(p->item_slowdown);
	free(p->bound_name);
	free(p->solver);
	free(p->item_node);
	free(p);
}

struct plan_reader {
	struct plan *p;
	struct names nodes, services;
	bool *seen;
	size_t cap_moves;
};

static int read_where(struct plan_reader *r, const struct json_at *at, uint32_t *item, struct err *e)
{
	const struct instance *in = r->p->instance;
	const char *service;
	int64_t s, replica = 0;
	int err;

	if ((err = json_check_object(at, e)) < 0 || (err = json_get_str(at, "service", true, &service, e)) < 0)
		return err;
	if ((s = names_find(&r->services, service)) < 0)
		return json_fail(at, e, "unknown service \"%s\"; is this plan for another instance?", service);
	if ((err = json_get_i64(at, "replica", false, 0, (int64_t)in->services[s].replicas - 1, &replica, e)) < 0)
		return err;
	*item = in->services[s].first_item + (uint32_t)replica;
	return 0;
}

static int read_node(struct plan_reader *r, const struct json_at *at, const char *key, int32_t *out, struct err *e)
{
	const char *id = NULL;
	int64_t n;
	int err;

	*out = NO_NODE;
	if ((err = json_get_str(at, key, false, &id, e)) < 0 || !id)
		return err;
	if ((n = names_find(&r->nodes, id)) < 0)
		return json_fail(at, e, "unknown node \"%s\"; is this plan for another instance?", id);
	*out = (int32_t)n;
	return 0;
}

static int read_placement(void *ctx, const struct json_at *at, struct err *e)
{
	static const char *const keys[] = { "service", "replica", "node", "slowdown", "why", NULL };
	struct plan_reader *r = ctx;
	struct plan *p = r->p;
	double slowdown = NAN;
	uint32_t item = 0;
	int err;

	if ((err = read_where(r, at, &item, e)) < 0 || (err = json_only(at, keys, e)) < 0)
		return err;
	if (r->seen[item])
		return json_fail(at, e, "this replica is placed twice");
	r->seen[item] = true;
	if ((err = json_get_f64(at, "slowdown", false, 0, 1e12, &slowdown, e)) < 0)
		return err;
	if (!isnan(slowdown) && !p->item_slowdown) {
		p->item_slowdown = mem_alloc(p->instance->n_items, sizeof(*p->item_slowdown));
		for (uint32_t i = 0; i < p->instance->n_items; i++)
			p->item_slowdown[i] = NAN;
	}
	if (p->item_slowdown)
		p->item_slowdown[item] = slowdown;
	return read_node(r, at, "node", &p->item_node[item], e);
}

static int read_move(void *ctx, const struct json_at *at, struct err *e)
{
	struct plan_reader *r = ctx;
	struct plan *p = r->p;
	struct plan_move m = { 0 };
	int64_t step = 0;
	int err;

	if ((err = read_where(r, at, &m.item, e)) < 0 || (err = read_node(r, at, "from", &m.from, e)) < 0 ||
	    (err = read_node(r, at, "to", &m.to, e)) < 0 || (err = json_get_i64(at, "step", false, 0, UINT32_MAX, &step, e)) < 0 ||
	    (err = json_get_bool(at, "detour", false, &m.detour, e)) < 0)
		return err;
	if (m.to < 0)
		return json_fail(at, e, "a move needs \"to\"");
	m.step = (uint32_t)step;
	p->moves = array_grow(p->moves, &r->cap_moves, p->n_moves + 1, sizeof(*p->moves));
	p->moves[p->n_moves++] = m;
	return 0;
}

static int read_reason(void *ctx, const struct json_at *at, struct err *e)
{
	struct plan_reader *r = ctx;
	struct plan *p = r->p;
	const char *text;
	int err;

	if ((err = json_as_str(at, &text, e)) < 0)
		return err;
	plan_say(p, 0, "%s", text);
	return 0;
}

/* Scalars: into a small tree, so that the strict accessors serve. */
static int read_head(struct plan *p, const struct json_stream *s, struct err *e)
{
	static const char *const large[] = { "placements", "move_list", "reasons", "utilisation", "nodes", NULL };
	json_t *head = json_object();
	struct json_at top = { .value = head, .file = s->file };
	const char *bound = NULL, *solver = NULL;
	int64_t seed = 0, iterations = 0, unordered = 0;
	double seconds = 0;
	int err = 0;

	for (size_t i = 0; i < s->n && err >= 0; i++) {
		json_t *v = NULL;
		size_t k = 0;

		while (large[k] && strcmp(large[k], s->spans[i].key))
			k++;
		if (!large[k] && (err = json_stream_value(s, &s->spans[i], &v, e)) >= 0)
			json_object_set_new(head, s->spans[i].key, v);
	}
	if (err < 0 || (err = json_get_f64(&top, "cost", false, -1e300, 1e300, &p->cost, e)) < 0 ||
	    (err = json_get_f64(&top, "lower_bound", false, -1e300, 1e300, &p->lower_bound, e)) < 0 ||
	    (err = json_get_f64(&top, "gap_ratio", false, -1e300, 1e300, &p->gap_ratio, e)) < 0 ||
	    (err = json_get_f64(&top, "solve_time_s", false, 0, 1e9, &seconds, e)) < 0 ||
	    (err = json_get_i64(&top, "seed", false, INT64_MIN, INT64_MAX, &seed, e)) < 0 ||
	    (err = json_get_i64(&top, "iterations", false, 0, INT64_MAX, &iterations, e)) < 0 ||
	    (err = json_get_i64(&top, "unordered_moves", false, 0, UINT32_MAX, &unordered, e)) < 0 ||
	    (err = json_get_str(&top, "bound_name", false, &bound, e)) < 0 ||
	    (err = json_get_str(&top, "solver", false, &solver, e)) < 0)
		goto out;
	p->seed = (uint64_t)seed;
	p->iterations = (uint64_t)iterations;
	p->n_unordered = (uint32_t)unordered;
	p->solve_time_ns = (uint64_t)(seconds * 1e9);
	p->bound_name = bound ? str_dup(bound) : NULL;
	p->solver = solver ? str_dup(solver) : NULL;
out:
	json_decref(head);
	return err;
}

void plan_count(struct plan *p)
{
	bool *used = mem_alloc(p->instance->n_nodes, sizeof(*used));

	p->nodes_used = p->n_unplaced = 0;
	for (uint32_t i = 0; i < p->instance->n_items; i++) {
		int32_t n = p->item_node[i];

		p->n_unplaced += n < 0;
		if (n >= 0 && !used[n]) {
			used[n] = true;
			p->nodes_used++;
		}
	}
	free(used);
}

static int read_all(struct plan_reader *r, const struct json_stream *s, struct err *e)
{
	const struct json_span *placements = json_stream_find(s, "placements"), *moves = json_stream_find(s, "move_list");
	const struct json_span *reasons = json_stream_find(s, "reasons");
	int err;

	if (!placements)
		return err_set(e, -EINVAL, "%s: placements: is missing; this is not a plan", s->file);
	if ((err = read_head(r->p, s, e)) < 0 || (err = json_stream_each(s, placements, NULL, read_placement, r, e)) < 0 ||
	    (moves && (err = json_stream_each(s, moves, NULL, read_move, r, e)) < 0) ||
	    (reasons && (err = json_stream_each(s, reasons, NULL, read_reason, r, e)) < 0))
		return err;
	plan_count(r->p);
	return 0;
}

struct plan *plan_read(const struct instance *in, const char *path, struct err *e)
{
	struct plan_reader r = { .p = plan_new(in), .seen = mem_alloc(in->n_items, sizeof(bool)) };
	struct json_stream s = { 0 };
	char *text = NULL;
	size_t size;

	for (uint32_t n = 0; n < in->n_nodes; n++)
		names_add(&r.nodes, in->nodes[n].id);
	for (uint32_t k = 0; k < in->n_services; k++)
		names_add(&r.services, in->services[k].id);
	if (file_read(path, FILE_MAX_BYTES, &text, &size, e) < 0 || json_stream_open(&s, path, text, size, e) < 0 ||
	    read_all(&r, &s, e) < 0) {
		plan_free(r.p);
		r.p = NULL;
	}
	json_stream_close(&s);
	names_fini(&r.nodes);
	names_fini(&r.services);
	free(r.seen);
	free(text);
	return r.p;
}
