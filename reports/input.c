/*
 * Telling input files apart: SQLite's magic is a session, a JSON object is a plan, an instance or a model by its keys. Only the first
 * bytes are looked at before a file is refused, so that 100 MB of garbage costs nothing.
 */
#include "reports/input.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

#define JSON_MAX_BYTES ((size_t)1 << 30)

enum kind { KIND_SESSION, KIND_PLAN, KIND_INSTANCE, KIND_MODEL, KINDS };

/* A JSON object is of the first kind whose key it has. */
static const struct { enum kind kind; const char *key; } json_kinds[] = {
	{ KIND_PLAN, "placements" }, { KIND_INSTANCE, "nodes" }, { KIND_INSTANCE, "resources" },
	{ KIND_MODEL, "pressures" }, { KIND_MODEL, "model" }, { KIND_MODEL, "models" }, { KIND_MODEL, "forms" },
};

static char *file_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return str_dup(slash ? slash + 1 : path);
}

static char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *dot = strrchr(name, '.');

	return dot && dot > name ? str_fmt("%.*s", (int)(dot - name), name) : str_dup(name);
}

static int read_head(const char *path, char *head, size_t size, struct err *e)
{
	gzFile f = gzopen(path, "rb");
	int n;

	if (!f)
		return err_set(e, errno ? -errno : -EIO, "%s: cannot open: %s", path, strerror(errno));
	n = gzread(f, head, (unsigned)size - 1);
	gzclose_r(f);
	if (n < 0)
		return err_set(e, -EINVAL, "%s: cannot read: a folder, or damaged gzip data", path);
	head[n] = '\0';
	return n;
}

static int json_kind(const char *path, json_t **root, struct err *e)
{
	int err = json_read(path, JSON_MAX_BYTES, root, e);

	if (err < 0)
		return err;
	for (size_t i = 0; i < sizeof(json_kinds) / sizeof(json_kinds[0]); i++)
		if (json_object_get(*root, json_kinds[i].key))
			return (int)json_kinds[i].kind;
	json_decref(*root);
	*root = NULL;
	return err_set(e, -EINVAL, "%s: JSON, but no plan, instance or model; give what plan, import or fit wrote", path);
}

static int file_kind(const char *path, json_t **root, struct err *e)
{
	char head[256];
	int n = read_head(path, head, sizeof(head), e);

	if (n < 0)
		return n;
	if (!n)
		return err_set(e, -EINVAL, "%s: is empty", path);
	if (!strncmp(head, "SQLite format 3", 15))
		return KIND_SESSION;
	if (head[strspn(head, " \t\r\n")] == '{')
		return json_kind(path, root, e);
	return err_set(e, -EINVAL, "%s: neither a session (SQLite) nor a plan, instance or model (JSON)", path);
}

static int add_session(struct input *in, const char *path, struct err *e)
{
	struct session *s = session_read(path, e);

	if (!s)
		return e->code ? e->code : -EINVAL;
	in->sessions = mem_resize(in->sessions, in->n_sessions + 1, sizeof(*in->sessions));
	in->sessions[in->n_sessions++] = (struct input_session){ s, base_name(path) };
	return 0;
}

static int set_instance(struct input *in, const char *path, struct err *e)
{
	if (in->instance)
		return err_set(e, -EINVAL, "%s: a second instance; a report is about one", path);
	in->instance = instance_read(path, e);
	if (!in->instance)
		return e->code ? e->code : -EINVAL;
	in->instance_name = file_name(path);
	return 0;
}

/* The instance that the plan names, beside the plan unless its path is absolute. */
static int instance_of_plan(struct input *in, const char *path, json_t *root, struct err *e)
{
	const char *name = json_string_value(json_object_get(root, "instance")), *slash = strrchr(path, '/');
	char *beside;
	int err;

	if (in->instance)
		return 0;
	beside = !name || !name[0] ? NULL : name[0] != '/' && slash ? str_fmt("%.*s/%s", (int)(slash - path), path, name) : str_dup(name);
	if (beside && !access(beside, R_OK))
		err = set_instance(in, beside, e);
	else
		err = err_set(e, -EINVAL, "%s: a plan needs its instance: add --instance instance.json", path);
	free(beside);
	return err;
}

static int add_plan(struct input *in, const char *path, json_t *root, struct err *e)
{
	struct plan *p;
	int err = instance_of_plan(in, path, root, e);

	if (err < 0)
		return err;
	p = plan_read(in->instance, path, e);
	if (!p)
		return e->code ? e->code : -EINVAL;
	in->plans = mem_resize(in->plans, in->n_plans + 1, sizeof(*in->plans));
	in->plans[in->n_plans++] = (struct input_plan){ p, file_name(path) };
	return 0;
}

static int set_model(struct input *in, const char *path, json_t *root, struct err *e)
{
	if (in->model)
		return err_set(e, -EINVAL, "%s: a second model; a report uses one", path);
	in->model = model_read(path, e);
	if (!in->model)
		return e->code ? e->code : -EINVAL;
	in->model_json = json_incref(root);
	in->model_name = file_name(path);
	return 0;
}

/* Plans are read last: their instance may stand behind them on the command line. */
static int read_pass(struct input *in, const char *path, bool plans, struct err *e)
{
	json_t *root = NULL;
	int kind = file_kind(path, &root, e), err = 0;

	if (kind < 0)
		return kind;
	if (kind == KIND_PLAN && plans)
		err = add_plan(in, path, root, e);
	else if (kind == KIND_SESSION && !plans)
		err = add_session(in, path, e);
	else if (kind == KIND_INSTANCE && !plans)
		err = set_instance(in, path, e);
	else if (kind == KIND_MODEL && !plans)
		err = set_model(in, path, root, e);
	json_decref(root);
	return err;
}

int input_read(struct input *in, char *const *paths, int n, const char *instance_path, struct err *e)
{
	int err = 0;

	if (instance_path && (err = set_instance(in, instance_path, e)) < 0)
		return err;
	for (int pass = 0; pass < 2 && !err; pass++)
		for (int i = 0; i < n && !err; i++)
			err = read_pass(in, paths[i], pass, e);
	return err;
}

void input_fini(struct input *in)
{
	for (size_t i = 0; i < in->n_sessions; i++) {
		session_free(in->sessions[i].session);
		free(in->sessions[i].name);
	}
	for (size_t i = 0; i < in->n_plans; i++) {
		plan_free(in->plans[i].plan);
		free(in->plans[i].name);
	}
	free(in->sessions);
	free(in->plans);
	if (in->instance)
		instance_free(in->instance);
	if (in->model)
		model_free(in->model);
	json_decref(in->model_json);
	free(in->instance_name);
	free(in->model_name);
	*in = (struct input){ 0 };
}
