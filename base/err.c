/* Error carrier: see err.h. Messages longer than the buffer are cut, never overflowed. */
#include "base/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Names from the user's files may hold line ends and escape sequences: they must not reach a terminal. */
static void one_line(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 127)
			*text = ' ';
}

int err_set(struct err *e, int code, const char *fmt, ...)
{
	va_list ap;

	if (!e)
		return code;
	e->code = code;
	va_start(ap, fmt);
	vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	one_line(e->text);
	return code;
}

int err_prefix(struct err *e, const char *fmt, ...)
{
	char head[sizeof(e->text)], tail[sizeof(e->text)];
	va_list ap;

	if (!e)
		return -EINVAL;
	va_start(ap, fmt);
	vsnprintf(head, sizeof(head), fmt, ap);
	va_end(ap);
	memcpy(tail, e->text, sizeof(tail));
	snprintf(e->text, sizeof(e->text), "%.200s: %.300s", head, tail);
	one_line(e->text);
	return e->code;
}

enum exit_status err_exit_status(const struct err *e)
{
	switch (-e->code) {
	case 0:
		return STATUS_DONE;
	case EPERM:
	case EACCES:
	case ENOSYS:
	case EOPNOTSUPP:
	case ENOSPC:
	case EIO:
	case EROFS:
	case ENOMEM:
	case EMFILE:
	case EBUSY:
		return STATUS_ENVIRONMENT;
	default:
		return STATUS_USAGE;
	}
}
