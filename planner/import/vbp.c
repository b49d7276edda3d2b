/*
 * Vector bin packing in VPSolver's form (Brandão & Pedroso, https://vpsolver.fdabrandao.pt): the number of columns d, d capacities,
 * the number of lines n, then n lines of d demands, each optionally followed by how many such items there are. Whether that
 * last number is there is told by the first of these lines. Bins are free and alike, so the instance gets as many nodes as items.
 *
 * The answer is written as VPSolver prints it: the number of bins, then a line per bin with the numbers of its items (lines
 * of the input, from 1), an item repeated as often as the bin holds it.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/parse.h"
#include "planner/kind.h"

#define VBP_MAX_BYTES (512u << 20)
#define MAX_COLUMNS 1000
#define MAX_ITEMS 1000000
#define MAX_ENTRIES (INT64_C(1) << 28) /* nodes times columns: memory */

struct vbp {
	const char *path;
	char *at;
	uint32_t line;
	struct err *e;
	struct instance *in;
};

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Next number of any line. */
static int number_next(struct vbp *v, const char *what, int64_t min, int64_t max, int64_t *out)
{
	char *end, kept;
	int err;

	for (; blank(*v->at) || *v->at == '\n'; v->at++)
		v->line += *v->at == '\n';
	for (end = v->at; *end && !blank(*end) && *end != '\n';)
		end++;
	if (end == v->at)
		return err_set(v->e, -EINVAL, "%s:%u: the file ends before %s", v->path, v->line, what);
	kept = *end;
	*end = '\0';
	err = parse_i64(v->at, out);
	if (err || *out < min || *out > max)
		err_set(v->e, -EINVAL, "%s:%u: %s must be an integer from %" PRId64 " to %" PRId64 ", got \"%.40s\"", v->path, v->line,
			what, min, max, v->at);
	else
		v->e->code = 0;
	err = err || *out < min || *out > max ? -EINVAL : 0;
	*end = kept;
	v->at = end;
	return err;
}

/* How many numbers stand on the next line that is not empty. */
static uint32_t line_numbers(const char *at)
{
	uint32_t n = 0;

	while (blank(*at) || *at == '\n')
		at++;
	while (*at && *at != '\n') {
		for (n++; *at && *at != '\n' && !blank(*at);)
			at++;
		while (blank(*at))
			at++;
	}
	return n;
}

static int head_read(struct vbp *v, int64_t **capacity, int64_t *n)
{
	struct instance *in = v->in;
	int64_t d;
	int err = number_next(v, "the number of resources", 1, MAX_COLUMNS, &d);

	if (err)
		return err;
	in->resources = mem_alloc((size_t)d, sizeof(*in->resources));
	in->n_resources = (uint32_t)d;
	*capacity = mem_alloc((size_t)d, sizeof(int64_t));
	for (uint32_t c = 0; c < d; c++) {
		in->resources[c] = (struct resource){ .name = str_fmt("r%u", c + 1), .unit = str_dup("1"), .slots = 1, .column = c };
		if ((err = number_next(v, "a capacity", 0, INT64_MAX, &(*capacity)[c])) < 0)
			return err;
	}
	return number_next(v, "the number of items", 1, MAX_ITEMS, n);
}

static int items_read(struct vbp *v, int64_t n, const int64_t *capacity, bool counted)
{
	struct instance *in = v->in;
	uint32_t d = in->n_resources;
	int64_t many = 1, total = 0;
	int err;

	in->n_columns = d;
	in->n_services = in->n_groups = (uint32_t)n;
	in->services = mem_alloc((size_t)n, sizeof(*in->services));
	in->group_ids = mem_alloc((size_t)n, sizeof(*in->group_ids));
	in->demand = mem_alloc((size_t)n * d, sizeof(int64_t));
	for (uint32_t s = 0; s < n; s++) {
		in->group_ids[s] = str_fmt("i%u", s + 1);
		in->services[s] = (struct service){ .id = str_fmt("i%u", s + 1), .group = s, .limit_ratio = INFINITY,
						    .limit_confidence = 0.9, .model_service = -1 };
		for (uint32_t c = 0; c < d; c++)
			if ((err = number_next(v, "a demand", 0, capacity[c], &in->demand[(size_t)s * d + c])) < 0)
				return err;
		if (counted && (err = number_next(v, "how many items", 0, MAX_ITEMS, &many)) < 0)
			return err;
		in->services[s].replicas = (uint32_t)many;
		total += many;
	}
	for (; blank(*v->at) || *v->at == '\n'; v->at++)
		v->line += *v->at == '\n';
	if (*v->at)
		return err_set(v->e, -EINVAL, "%s:%u: text after the last item; is the number of items or resources right?", v->path, v->line);
	if (!total || total > MAX_ITEMS || total * d > MAX_ENTRIES)
		return err_set(v->e, -EINVAL, "%s: %" PRId64 " items; from 1 to %d can be packed", v->path, total, MAX_ITEMS);
	in->n_nodes = (uint32_t)total;
	return 0;
}

static void nodes_make(struct instance *in, const int64_t *capacity)
{
	uint32_t d = in->n_columns;

	in->nodes = mem_alloc(in->n_nodes, sizeof(*in->nodes));
	in->capacity = mem_alloc((size_t)in->n_nodes * d, sizeof(int64_t));
	for (uint32_t b = 0; b < in->n_nodes; b++) {
		in->nodes[b] = (struct node){ .id = str_fmt("b%u", b + 1), .type = str_dup(""), .cost = 1 };
		memcpy(in->capacity + (size_t)b * d, capacity, d * sizeof(int64_t));
	}
}

static int vbp_import(char *const *inputs, int n_inputs, const char *output, struct err *e)
{
	struct vbp v = { .path = inputs[0], .line = 1, .e = e };
	int64_t *capacity = NULL, n;
	char *text = NULL;
	size_t size;
	int err;

	if (n_inputs != 1)
		return err_set(e, -EINVAL, "import vbp takes one file, got %d", n_inputs);
	v.in = instance_new();
	v.in->n_slots = 1;
	free(v.in->cost_unit);
	v.in->cost_unit = str_dup("bins");
	free(v.in->name);
	v.in->name = str_dup(strrchr(v.path, '/') ? strrchr(v.path, '/') + 1 : v.path);
	if ((err = file_read(v.path, VBP_MAX_BYTES, &text, &size, e)) < 0)
		goto out;
	v.at = text;
	if (memchr(text, '\0', size)) {
		err = err_set(e, -EINVAL, "%s: is not text", v.path);
		goto out;
	}
	if ((err = head_read(&v, &capacity, &n)) < 0 ||
	    (err = items_read(&v, n, capacity, line_numbers(v.at) == v.in->n_resources + 1)) < 0)
		goto out;
	nodes_make(v.in, capacity);
	if ((err = instance_finish(v.in, e)) < 0)
		goto out;
	err = instance_write(v.in, output, e);
out:
	free(capacity);
	free(text);
	instance_free(v.in);
	return err;
}

struct held { int32_t node; uint32_t service; };

static int by_node(const void *a, const void *b)
{
	const struct held *x = a, *y = b;

	if (x->node != y->node)
		return x->node < y->node ? -1 : 1;
	return x->service < y->service ? -1 : x->service > y->service;
}

static int vbp_export(const struct instance *in, const struct plan *p, const char *output, struct err *e)
{
	struct held *held = mem_alloc(in->n_items + 1, sizeof(*held));
	struct file_out f = { 0 };
	uint32_t n = 0, bins = 0;
	int err;

	for (uint32_t i = 0; i < in->n_items; i++)
		if (p->item_node[i] >= 0)
			held[n++] = (struct held){ p->item_node[i], in->item_service[i] };
	qsort(held, n, sizeof(*held), by_node);
	for (uint32_t i = 0; i < n; i++)
		bins += !i || held[i].node != held[i - 1].node;
	if (n < in->n_items)
		err = err_set(e, -EINVAL, "the plan leaves %u items without a bin; plan with more time first", in->n_items - n);
	else
		err = file_out_open(&f, output, true, e);
	if (err < 0)
		goto out;
	fprintf(f.stream, "%u", bins);
	for (uint32_t i = 0; i < n; i++)
		fprintf(f.stream, "%c%u", !i || held[i].node != held[i - 1].node ? '\n' : ' ', held[i].service + 1);
	fputc('\n', f.stream);
	err = file_out_commit(&f, e);
out:
	file_out_abort(&f);
	free(held);
	return err;
}

extern const struct kind kind_vbp;
const struct kind kind_vbp = { "vbp", "vector bin packing in VPSolver's form: FILE; the answer is a line per bin", vbp_import, vbp_export };
