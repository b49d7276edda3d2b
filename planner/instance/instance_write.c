/* The JSON form of an instance, written straight to the stream: the inverse of instance_read(). docs/instance.md */
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "planner/instance/instance.h"
#include "planner/instance/json_text.h"
#include "planner/term.h"

static void write_amounts(FILE *f, const struct instance *in, const int64_t *row, bool zeros)
{
	const char *comma = "";

	fputc('{', f);
	for (uint32_t r = 0; r < in->n_resources; r++) {
		const struct resource *res = &in->resources[r];
		const int64_t *v = row + res->column;
		bool flat = true;

		for (uint32_t t = 1; t < res->slots; t++)
			flat &= v[t] == v[0];
		if (flat && !v[0] && !zeros)
			continue;
		fputs(comma, f);
		comma = ",";
		json_text(f, res->name);
		fputc(':', f);
		if (flat) {
			fprintf(f, "%lld", (long long)v[0]);
			continue;
		}
		for (uint32_t t = 0; t < res->slots; t++)
			fprintf(f, "%c%lld", t ? ',' : '[', (long long)v[t]);
		fputc(']', f);
	}
	fputc('}', f);
}

static void write_resources(FILE *f, const struct instance *in)
{
	fputs("\"resources\":[", f);
	for (uint32_t r = 0; r < in->n_resources; r++) {
		const struct resource *res = &in->resources[r];

		fputs(r ? ",\n{\"name\":" : "\n{\"name\":", f);
		json_text(f, res->name);
		fputs(",\"unit\":", f);
		json_text(f, res->unit ? res->unit : "");
		fprintf(f, ",\"slots\":%u,\"transient\":%s}", res->slots, res->transient ? "true" : "false");
	}
	fputs("],\n", f);
}

static void write_nodes(FILE *f, const struct instance *in)
{
	fputs("\"nodes\":[", f);
	for (uint32_t n = 0; n < in->n_nodes; n++) {
		const struct node *node = &in->nodes[n];
		const int64_t *capacity = in->capacity + (size_t)n * in->n_columns;
		const int64_t *soft = in->soft ? in->soft + (size_t)n * in->n_columns : capacity;

		fputs(n ? ",\n{\"id\":" : "\n{\"id\":", f);
		json_text(f, node->id);
		if (node->type && node->type[0]) {
			fputs(",\"type\":", f);
			json_text(f, node->type);
		}
		fprintf(f, ",\"cost\":%lld,\"capacity\":", (long long)node->cost);
		write_amounts(f, in, capacity, false);
		if (memcmp(soft, capacity, in->n_columns * sizeof(*soft))) {
			fputs(",\"soft\":", f);
			write_amounts(f, in, soft, true);
		}
		for (uint32_t l = 0; l < in->n_labels; l++) {
			fputs(l ? "," : ",\"labels\":{", f);
			json_text(f, in->label_names[l]);
			fputc(':', f);
			json_text(f, in->label_values[l][in->node_label[(size_t)n * in->n_labels + l]]);
		}
		fputs(in->n_labels ? "}}" : "}", f);
	}
	fputs("],\n", f);
}

static void write_allow(FILE *f, const struct instance *in, uint32_t s)
{
	const char *comma = "";

	if (!in->allow || !in->allow[s])
		return;
	fputs(",\"nodes\":{\"only\":[", f);
	for (uint32_t n = 0; n < in->n_nodes; n++)
		if (instance_allows(in, s, n)) {
			fputs(comma, f);
			json_text(f, in->nodes[n].id);
			comma = ",";
		}
	fputs("]}", f);
}

static void write_current(FILE *f, const struct instance *in, const struct service *s)
{
	bool any = false;

	for (uint32_t i = 0; i < s->replicas; i++)
		any |= in->item_node[s->first_item + i] >= 0;
	if (!any)
		return;
	for (uint32_t i = 0; i < s->replicas; i++) {
		int32_t n = in->item_node[s->first_item + i];

		fputs(i ? "," : ",\"current\":[", f);
		if (n < 0)
			fputs("null", f);
		else
			json_text(f, in->nodes[n].id);
	}
	fputc(']', f);
}

static void write_replica_ids(FILE *f, const struct instance *in, const struct service *s)
{
	if (!in->item_ids || !in->item_ids[s->first_item])
		return;
	for (uint32_t i = 0; i < s->replicas; i++) {
		fputs(i ? "," : ",\"replica_ids\":[", f);
		json_text(f, in->item_ids[s->first_item + i]);
	}
	fputc(']', f);
}

static void write_services(FILE *f, const struct instance *in)
{
	fputs("\"services\":[", f);
	for (uint32_t k = 0; k < in->n_services; k++) {
		const struct service *s = &in->services[k];

		fputs(k ? ",\n{\"id\":" : "\n{\"id\":", f);
		json_text(f, s->id);
		if (strcmp(in->group_ids[s->group], s->id)) {
			fputs(",\"group\":", f);
			json_text(f, in->group_ids[s->group]);
		}
		if (s->profile) {
			fputs(",\"profile\":", f);
			json_text(f, s->profile);
		}
		fprintf(f, ",\"replicas\":%u,\"move_cost\":%lld,\"demand\":", s->replicas, (long long)s->move_cost);
		write_amounts(f, in, in->demand + (size_t)k * in->n_columns, false);
		if (isfinite(s->limit_ratio))
			fprintf(f, ",\"limit\":{\"ratio\":%.17g,\"confidence\":%.17g}", s->limit_ratio, s->limit_confidence);
		write_allow(f, in, k);
		write_current(f, in, s);
		write_replica_ids(f, in, s);
		fputc('}', f);
	}
	fputc(']', f);
}

static void write_label(FILE *f, const struct instance *in, uint32_t label)
{
	fputs(",\"label\":", f);
	json_text(f, label == LABEL_NODE ? "node" : in->label_names[label]);
}

static void write_rules(FILE *f, const struct instance *in)
{
	const char *comma = "";

	fputs(",\n\"rules\":[", f);
	for (uint32_t i = 0; i < in->n_caps; i++, comma = ",") {
		fprintf(f, "%s\n{\"kind\":\"cap\",\"where\":", comma);
		json_text(f, in->group_ids[in->caps[i].a]);
		fputs(",\"of\":", f);
		json_text(f, in->group_ids[in->caps[i].b]);
		fprintf(f, ",\"at_most\":%u}", in->caps[i].k);
	}
	for (uint32_t i = 0; i < in->n_nears; i++, comma = ",") {
		fprintf(f, "%s\n{\"kind\":\"near\",\"group\":", comma);
		json_text(f, in->group_ids[in->nears[i].a]);
		fputs(",\"of\":", f);
		json_text(f, in->group_ids[in->nears[i].b]);
		write_label(f, in, in->nears[i].label);
		fputc('}', f);
	}
	for (uint32_t i = 0; i < in->n_spreads; i++, comma = ",") {
		const struct rule_spread *r = &in->spreads[i];

		fprintf(f, "%s\n{\"kind\":\"spread\",\"group\":", comma);
		json_text(f, in->group_ids[r->group]);
		write_label(f, in, r->label);
		if (r->min_distinct)
			fprintf(f, ",\"min_distinct\":%u", r->min_distinct);
		if (r->max_per_value)
			fprintf(f, ",\"max_per_value\":%u", r->max_per_value);
		fputc('}', f);
	}
	fputc(']', f);
}

static void write_terms(FILE *f, const struct instance *in)
{
	for (uint32_t i = 0; i < in->n_terms; i++) {
		const struct term *t = &in->terms[i];
		const struct term_row *row = &term_rows[t->kind];

		fprintf(f, "%s\n{\"term\":\"%s\",\"weight\":%.17g", i ? "," : ",\n\"objective\":[", row->name, t->weight);
		if (row->n_resources > 0) {
			fputs(",\"resource\":", f);
			json_text(f, in->resources[t->resource].name);
		}
		if (row->n_resources > 1) {
			fputs(",\"resource2\":", f);
			json_text(f, in->resources[t->resource2].name);
		}
		fprintf(f, ",\"threshold\":%.17g,\"scale\":%.17g,\"target\":%lld}", t->threshold, t->scale, (long long)t->target);
	}
	if (in->n_terms)
		fputc(']', f);
}

static void write_pairs(FILE *f, const struct instance *in)
{
	if (!in->move_pair)
		return;
	fputs(",\n\"move_pair\":[", f);
	for (uint32_t a = 0; a < in->n_nodes; a++) {
		fputs(a ? ",\n" : "\n", f);
		for (uint32_t b = 0; b < in->n_nodes; b++)
			fprintf(f, "%c%d", b ? ',' : '[', in->move_pair[(size_t)a * in->n_nodes + b]);
		fputc(']', f);
	}
	fputc(']', f);
}

int instance_write(const struct instance *in, const char *path, struct err *e)
{
	struct file_out out;
	FILE *f;
	int err;

	if ((err = file_out_open(&out, path, false, e)) < 0)
		return err;
	f = out.stream;
	fputs("{\"name\":", f);
	json_text(f, in->name ? in->name : "");
	fputs(",\"cost_unit\":", f);
	json_text(f, in->cost_unit ? in->cost_unit : "nodes");
	fprintf(f, ",\"slots\":%u,", in->n_slots);
	if (in->max_moves >= 0)
		fprintf(f, "\"max_moves\":%lld,", (long long)in->max_moves);
	fputc('\n', f);
	write_resources(f, in);
	write_nodes(f, in);
	write_services(f, in);
	write_rules(f, in);
	write_terms(f, in);
	write_pairs(f, in);
	fputs("}\n", f);
	return file_out_commit(&out, e);
}
