/* Synthetic pressure: what is wanted follows from level, workers and full rate; failures surface; nothing is left behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collector/press.h"

static volatile bool never;

static int entries(void)
{
	DIR *d = opendir(".");
	int n = -2; /* "." and ".." */

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void every_kind_presses_and_leaves_nothing(void **state)
{
	(void)state;
	for (const struct press_kind *k = press_kinds; k->name; k++) {
		struct press_config c = { .level = 10, .workers = 2, .duration_ns = 300000000 };
		struct press_result r;
		struct err e = { 0 };
		int err = press_run(k, &c, &never, &r, &e);

		if (err)
			fail_msg("%s: %s", k->name, e.text);
		assert_true(press_find(k->name) == k);
		assert_true(r.full_per_s > 0 && r.reached_per_s > 0);
		assert_true(r.wanted_per_s > 0.199 * r.full_per_s && r.wanted_per_s < 0.201 * r.full_per_s);
		assert_int_equal(entries(), 0);
	}
	assert_null(press_find("gpu"));
}

static void level_zero_does_nothing(void **state)
{
	struct press_config c = { .level = 0, .workers = 1, .duration_ns = 200000000 };
	struct press_result r;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(press_run(press_find("cpu"), &c, &never, &r, &e), 0);
	assert_true(r.wanted_per_s == 0 && r.reached_per_s == 0);
}

static void a_given_full_rate_is_kept(void **state)
{
	struct press_config c = { .level = 50, .workers = 1, .duration_ns = 200000000, .full_per_s = 1000 };
	struct press_result r;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(press_run(press_find("disk"), &c, &never, &r, &e), 0);
	assert_true(r.full_per_s == 1000 && r.wanted_per_s == 500);
}

static void says_what_is_wrong(void **state)
{
	struct press_config tiny = { .level = 1, .workers = 1, .duration_ns = 100000000, .bytes = 1 };
	struct press_config nowhere = { .level = 1, .workers = 1, .duration_ns = 100000000, .file = "none/here" };
	struct press_result r;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(press_run(press_find("cache"), &tiny, &never, &r, &e), -EINVAL);
	assert_int_equal(press_run(press_find("disk"), &nowhere, &never, &r, &e), -ENOENT);
	assert_non_null(strstr(e.text, "none/here.0"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_presses_and_leaves_nothing), cmocka_unit_test(level_zero_does_nothing),
		cmocka_unit_test(a_given_full_rate_is_kept), cmocka_unit_test(says_what_is_wrong),
	};
	char folder[] = "/var/tmp/cotenant-press-XXXXXX"; /* not /tmp: a tmpfs has no direct IO */
	int failed;

	if (!mkdtemp(folder) || chdir(folder))
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(folder);
	return failed;
}
