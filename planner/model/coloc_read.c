/* Reading and writing measured co-locations, CSV and JSON: see coloc.h. Every refusal names the file and the line or field. */
#include "planner/model/coloc.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/parse.h"

#define FILE_MAX_BYTES (256u << 20)
#define NAME_MAX_BYTES 200

enum column { VICTIM, NEIGHBOURS, NODE_TYPE, METRIC, ALONE, SHARED, COLUMNS };
static const char *const column_names[COLUMNS] = { "victim", "neighbours", "node_type", "metric", "alone", "shared" };

static int split(char *text, char separator, char **out, int max)
{
	int n = 0;

	for (char *p = text; n < max; n++) {
		char *end = strchr(p, separator);

		out[n] = p;
		if (!end)
			return n + 1;
		*end = 0;
		p = end + 1;
	}
	return max + 1;
}

static int number(const char *where, const char *column, const char *text, double *out, struct err *e)
{
	if (parse_f64(text, out) < 0)
		return err_set(e, -EINVAL, "%s: %s must be a finite number, got \"%.40s\"", where, column, text);
	return 0;
}

static int row_parse(struct coloc *c, const char *where, char *line, struct err *e)
{
	char *cell[COLUMNS], *list[COLOC_MAX_NEIGHBOURS];
	double alone, shared;
	int n = split(line, ',', cell, COLUMNS), n_list = 0, err;

	if (n != COLUMNS)
		return err_set(e, -EINVAL, "%s: must have %d columns, got %s", where, COLUMNS, n > COLUMNS ? "more" : "fewer");
	for (int i = 0; i < COLUMNS; i++)
		if (strlen(cell[i]) > (i == NEIGHBOURS ? NAME_MAX_BYTES * COLOC_MAX_NEIGHBOURS : NAME_MAX_BYTES))
			return err_set(e, -EINVAL, "%s: %s is too long", where, column_names[i]);
	if (*cell[NEIGHBOURS] && (n_list = split(cell[NEIGHBOURS], ';', list, COLOC_MAX_NEIGHBOURS)) > COLOC_MAX_NEIGHBOURS)
		return err_set(e, -EINVAL, "%s: more than %d neighbours", where, COLOC_MAX_NEIGHBOURS);
	for (int i = 0; i < n_list; i++)
		if (!*list[i])
			return err_set(e, -EINVAL, "%s: neighbour %d has no name", where, i + 1);
	if ((err = number(where, "alone", cell[ALONE], &alone, e)) < 0 ||
	    (err = number(where, "shared", cell[SHARED], &shared, e)) < 0)
		return err;
	return coloc_append(c, where, cell[VICTIM], list, n_list, cell[NODE_TYPE], cell[METRIC], alone, shared, e);
}

static int csv_parse(struct coloc *c, const char *path, char *text, size_t size, struct err *e)
{
	static const char header[] = "victim,neighbours,node_type,metric,alone,shared";
	size_t line = 0;
	int err;

	if (memchr(text, 0, size))
		return err_set(e, -EINVAL, "%s: is not text", path);
	for (char *next, *p = text; p && *p; p = next) {
		char where[300];

		next = strchr(p, '\n');
		if (next)
			*next++ = 0;
		p[strcspn(p, "\r")] = 0;
		line++;
		snprintf(where, sizeof(where), "%.200s: line %zu", path, line);
		if (line == 1 && strcmp(p, header))
			return err_set(e, -EINVAL, "%s: must be the header \"%s\"", where, header);
		if (line > 1 && *p && (err = row_parse(c, where, p, e)) < 0)
			return err;
	}
	return line > 1 ? 0 : err_set(e, -EINVAL, "%s: has no runs", path);
}

static int row_read(struct coloc *c, const struct json_at *at, struct err *e)
{
	static const char *const keys[] = { "victim", "neighbours", "node_type", "metric", "alone", "shared", NULL };
	struct json_at list = json_key(at, "neighbours");
	const char *victim, *type = "", *metric = "time";
	char *names[COLOC_MAX_NEIGHBOURS], where[300];
	double alone, shared;
	size_t n;
	int err;

	if ((err = json_check_object(at, e)) < 0 || (err = json_only(at, keys, e)) < 0 ||
	    (err = json_get_str(at, "victim", true, &victim, e)) < 0 ||
	    (err = json_get_str(at, "node_type", false, &type, e)) < 0 ||
	    (err = json_get_str(at, "metric", false, &metric, e)) < 0 ||
	    (err = json_get_f64(at, "alone", true, 0, 1e300, &alone, e)) < 0 ||
	    (err = json_get_f64(at, "shared", true, 0, 1e300, &shared, e)) < 0 || (err = json_check_array(&list, &n, e)) < 0)
		return err;
	if (n > COLOC_MAX_NEIGHBOURS)
		return json_fail(&list, e, "has %zu neighbours, at most %d are possible", n, COLOC_MAX_NEIGHBOURS);
	for (size_t i = 0; i < n; i++) {
		struct json_at v = json_item(&list, i);
		const char *name;

		if ((err = json_as_str(&v, &name, e)) < 0)
			return err;
		names[i] = (char *)name; /* only read */
	}
	snprintf(where, sizeof(where), "%.200s: runs[%zu]", at->file, at->index);
	return coloc_append(c, where, victim, names, (int)n, type, metric, alone, shared, e);
}

static int json_rows(struct coloc *c, const char *path, const char *text, size_t size, struct err *e)
{
	static const char *const keys[] = { "cotenant_colocation", "runs", NULL };
	struct json_at top = { .file = path }, list;
	json_t *root;
	int64_t version;
	size_t n;
	int err;

	if ((err = json_parse(path, text, size, &root, e)) < 0)
		return err;
	top.value = root;
	list = json_key(&top, "runs");
	if (json_is_object(root) && !json_object_get(root, "cotenant_colocation")) {
		err = json_fail(&top, e, "cotenant_colocation: is missing; this is no file of co-locations (docs/colocation.md)");
		goto out;
	}
	if ((err = json_check_object(&top, e)) < 0 ||
	    (err = json_get_i64(&top, "cotenant_colocation", true, 1, 1, &version, e)) < 0 ||
	    (err = json_only(&top, keys, e)) < 0 || (err = json_check_array(&list, &n, e)) < 0)
		goto out;
	if (!n)
		err = json_fail(&list, e, "has no runs");
	for (size_t i = 0; i < n && !err; i++) {
		struct json_at row = json_item(&list, i);

		err = row_read(c, &row, e);
	}
out:
	json_decref(root);
	return err;
}

int coloc_add(struct coloc *c, const char *path, struct err *e)
{
	char *text, *p;
	size_t size;
	int err = file_read(path, FILE_MAX_BYTES, &text, &size, e);

	if (err < 0)
		return err;
	p = text + strspn(text, " \t\r\n");
	err = *p == '{' ? json_rows(c, path, text, size, e) : csv_parse(c, path, text, size, e);
	free(text);
	return err;
}

struct coloc *coloc_read(const char *path, struct err *e)
{
	struct coloc *c = coloc_new(path);

	if (coloc_add(c, path, e) < 0) {
		coloc_free(c);
		return NULL;
	}
	return c;
}

int coloc_write(const struct coloc *c, const char *path, bool overwrite, struct err *e)
{
	json_t *root = json_object(), *runs = json_array();
	struct file_out f;
	int err;

	json_object_set_new(root, "cotenant_colocation", json_integer(1));
	for (size_t i = 0; i < c->n_rows; i++) {
		const struct coloc_row *r = c->rows + i;
		json_t *o = json_object(), *list = json_array();

		for (int j = 0; j < r->n_neighbours; j++)
			json_array_append_new(list, json_string(c->services[r->neighbours[j]]));
		json_object_set_new(o, "victim", json_string(c->services[r->victim]));
		json_object_set_new(o, "neighbours", list);
		json_object_set_new(o, "node_type", json_string(c->types[r->type]));
		json_object_set_new(o, "metric", json_string(c->metrics[r->metric]));
		json_object_set_new(o, "alone", json_real(r->alone));
		json_object_set_new(o, "shared", json_real(r->shared));
		json_array_append_new(runs, o);
	}
	json_object_set_new(root, "runs", runs);
	if ((err = file_out_open(&f, path, overwrite, e)) < 0)
		goto out;
	if (json_dumpf(root, f.stream, JSON_INDENT(1)) < 0) {
		err = err_set(e, -EIO, "%s: cannot write: %s", path, strerror(errno));
		file_out_abort(&f);
		goto out;
	}
	err = file_out_commit(&f, e);
out:
	json_decref(root);
	return err;
}
