/* A plan as JSON, written straight to the stream: docs/plan.md. What is unknown is null. */
#include <math.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/mem.h"
#include "planner/instance/json_text.h"
#include "planner/plan.h"

static void number(FILE *f, const char *key, double v)
{
	if (isfinite(v))
		fprintf(f, "\"%s\":%.15g,", key, v);
	else
		fprintf(f, "\"%s\":null,", key);
}

static void text(FILE *f, const char *key, const char *v)
{
	fprintf(f, "\"%s\":", key);
	if (v)
		json_text(f, v);
	else
		fputs("null", f);
	fputs(",\n", f);
}

static void where(FILE *f, const struct instance *in, uint32_t item)
{
	const struct service *s = &in->services[in->item_service[item]];

	fputs("{\"service\":", f);
	json_text(f, s->id);
	fprintf(f, ",\"replica\":%u", item - s->first_item);
}

static void node(FILE *f, const struct instance *in, const char *key, int32_t n)
{
	fprintf(f, ",\"%s\":", key);
	if (n < 0)
		fputs("null", f);
	else
		json_text(f, in->nodes[n].id);
}

static void placements(FILE *f, const struct plan *p)
{
	fputs("\"placements\":[", f);
	for (uint32_t i = 0; i < p->instance->n_items; i++) {
		fputs(i ? ",\n" : "\n", f);
		where(f, p->instance, i);
		node(f, p->instance, "node", p->item_node[i]);
		if (p->item_slowdown && isfinite(p->item_slowdown[i]))
			fprintf(f, ",\"slowdown\":%.6g", p->item_slowdown[i]);
		if (p->item_why && p->item_why[i]) {
			fputs(",\"why\":", f);
			json_text(f, p->item_why[i]);
		}
		fputc('}', f);
	}
	fputc(']', f);
}

static void nodes(FILE *f, const struct plan *p)
{
	fputs("\"nodes\":[", f);
	for (uint32_t n = 0; n < p->instance->n_nodes; n++) {
		fputs(n ? ",\n{\"node\":" : "\n{\"node\":", f);
		json_text(f, p->instance->nodes[n].id);
		fputs(",\"why\":", f);
		json_text(f, p->node_why[n]);
		fputc('}', f);
	}
	fputs("],\n", f);
}

static void moves(FILE *f, const struct plan *p)
{
	fputs("\"move_list\":[", f);
	for (uint32_t i = 0; i < p->n_moves; i++) {
		const struct plan_move *m = &p->moves[i];

		fputs(i ? ",\n" : "\n", f);
		where(f, p->instance, m->item);
		node(f, p->instance, "from", m->from);
		node(f, p->instance, "to", m->to);
		fprintf(f, ",\"step\":%u", m->step);
		if (m->detour)
			fputs(",\"detour\":true", f);
		fputc('}', f);
	}
	fputs("],\n", f);
}

/* Per resource: load over capacity of the nodes in use, mean over slots and the fullest column of any node. */
static void utilisation(FILE *f, const struct plan *p)
{
	const struct instance *in = p->instance;
	int64_t *load = mem_alloc((size_t)in->n_nodes * in->n_columns, sizeof(*load));
	bool *used = mem_alloc(in->n_nodes, sizeof(*used));

	for (uint32_t i = 0; i < in->n_items; i++) {
		const int64_t *d = in->demand + (size_t)in->item_service[i] * in->n_columns;

		if (p->item_node[i] < 0)
			continue;
		used[p->item_node[i]] = true;
		for (uint32_t c = 0; c < in->n_columns; c++)
			load[(size_t)p->item_node[i] * in->n_columns + c] += d[c];
	}
	fputs("\"utilisation\":[", f);
	for (uint32_t r = 0; r < in->n_resources; r++) {
		double sum = 0, room = 0, most = 0;

		for (uint32_t n = 0; n < in->n_nodes; n++)
			for (uint32_t t = 0; used[n] && t < in->resources[r].slots; t++) {
				size_t k = (size_t)n * in->n_columns + in->resources[r].column + t;

				sum += (double)load[k];
				room += (double)in->capacity[k];
				if (in->capacity[k])
					most = fmax(most, (double)load[k] / (double)in->capacity[k]);
			}
		fputs(r ? ",\n{\"resource\":" : "\n{\"resource\":", f);
		json_text(f, in->resources[r].name);
		fprintf(f, ",\"mean_ratio\":%.6g,\"max_ratio\":%.6g}", room > 0 ? sum / room : 0, most);
	}
	fputs("],\n", f);
	free(load);
	free(used);
}

static void reasons(FILE *f, const struct plan *p)
{
	fputs("\"reasons\":[", f);
	for (uint32_t i = 0; i < p->n_reasons; i++) {
		fputs(i ? ",\n" : "\n", f);
		json_text(f, p->reasons[i].text);
	}
	fputs("],\n", f);
}

int plan_write(const struct plan *p, const char *path, struct err *e)
{
	struct file_out out;
	uint32_t detours = 0;
	FILE *f;
	int err;

	if ((err = file_out_open(&out, path, false, e)) < 0)
		return err;
	for (uint32_t i = 0; i < p->n_moves; i++)
		detours += p->moves[i].detour;
	f = out.stream;
	fputs("{", f);
	text(f, "instance", p->instance->name ? p->instance->name : "");
	fprintf(f, "\"nodes_used\":%u,", p->nodes_used);
	number(f, "cost", p->cost);
	text(f, "cost_unit", p->instance->cost_unit ? p->instance->cost_unit : "nodes");
	number(f, "lower_bound", p->lower_bound);
	number(f, "gap_ratio", p->gap_ratio);
	text(f, "bound_name", p->bound_name);
	fprintf(f, "\"unplaced\":%u,\"moves\":%u,\"detours\":%u,\"unordered_moves\":%u,\n", p->n_unplaced, p->n_moves - detours, detours,
		p->n_unordered);
	fprintf(f, "\"seed\":%lld,\"iterations\":%llu,\"solve_time_s\":%.3f,", (long long)p->seed, (unsigned long long)p->iterations,
		(double)p->solve_time_ns / 1e9);
	number(f, "first_plan_s", p->first_plan_ns ? (double)p->first_plan_ns / 1e9 : NAN);
	text(f, "solver", p->solver);
	utilisation(f, p);
	reasons(f, p);
	if (p->node_why)
		nodes(f, p);
	moves(f, p);
	placements(f, p);
	fputs("}\n", f);
	return file_out_commit(&out, e);
}
