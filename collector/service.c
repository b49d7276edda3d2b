/*
 * Services from the cgroup trees: see service.h. Every hierarchy is walked, because on hybrid hosts one service has a folder in each;
 * folders are known again by (hierarchy, inode), so a restart (new inode, same name) joins the service it belongs to.
 */
#include "collector/service.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/parse.h"

static const struct { const char *prefix; enum selector_kind kind; } prefixes[] = {
	{ "cgroup:", SELECT_CGROUP }, { "unit:", SELECT_UNIT }, { "pid:", SELECT_PID }, { "comm:", SELECT_COMM },
	{ "user:", SELECT_USER },
};

static const int slot_kinds[CGROUP_HIERARCHIES] = {
	[CGROUP_V2] = SLOT_CGROUP2, [CGROUP_CPU] = SLOT_CPU1, [CGROUP_CPUACCT] = -1, [CGROUP_BLKIO] = SLOT_BLKIO1,
	[CGROUP_MEMORY] = SLOT_MEMORY1,
};

static enum selector_kind guess_kind(const char *text)
{
	size_t n = strlen(text);

	if (text[0] == '/')
		return SELECT_CGROUP;
	if (n && strspn(text, "0123456789") == n)
		return SELECT_PID;
	return n > 8 && !strcmp(text + n - 8, ".service") ? SELECT_UNIT : SELECT_COMM;
}

static int choose(struct services *s, const char *text, struct err *e)
{
	const char *equals = strchr(text, '='), *wanted = equals ? equals + 1 : text;
	size_t n = equals ? (size_t)(equals - text) : strlen(text), known = 0;
	struct service *v = &s->v[s->n];
	uint64_t pid;

	if (s->n == SERVICES_MAX)
		return err_set(e, -EINVAL, "-s %s: more than %d services in one session", text, SERVICES_MAX);
	if (!n || n >= SERVICE_NAME_MAX || !*wanted || strlen(wanted) > SELECTOR_MAX - 16)
		return err_set(e, -EINVAL, "-s %s: write NAME=SELECTOR, such as web=unit:nginx.service, db=pid:1234, kv=/cotenant/redis",
			       text);
	snprintf(v->name, sizeof(v->name), "%.*s", (int)n, text);
	for (size_t i = 0; i < s->n; i++)
		if (!strcmp(s->v[i].name, v->name))
			return err_set(e, -EINVAL, "-s %s: the name %s is given twice", text, v->name);
	v->kind = equals ? guess_kind(wanted) : SELECT_NAME;
	for (size_t i = 0; equals && i < sizeof(prefixes) / sizeof(*prefixes); i++)
		if (!strncmp(wanted, prefixes[i].prefix, strlen(prefixes[i].prefix))) {
			v->kind = prefixes[i].kind;
			known = strlen(prefixes[i].prefix);
		}
	wanted += known;
	if (v->kind == SELECT_PID && (parse_u64(wanted, &pid) || !pid || pid > INT32_MAX))
		return err_set(e, -EINVAL, "-s %s: %s is not a process id", text, wanted);
	snprintf(v->selector, sizeof(v->selector), "%s%s", v->kind == SELECT_NAME ? "name:" : prefixes[v->kind - SELECT_CGROUP].prefix,
		 wanted);
	v->wanted = strchr(v->selector, ':') + 1;
	s->trees |= v->kind == SELECT_PID || v->kind == SELECT_COMM || v->kind == SELECT_USER;
	s->n++;
	return 0;
}

int services_new(struct services **out, int root_fd, enum service_by by, const char *const *selectors, size_t n, struct err *e)
{
	struct services *s = mem_alloc(1, sizeof(*s));
	int err = cgroup_layout_read(&s->layout, root_fd, e);

	s->by = by;
	s->chosen = n > 0;
	s->trees = by == BY_COMM || by == BY_USER;
	for (size_t i = 0; i < IDENTITIES_MAX; i++)
		s->identities[i].dir_fd = -1;
	for (size_t i = 0; !err && i < n; i++)
		err = choose(s, selectors[i], e);
	if (err)
		services_free(s);
	else
		*out = s;
	return err;
}

void services_free(struct services *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n_identities; i++)
		if (s->identities[i].dir_fd >= 0)
			close(s->identities[i].dir_fd);
	free(s);
}

int services_find(struct services *s, const char *name, const char *how, const char *wanted)
{
	struct service *v;

	for (size_t i = 0; i < s->n; i++)
		if (!strcmp(s->v[i].name, name))
			return (int)i;
	if (s->n == SERVICES_MAX) {
		s->overflow++;
		return -1;
	}
	v = &s->v[s->n];
	snprintf(v->name, sizeof(v->name), "%s", name);
	snprintf(v->selector, sizeof(v->selector), "%s%.300s", how, wanted);
	for (size_t m = 0; m < N_METRICS; m++)
		v->values[m] = SESSION_ABSENT;
	return (int)s->n++;
}

static bool path_is(const struct service *v, const char *path, const char *name)
{
	const char *base = strrchr(path, '/') + 1;
	size_t n = strlen(v->wanted);

	switch (v->kind) {
	case SELECT_CGROUP:
		return !strcmp(path, v->wanted);
	case SELECT_UNIT:
		return !strcmp(base, v->wanted) || (!strncmp(base, v->wanted, n) && !strcmp(base + n, ".service"));
	case SELECT_NAME:
		return name && !strcmp(name, v->wanted);
	default:
		return false;
	}
}

/* Index of the service that this folder is, or -1. */
static int service_of(struct services *s, const char *path)
{
	char name[SERVICE_NAME_MAX];
	bool named = naming_of_cgroup(s->layout.root_fd, s->by, path, name);

	if (!s->chosen)
		return named ? services_find(s, name, "cgroup:", path) : -1;
	for (size_t i = 0; i < s->n; i++)
		if (path_is(&s->v[i], path, named ? name : NULL))
			return (int)i;
	return -1;
}

static void identity_add(struct services *s, enum cgroup_hierarchy h, uint64_t inode, int service, int dir_fd)
{
	size_t at = 0;
	struct identity *id;

	while (at < s->n_identities && s->identities[at].dir_fd >= 0)
		at++;
	if (at == IDENTITIES_MAX) {
		s->overflow++;
		return;
	}
	id = &s->identities[at];
	id->dir_fd = fcntl(dir_fd, F_DUPFD_CLOEXEC, 0);
	if (id->dir_fd < 0) {
		s->overflow++;
		return;
	}
	id->hierarchy = h;
	id->inode = inode;
	id->service = (unsigned)service;
	id->seen = s->scan;
	cgstat_reset(&id->stat);
	if (at == s->n_identities)
		s->n_identities++;
	if (slot_kinds[h] >= 0 && s->slot_set)
		s->slot_set(s->slot_context, (enum slot_kind)slot_kinds[h], inode, SLOT_FIRST + (unsigned)service);
}

struct visit {
	struct services *s;
	enum cgroup_hierarchy hierarchy;
};

static bool visit_folder(void *context, int dir_fd, const char *path)
{
	struct visit *v = context;
	struct services *s = v->s;
	struct stat st;
	int service;

	if (fstat(dir_fd, &st))
		return false;
	for (size_t i = 0; i < s->n_identities; i++)
		if (s->identities[i].dir_fd >= 0 && s->identities[i].inode == st.st_ino &&
		    s->identities[i].hierarchy == v->hierarchy) {
			s->identities[i].seen = s->scan;
			return s->by == BY_CGROUP;
		}
	service = service_of(s, path);
	if (service >= 0)
		identity_add(s, v->hierarchy, st.st_ino, service, dir_fd);
	return service < 0 || s->by == BY_CGROUP;
}

static void drop_gone(struct services *s)
{
	for (size_t i = 0; i < s->n_identities; i++) {
		struct identity *id = &s->identities[i];

		if (id->dir_fd < 0)
			continue;
		if (id->seen == s->scan) {
			s->v[id->service].alive = true;
			s->v[id->service].v2 |= id->hierarchy == CGROUP_V2;
			continue;
		}
		if (slot_kinds[id->hierarchy] >= 0 && s->slot_set)
			s->slot_set(s->slot_context, (enum slot_kind)slot_kinds[id->hierarchy], id->inode, SLOT_OTHER);
		close(id->dir_fd);
		id->dir_fd = -1;
	}
}

void services_scan(struct services *s)
{
	s->scan++;
	s->overflow = 0;
	for (size_t i = 0; i < s->n; i++)
		s->v[i].alive = s->v[i].v2 = false;
	for (int h = 0; h < CGROUP_HIERARCHIES; h++) {
		struct visit v = { s, (enum cgroup_hierarchy)h };
		int fd;

		if (!s->layout.mount[h][0])
			continue;
		fd = openat(s->layout.root_fd, s->layout.mount[h], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			continue;
		cgroup_walk(fd, visit_folder, &v);
		close(fd);
	}
	drop_gone(s);
	if (s->trees)
		processes_scan(s);
}

int services_check(const struct services *s, struct err *e)
{
	for (size_t i = 0; s->chosen && i < s->n; i++)
		if (!s->v[i].alive)
			return err_set(e, -ENOENT, "-s %s: nothing here matches %s; without -s, record finds the services by itself, and "
				       "cotenant top lists them", s->v[i].name, s->v[i].selector);
	return 0;
}

bool services_by_process(const struct services *s, const struct service *v)
{
	return s->chosen ? v->kind >= SELECT_PID : s->by == BY_COMM || s->by == BY_USER;
}

void services_read(struct services *s)
{
	for (size_t i = 0; i < s->n; i++)
		for (size_t m = 0; m < N_METRICS && !services_by_process(s, &s->v[i]); m++)
			s->v[i].values[m] = SESSION_ABSENT;
	for (size_t i = 0; i < s->n_identities; i++) {
		struct identity *id = &s->identities[i];

		if (id->dir_fd >= 0)
			cgstat_read(&id->stat, id->hierarchy, id->dir_fd, s->v[id->service].v2, s->v[id->service].values);
	}
}

enum service_by service_by_parse(const char *name)
{
	static const char *const names[] = { "auto", "cgroup", "unit", "container", "comm", "user" };
	int i = 0;

	while (strcmp(names[i], name)) /* opt_parse() has checked the choice */
		i++;
	return (enum service_by)i;
}
