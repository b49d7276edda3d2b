/*
 * Files that are whole or not there. Reading is transparent for gzip (any input may be .gz or "-" for standard input).
 *
 * Writing goes to a temporary name beside the target; file_out_commit() flushes, fsyncs, renames, and fsyncs the folder.
 * Without commit nothing is left behind: file_out_abort() removes the temporary file (accepts NULL and half-built).
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/err.h"

struct file_out {
	FILE *stream;    /* write here */
	char *path;      /* final name; NULL = standard output */
	char *temporary;
};

/* Whole contents, NUL-terminated; *size excludes the NUL. Longer than max_bytes (after decompression) is -EFBIG. free() it. */
int file_read(const char *path, size_t max_bytes, char **text, size_t *size, struct err *e);

/* path "-" or NULL: standard output. An existing path is refused with -EEXIST unless overwrite is set. */
int file_out_open(struct file_out *f, const char *path, bool overwrite, struct err *e);
int file_out_commit(struct file_out *f, struct err *e);
void file_out_abort(struct file_out *f);

/* Small files below a directory descriptor (/proc, /sys, cgroupfs): at most size - 1 bytes, NUL-terminated, length or -errno. */
int file_read_at(int dir_fd, const char *path, char *buf, size_t size);

#endif
