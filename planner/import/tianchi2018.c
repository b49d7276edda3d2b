/*
 * Time-of-day packing with interference rules, Alibaba Tianchi 2018: a folder with the four tables, or the four files, as CSV
 * or gzip, told apart by their names (app_resources, machine_resources, instance_deploy, app_interference).
 *
 * app → service and group; instance → replica; cpu and mem are curves, scaled by 10^6 to integers exactly as published; rule
 * "A, B, k" → where A runs, at most k of B; k + 1 when A = B (k counts the others). Objective per sample and used
 * machine: 1 + 10 (exp(max(0, cpu utilisation - 0.5)) - 1), mean over samples. Published instance names stay as item_ids.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "planner/import/form.h"
#include "planner/import/text.h"
#include "planner/kind.h"

#define N_SAMPLES 98
#define SCALE 1000000
#define N_SCALARS 4

enum { CPU, MEM, N_CURVES };
enum { APPS, MACHINES, DEPLOYMENT, RULES, N_TABLES };

static const char *const table_words[N_TABLES] = { "app_resources", "machine_resources", "instance_deploy", "app_interference" };
static const char *const scalar_names[N_SCALARS] = { "disk", "p", "m", "pm" };

struct name { char *text; uint32_t index; };
struct names { struct name *v; size_t n, cap; };

struct deployed { uint32_t app; int32_t node; char *id; uint32_t order; };

struct reader {
	struct text t;
	struct err *e;
	struct instance *in;
	char *paths[N_TABLES];
	struct names apps, machines;
	struct deployed *deployed;
	size_t n_deployed, cap_deployed, cap_services, cap_nodes, cap_demand, cap_capacity, cap_rules;
};

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct name *)a)->text, ((const struct name *)b)->text);
}

static void names_add(struct names *n, char *text)
{
	n->v = array_grow(n->v, &n->cap, n->n + 1, sizeof(*n->v));
	n->v[n->n] = (struct name){ text, (uint32_t)n->n };
	n->n++;
}

/* Sorted for names_find(); a name that stands twice is an error. */
static int names_sort(struct reader *r, struct names *n)
{
	if (n->n)
		qsort(n->v, n->n, sizeof(*n->v), compare_names);
	for (size_t i = 1; i < n->n; i++)
		if (!strcmp(n->v[i - 1].text, n->v[i].text))
			return err_set(r->e, -EINVAL, "%s: \"%s\" stands there twice", r->t.path, n->v[i].text);
	return 0;
}

static int names_find(struct reader *r, const struct names *n, char *text, uint32_t *out)
{
	struct name key = { .text = text };
	const struct name *found = n->n ? bsearch(&key, n->v, n->n, sizeof(*n->v), compare_names) : NULL;

	if (!found)
		return text_fail(&r->t, r->e, "\"%.60s\" is not in the table of %s", text, n == &r->apps ? "apps" : "machines");
	*out = found->index;
	return 0;
}

static int read_curve(struct reader *r, char *field, int64_t *out)
{
	char *parts[N_SAMPLES];
	int n = text_split(field, '|', parts, N_SAMPLES), err = 0;

	if (n != N_SAMPLES)
		return text_fail(&r->t, r->e, "a curve must have %d samples", N_SAMPLES);
	for (int i = 0; !err && i < N_SAMPLES; i++)
		err = text_decimal(&r->t, parts[i], SCALE, &out[i], r->e);
	return err;
}

static int read_app(struct reader *r, char **fields)
{
	struct instance *in = r->in;
	uint32_t s = in->n_services;
	int64_t *row;
	int err = 0;

	in->services = array_grow(in->services, &r->cap_services, s + 1, sizeof(*in->services));
	in->demand = array_grow(in->demand, &r->cap_demand, (size_t)(s + 1) * in->n_columns, sizeof(int64_t));
	row = in->demand + (size_t)s * in->n_columns;
	in->services[s] = (struct service){ .id = str_dup(fields[0]), .group = s, .move_cost = 1, .limit_ratio = INFINITY, .model_service = -1 };
	in->n_services++;
	names_add(&r->apps, in->services[s].id);
	for (int i = 0; !err && i < N_CURVES; i++)
		err = read_curve(r, fields[1 + i], row + i * N_SAMPLES);
	for (int i = 0; !err && i < N_SCALARS; i++)
		err = text_decimal(&r->t, fields[1 + N_CURVES + i], 1, &row[N_CURVES * N_SAMPLES + i], r->e);
	return err;
}

static int read_machine(struct reader *r, char **fields)
{
	struct instance *in = r->in;
	uint32_t m = in->n_nodes;
	int64_t *row, v = 0;
	int err = 0;

	in->nodes = array_grow(in->nodes, &r->cap_nodes, m + 1, sizeof(*in->nodes));
	in->capacity = array_grow(in->capacity, &r->cap_capacity, (size_t)(m + 1) * in->n_columns, sizeof(int64_t));
	row = in->capacity + (size_t)m * in->n_columns;
	in->nodes[m] = (struct node){ .id = str_dup(fields[0]), .type = str_fmt("%s-%s", fields[1], fields[2]), .cost = 1 };
	in->n_nodes++;
	names_add(&r->machines, in->nodes[m].id);
	for (int i = 0; !err && i < N_CURVES; i++) {
		err = text_decimal(&r->t, fields[1 + i], SCALE, &v, r->e);
		for (int k = 0; k < N_SAMPLES; k++)
			row[i * N_SAMPLES + k] = v;
	}
	for (int i = 0; !err && i < N_SCALARS; i++)
		err = text_decimal(&r->t, fields[1 + N_CURVES + i], 1, &row[N_CURVES * N_SAMPLES + i], r->e);
	return err;
}

static int read_deployed(struct reader *r, char **fields)
{
	struct deployed d = { .node = NO_NODE, .order = (uint32_t)r->n_deployed };
	uint32_t node = 0;
	int err = names_find(r, &r->apps, fields[1], &d.app);

	if (!err && fields[2] && fields[2][0] && !(err = names_find(r, &r->machines, fields[2], &node)))
		d.node = (int32_t)node;
	if (err)
		return err;
	d.id = str_dup(fields[0]);
	r->deployed = array_grow(r->deployed, &r->cap_deployed, r->n_deployed + 1, sizeof(d));
	r->deployed[r->n_deployed++] = d;
	return 0;
}

static int read_rule(struct reader *r, char **fields)
{
	struct instance *in = r->in;
	struct rule_cap c;
	int64_t k;
	int err;

	if ((err = names_find(r, &r->apps, fields[0], &c.a)) || (err = names_find(r, &r->apps, fields[1], &c.b)) ||
	    (err = text_decimal(&r->t, fields[2], 1, &k, r->e)))
		return err;
	if (k >= INT32_MAX)
		return text_fail(&r->t, r->e, "the limit %" PRId64 " is too large", k);
	c.k = (uint32_t)k + (c.a == c.b);
	in->caps = array_grow(in->caps, &r->cap_rules, in->n_caps + 1, sizeof(c));
	in->caps[in->n_caps++] = c;
	return 0;
}

static const struct { int min, max; int (*read)(struct reader *r, char **fields); } tables[N_TABLES] = {
	[APPS] = { 7, 7, read_app }, [MACHINES] = { 7, 7, read_machine },
	[DEPLOYMENT] = { 2, 3, read_deployed }, [RULES] = { 3, 3, read_rule },
};

static int read_table(struct reader *r, int table)
{
	int err = text_open(&r->t, r->paths[table], r->e), more;

	while (!err) {
		char *fields[8] = { NULL };

		more = text_fields(&r->t, ',', fields, tables[table].min, tables[table].max, r->e);
		if (more <= 0) {
			err = more;
			break;
		}
		r->t.line--; /* messages are about the line just read */
		err = tables[table].read(r, fields);
		r->t.line++;
	}
	if (!err && table == APPS)
		err = names_sort(r, &r->apps);
	if (!err && table == MACHINES)
		err = names_sort(r, &r->machines);
	text_close(&r->t);
	return err;
}

static void add_resources(struct instance *in)
{
	static const struct { const char *name, *unit; } curves[N_CURVES] = { { "cpu", "ucpu" }, { "mem", "MiB/1000" } };

	in->n_resources = N_CURVES + N_SCALARS;
	in->resources = mem_alloc(in->n_resources, sizeof(*in->resources));
	in->n_slots = N_SAMPLES;
	for (uint32_t i = 0; i < in->n_resources; i++) {
		struct resource *r = &in->resources[i];

		r->name = str_dup(i < N_CURVES ? curves[i].name : scalar_names[i - N_CURVES]);
		r->unit = str_dup(i < N_CURVES ? curves[i].unit : "");
		r->slots = i < N_CURVES ? N_SAMPLES : 1;
		r->column = in->n_columns;
		in->n_columns += r->slots;
	}
	in->n_terms = 2;
	in->terms = mem_alloc(2, sizeof(*in->terms));
	in->terms[0] = (struct term){ .kind = TERM_NODE_COST, .weight = 1 };
	in->terms[1] = (struct term){ .kind = TERM_EXPONENTIAL, .resource = CPU, .weight = 1, .threshold = 0.5, .scale = 10 };
}

static int compare_deployed(const void *a, const void *b)
{
	const struct deployed *x = a, *y = b;

	return x->app != y->app ? (x->app > y->app) - (x->app < y->app) : (x->order > y->order) - (x->order < y->order);
}

static void number_items(struct reader *r)
{
	struct instance *in = r->in;

	if (r->n_deployed)
		qsort(r->deployed, r->n_deployed, sizeof(*r->deployed), compare_deployed);
	in->n_items = (uint32_t)r->n_deployed;
	in->item_service = mem_alloc(in->n_items, sizeof(uint32_t));
	in->item_node = mem_alloc(in->n_items, sizeof(int32_t));
	in->item_ids = mem_alloc(in->n_items, sizeof(char *));
	for (uint32_t i = 0; i < in->n_items; i++) {
		struct service *s = &in->services[r->deployed[i].app];

		if (!s->replicas++)
			s->first_item = i;
		in->item_service[i] = r->deployed[i].app;
		in->item_node[i] = r->deployed[i].node;
		in->item_ids[i] = r->deployed[i].id;
	}
	r->n_deployed = 0; /* the names now belong to the instance */
}

/* Apps that nobody runs are no services. */
static void drop_idle(struct instance *in)
{
	uint32_t *to = mem_alloc(in->n_services, sizeof(uint32_t)), n = 0, kept = 0;

	for (uint32_t s = 0; s < in->n_services; s++) {
		to[s] = UINT32_MAX;
		if (!in->services[s].replicas) {
			free(in->services[s].id);
			continue;
		}
		to[s] = n;
		in->services[n] = in->services[s];
		in->services[n].group = n;
		memmove(in->demand + (size_t)n * in->n_columns, in->demand + (size_t)s * in->n_columns, in->n_columns * sizeof(int64_t));
		n++;
	}
	for (uint32_t i = 0; i < in->n_items; i++)
		in->item_service[i] = to[in->item_service[i]];
	for (uint32_t i = 0; i < in->n_caps; i++)
		if (to[in->caps[i].a] != UINT32_MAX && to[in->caps[i].b] != UINT32_MAX)
			in->caps[kept++] = (struct rule_cap){ to[in->caps[i].a], to[in->caps[i].b], in->caps[i].k };
	in->n_caps = kept;
	in->n_services = in->n_groups = n;
	in->group_ids = mem_alloc(n, sizeof(char *));
	for (uint32_t g = 0; g < n; g++)
		in->group_ids[g] = str_dup(in->services[g].id);
	free(to);
}

static int place_path(struct reader *r, const char *folder, const char *file)
{
	for (int k = 0; k < N_TABLES; k++) {
		if (!strstr(file, table_words[k]) || !strstr(file, ".csv"))
			continue;
		if (r->paths[k])
			return err_set(r->e, -EINVAL, "%s: two files for %s; keep one there, or name the four files", folder, table_words[k]);
		r->paths[k] = *folder ? str_fmt("%s/%s", folder, file) : str_dup(file);
	}
	return 0;
}

static int find_tables(struct reader *r, char *const *paths, int n_paths)
{
	DIR *dir = n_paths == 1 ? opendir(paths[0]) : NULL;
	int err = 0;

	if (n_paths == 1 && !dir)
		return err_set(r->e, -errno, "%s: %s; give the folder with the four tables, or the four files", paths[0], strerror(errno));
	for (struct dirent *d; dir && !err && (d = readdir(dir));)
		err = place_path(r, paths[0], d->d_name);
	if (dir)
		closedir(dir);
	for (int i = 0; !dir && !err && i < n_paths; i++)
		err = place_path(r, "", paths[i]);
	for (int k = 0; !err && k < N_TABLES; k++)
		if (!r->paths[k])
			err = err_set(r->e, -ENOENT, "%s: no file named *%s*.csv[.gz]", paths[0], table_words[k]);
	return err;
}

static struct instance *tianchi_read(char *const *paths, int n_paths, struct err *e)
{
	struct reader r = { .e = e, .in = mem_alloc(1, sizeof(struct instance)) };
	int err = find_tables(&r, paths, n_paths);

	r.in->name = str_dup("tianchi2018");
	r.in->cost_unit = str_dup("nodes");
	r.in->max_moves = -1;
	add_resources(r.in);
	for (int k = 0; !err && k < N_TABLES; k++)
		err = read_table(&r, k);
	if (!err) {
		number_items(&r);
		drop_idle(r.in);
	}
	for (int k = 0; k < N_TABLES; k++)
		free(r.paths[k]);
	for (size_t i = 0; i < r.n_deployed; i++)
		free(r.deployed[i].id);
	free(r.deployed);
	free(r.apps.v);
	free(r.machines.v);
	if (!err)
		return r.in;
	instance_free(r.in);
	return NULL;
}

static int tianchi_write(const struct instance *in, const int32_t *item_node, FILE *out, struct err *e)
{
	if (!in->item_ids)
		return err_set(e, -EINVAL, "%s: its replicas have no published names (replica_ids); import it with this program again", in->name);
	for (uint32_t i = 0; i < in->n_items; i++)
		if (item_node[i] != NO_NODE && in->item_ids[i])
			fprintf(out, "%s,%s\n", in->item_ids[i], in->nodes[item_node[i]].id);
	return 0;
}

const struct form form_tianchi2018 = {
	.name = "tianchi2018",
	.operands = "FOLDER or its four tables",
	.min_paths = 1,
	.max_paths = N_TABLES,
	.read = tianchi_read,
	.write = tianchi_write,
};

static int import(char *const *inputs, int n_inputs, const char *output, struct err *e)
{
	return form_import(&form_tianchi2018, inputs, n_inputs, output, e);
}

static int export(const struct instance *in, const struct plan *p, const char *output, struct err *e)
{
	return form_export(&form_tianchi2018, in, p, output, e);
}

extern const struct kind kind_tianchi2018;
const struct kind kind_tianchi2018 = {
	.name = "tianchi2018",
	.help = "packing over the day with interference rules (Alibaba Tianchi 2018): FOLDER or its four tables; the answer is instance,machine lines",
	.import = import,
	.export = export,
};
