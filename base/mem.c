/* Checked allocation: see mem.h. The one place where running out of memory ends the program. */
#include "base/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *check(void *p)
{
	if (p)
		return p;
	fputs("cotenant: out of memory\n", stderr);
	exit(3);
}

void *mem_alloc(size_t n, size_t size)
{
	return check(calloc(n ? n : 1, size ? size : 1));
}

void *mem_aligned(size_t n, size_t size, size_t align)
{
	size_t bytes;
	void *p;

	if (__builtin_mul_overflow(n ? n : 1, size ? size : 1, &bytes) || __builtin_add_overflow(bytes, align - 1, &bytes))
		return check(NULL);
	bytes -= bytes % align;
	p = check(aligned_alloc(align, bytes));
	return memset(p, 0, bytes);
}

void *mem_resize(void *p, size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes))
		return check(NULL);
	return check(realloc(p, bytes ? bytes : 1));
}

void *array_grow(void *p, size_t *cap, size_t need, size_t size)
{
	size_t want = *cap ? *cap : 8;

	if (p && need <= *cap)
		return p;
	while (want < need)
		want += want / 2 + 1;
	*cap = want;
	return mem_resize(p, want, size);
}

char *str_dup(const char *s)
{
	return check(strdup(s));
}

char *str_fmt(const char *fmt, ...)
{
	char *s = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0)
		s = NULL;
	va_end(ap);
	return check(s);
}
