/* Services, their names and their figures from recorded trees (data/v2: systemd, docker, Kubernetes; data/hybrid: v1 controllers beside a
 * v2 tree without any), and a cgroup that comes back under another inode. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/doctor.h"
#include "collector/service.h"

#define DATA "tests/collector/data/"

static struct { enum slot_kind kind; uint64_t id; unsigned slot; } told[256];
static size_t n_told;

static void remember(void *context, enum slot_kind kind, uint64_t id, unsigned slot)
{
	(void)context;
	told[n_told].kind = kind;
	told[n_told].id = id;
	told[n_told++].slot = slot;
}

static struct services *open_tree(const char *tree, enum service_by by, const char *const *selectors, size_t n, struct err *e)
{
	int fd = open(tree, O_RDONLY | O_DIRECTORY);
	struct services *s;

	assert_true(fd >= 0);
	n_told = 0;
	if (services_new(&s, fd, by, selectors, n, e))
		return NULL;
	s->slot_set = remember;
	services_scan(s);
	services_read(s);
	return s;
}

static void close_tree(struct services *s)
{
	close(s->layout.root_fd);
	services_free(s);
}

static const struct service *named(const struct services *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (!strcmp(s->v[i].name, name))
			return &s->v[i];
	fail_msg("no service %s", name);
	return NULL;
}

static void names_are_those_people_know(void **state)
{
	static const char *const expected[] = { "nginx", "postgresql@15-main", "dev-disk-by-uuid", "shop-db", "abababababab",
						"shop/checkout-7d9f", "syncthing", "session-3", "init", "redis" };
	struct err e = { 0 };
	struct services *s = open_tree(DATA "v2", BY_AUTO, NULL, 0, &e);

	(void)state;
	assert_non_null(s);
	assert_string_equal(cgroup_layout_name(&s->layout), "v2");
	for (size_t i = 0; i < sizeof(expected) / sizeof(*expected); i++)
		named(s, expected[i]);
	assert_int_equal(s->n, sizeof(expected) / sizeof(*expected));
	close_tree(s);
}

static void grouping_changes_what_a_service_is(void **state)
{
	struct err e = { 0 };
	struct services *s = open_tree(DATA "v2", BY_CONTAINER, NULL, 0, &e);

	(void)state;
	assert_int_equal(s->n, 3);
	named(s, "cdcdcdcdcdcd");
	close_tree(s);
	s = open_tree(DATA "v2", BY_CGROUP, NULL, 0, &e);
	named(s, "/kubepods.slice/kubepods-burstable.slice");
	named(s, "/cotenant/redis");
	close_tree(s);
	s = open_tree(DATA "v2", BY_UNIT, NULL, 0, &e);
	for (size_t i = 0; i < s->n; i++)
		assert_string_not_equal(s->v[i].name, "redis");
	close_tree(s);
}

static void figures_are_the_files(void **state)
{
	struct err e = { 0 };
	struct services *s = open_tree(DATA "v2", BY_AUTO, NULL, 0, &e);
	const struct service *v = named(s, "redis");

	(void)state;
	assert_true(v->values[METRIC_MEM_RESIDENT] == 1048576 && v->values[METRIC_MEM_CACHE] == 2097152);
	assert_true(v->values[METRIC_MEM_DIRTY] == 4096 + 8192 && v->values[METRIC_TASKS] == 5);
	assert_true(v->values[METRIC_CPU_USAGE] == SESSION_ABSENT); /* totals need two readings */
	services_scan(s);
	services_read(s);
	v = named(s, "redis");
	assert_true(v->values[METRIC_CPU_USAGE] == 0 && v->values[METRIC_PSI_IO_FULL] == 0 && v->values[METRIC_MEM_REFAULTS] == 0);
	assert_true(v->values[METRIC_PSI_MEM_SOME] == SESSION_ABSENT); /* this tree has no memory.pressure */
	close_tree(s);
}

static void hybrid_hosts_merge_into_one_service(void **state)
{
	struct err e = { 0 };
	struct services *s = open_tree(DATA "hybrid", BY_AUTO, NULL, 0, &e);
	const struct service *v = named(s, "redis");
	unsigned kinds = 0;

	(void)state;
	assert_string_equal(cgroup_layout_name(&s->layout), "hybrid");
	assert_int_equal(s->n, 2); /* redis, and a container known to v1 memory only */
	assert_true(v->values[METRIC_MEM_RESIDENT] == 81920 && v->values[METRIC_MEM_CACHE] == 40960);
	assert_true(v->values[METRIC_TASKS] == 3); /* counted once */
	for (size_t i = 0; i < n_told; i++)
		if (told[i].slot == SLOT_FIRST + (unsigned)(v - s->v))
			kinds |= 1u << told[i].kind;
	assert_int_equal(kinds, 1u << SLOT_CGROUP2 | 1u << SLOT_CPU1 | 1u << SLOT_BLKIO1 | 1u << SLOT_MEMORY1);
	close_tree(s);
}

static void selectors_choose(void **state)
{
	static const char *const chosen[] = { "web=unit:nginx", "pg=postgresql@15-main.service", "kv=/cotenant/redis", "shop-db" };
	static const char *const missing[] = { "x=unit:apache2" };
	static const char *const bad[][2] = { { "a=", NULL }, { "=b", NULL }, { "a=pid:-1", NULL }, { "a=pid:99999999999", NULL },
					      { "a=/x", "a=/y" } };
	struct err e = { 0 };
	struct services *s = open_tree(DATA "v2", BY_AUTO, chosen, 4, &e);

	(void)state;
	assert_int_equal(s->n, 4);
	assert_int_equal(services_check(s, &e), 0);
	assert_int_equal(n_told, 4);
	close_tree(s);
	s = open_tree(DATA "v2", BY_AUTO, missing, 1, &e);
	assert_int_equal(services_check(s, &e), -ENOENT);
	assert_non_null(strstr(e.text, "-s x: nothing here matches unit:apache2"));
	close_tree(s);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_null(open_tree(DATA "v2", BY_AUTO, bad[i], bad[i][1] ? 2 : 1, &e));
}

static void put(const char *root, const char *file, const char *text)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", root, file);
	for (char *p = path + strlen(root) + 1; (p = strchr(p, '/')); p++) {
		*p = '\0';
		mkdir(path, 0755);
		*p = '/';
	}
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void a_restart_keeps_name_and_slot(void **state)
{
	char root[] = "/tmp/cotenant-test-service.XXXXXX", command[128];
	struct err e = { 0 };
	struct services *s;
	unsigned slot;

	(void)state;
	assert_non_null(mkdtemp(root));
	put(root, "proc/self/mountinfo", "1 1 0:1 / /cg rw - cgroup2 cgroup2 rw\n");
	put(root, "cg/cgroup.controllers", "cpu\n");
	put(root, "cg/a.service/cpu.stat", "usage_usec 5\n");
	s = open_tree(root, BY_AUTO, NULL, 0, &e);
	slot = told[0].slot;
	snprintf(command, sizeof(command), "mv %s/cg/a.service %s/gone", root, root);
	assert_int_equal(system(command), 0);
	services_scan(s);
	assert_false(s->v[0].alive);
	assert_int_equal(told[n_told - 1].slot, SLOT_OTHER);
	put(root, "cg/a.service/cpu.stat", "usage_usec 7\n");
	put(root, "cg/b.service/cpu.stat", "usage_usec 1\n");
	services_scan(s);
	services_read(s);
	assert_int_equal(s->n, 2);
	assert_true(s->v[0].alive && !strcmp(s->v[0].name, "a"));
	assert_true(told[n_told - 1].slot == slot || told[n_told - 2].slot == slot);
	assert_true(s->v[0].values[METRIC_CPU_USAGE] == SESSION_ABSENT);
	put(root, "cg/a.service/cpu.stat", "usage_usec 9\n");
	services_read(s);
	assert_true(s->v[0].values[METRIC_CPU_USAGE] == 2000);
	close_tree(s);
	snprintf(command, sizeof(command), "rm -r %s", root);
	assert_int_equal(system(command), 0);
}

static void too_many_services_are_counted(void **state)
{
	char root[] = "/tmp/cotenant-test-service.XXXXXX", name[128];
	struct err e = { 0 };
	struct services *s;

	(void)state;
	assert_non_null(mkdtemp(root));
	put(root, "proc/self/mountinfo", "1 1 0:1 / /cg rw - cgroup2 cgroup2 rw\n");
	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "cg/s%d.service/cpu.stat", i);
		put(root, name, "usage_usec 5\n");
	}
	s = open_tree(root, BY_AUTO, NULL, 0, &e);
	assert_int_equal(s->n, SERVICES_MAX);
	assert_int_equal(s->overflow, 200 - SERVICES_MAX);
	close_tree(s);
	snprintf(name, sizeof(name), "rm -r %s", root);
	assert_int_equal(system(name), 0);
}

static enum doctor_state state_of(const struct doctor_finding *f, size_t n, const char *id)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(f[i].id, id))
			return f[i].state;
	fail_msg("no finding %s", id);
	return DOCTOR_UNSEEN;
}

static void doctor_reads_trees(void **state)
{
	struct doctor_finding f[DOCTOR_MAX];
	int fd = open(DATA "v2", O_RDONLY | O_DIRECTORY);
	size_t n = doctor_examine(fd, false, f);

	(void)state;
	close(fd);
	assert_int_equal(state_of(f, n, "privileges"), DOCTOR_OK);
	assert_int_equal(state_of(f, n, "lockdown"), DOCTOR_OK);
	assert_int_equal(state_of(f, n, "io_controller"), DOCTOR_OK);
	assert_int_equal(state_of(f, n, "btf"), DOCTOR_OK);
	assert_int_equal(state_of(f, n, "tp_btf"), DOCTOR_UNSEEN);
	fd = open(DATA "hybrid", O_RDONLY | O_DIRECTORY);
	n = doctor_examine(fd, false, f);
	close(fd);
	assert_int_equal(state_of(f, n, "privileges"), DOCTOR_MISSING);
	assert_int_equal(state_of(f, n, "kernel"), DOCTOR_MISSING);
	assert_int_equal(state_of(f, n, "lockdown"), DOCTOR_LIMITED);
	assert_int_equal(state_of(f, n, "btf"), DOCTOR_MISSING);
	assert_int_equal(state_of(f, n, "psi"), DOCTOR_MISSING);
	assert_int_equal(state_of(f, n, "pmu"), DOCTOR_MISSING);
	assert_int_equal(state_of(f, n, "autogroup"), DOCTOR_LIMITED);
	assert_int_equal(state_of(f, n, "memory_controller"), DOCTOR_OK);
	for (size_t i = 0; i < n; i++)
		assert_true(f[i].state == DOCTOR_OK ? !*f[i].remedy : *f[i].remedy && *f[i].lost && *f[i].detail);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_those_people_know), cmocka_unit_test(grouping_changes_what_a_service_is),
		cmocka_unit_test(figures_are_the_files), cmocka_unit_test(hybrid_hosts_merge_into_one_service),
		cmocka_unit_test(selectors_choose), cmocka_unit_test(a_restart_keeps_name_and_slot),
		cmocka_unit_test(too_many_services_are_counted), cmocka_unit_test(doctor_reads_trees),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
