/* Atomic output and transparent gzip input. Runs in a folder of its own that it removes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/file.h"

static int entries(void)
{
	DIR *d = opendir(".");
	int n = -2; /* "." and ".." */

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void abort_leaves_nothing(void **state)
{
	struct file_out f;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(file_out_open(&f, "a", false, &e), 0);
	fputs("half", f.stream);
	file_out_abort(&f);
	file_out_abort(NULL);
	assert_int_equal(entries(), 0);
}

static void commit_is_whole_and_never_overwrites(void **state)
{
	struct file_out f;
	struct err e = { 0 };
	char *text;
	size_t size;

	(void)state;
	assert_int_equal(file_out_open(&f, "a", false, &e), 0);
	fputs("whole", f.stream);
	assert_int_not_equal(access("a", F_OK), 0);
	assert_int_equal(file_out_commit(&f, &e), 0);
	assert_int_equal(file_read("a", 100, &text, &size, &e), 0);
	assert_string_equal(text, "whole");
	free(text);
	assert_int_equal(file_out_open(&f, "a", false, &e), -EEXIST);
	assert_non_null(strstr(e.text, "a: exists already"));
	assert_int_equal(entries(), 1);
	unlink("a");
	assert_int_equal(file_out_open(&f, "none/a", false, &e), -ENOENT);
}

static void full_device_is_an_error(void **state)
{
	FILE *full = fopen("/dev/full", "w");
	struct file_out f = { .stream = full };
	struct err e = { 0 };

	(void)state;
	assert_non_null(full);
	fputs("x", full);
	assert_int_equal(file_out_commit(&f, &e), -ENOSPC);
	assert_int_equal(err_exit_status(&e), STATUS_ENVIRONMENT);
	fclose(full);
}

static void reads_gzip_and_stops_at_the_limit(void **state)
{
	gzFile z = gzopen("z.gz", "wb");
	struct err e = { 0 };
	char *text;
	size_t size;

	(void)state;
	for (int i = 0; i < 100000; i++)
		gzputs(z, "0123456789");
	gzclose(z);
	assert_int_equal(file_read("z.gz", 1000000, &text, &size, &e), 0);
	assert_int_equal(size, 1000000);
	free(text);
	assert_int_equal(file_read("z.gz", 999999, &text, &size, &e), -EFBIG);
	assert_int_equal(truncate("z.gz", 500), 0);
	assert_int_equal(file_read("z.gz", 1000000, &text, &size, &e), -EINVAL);
	unlink("z.gz");
	assert_int_equal(file_read(".", 10, &text, &size, &e), -EISDIR);
	assert_int_equal(file_read("none", 10, &text, &size, &e), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(abort_leaves_nothing), cmocka_unit_test(commit_is_whole_and_never_overwrites),
		cmocka_unit_test(full_device_is_an_error), cmocka_unit_test(reads_gzip_and_stops_at_the_limit),
	};
	char folder[] = "/tmp/cotenant-file-XXXXXX";
	int failed;

	if (!mkdtemp(folder) || chdir(folder))
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(folder);
	return failed;
}
