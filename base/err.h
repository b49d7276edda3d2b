/*
 * One failure, described once: what went wrong with which of the user's objects, and what to do.
 *
 * Functions that can fail for a reason the user must read take a `struct err *` and return 0 or -errno; they fill the
 * text exactly once and never print. cmd_*.c prints it and exits with err_exit_status().
 *
 * Exit statuses of the program (documented in the man page):
 *   0 done · 1 found violations · 2 usage or input · 3 the environment lacks something
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdarg.h>

enum exit_status { STATUS_DONE = 0, STATUS_VIOLATIONS = 1, STATUS_USAGE = 2, STATUS_ENVIRONMENT = 3 };

struct err {
	int code;        /* -errno, 0 while nothing went wrong */
	char text[512];  /* one line without control characters, names the object and what to do */
};

/* Record a failure; returns code (negative) so that callers can `return err_set(...)`. A NULL e is allowed. */
int err_set(struct err *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Put "where: " before the recorded text, for callers that know more (file, field, line). Returns e->code. */
int err_prefix(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* STATUS_USAGE for what the user can mend in the input, STATUS_ENVIRONMENT for permissions, missing kernel features,
 * full disks and other trouble of the machine. */
enum exit_status err_exit_status(const struct err *e);

#endif
