/*
 * Memory that is there: out of memory is fatal here and nowhere else. Sizes are checked for overflow.
 * Arrays grow by array_grow(): `v = array_grow(v, &cap, n + 1, sizeof(*v))` leaves room for n + 1 elements.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

void *mem_alloc(size_t n, size_t size) __attribute__((malloc, returns_nonnull));  /* zeroed */
void *mem_aligned(size_t n, size_t size, size_t align) __attribute__((malloc, returns_nonnull)); /* zeroed; room up to a multiple of align */
void *mem_resize(void *p, size_t n, size_t size) __attribute__((returns_nonnull)); /* new part not zeroed */
void *array_grow(void *p, size_t *cap, size_t need, size_t size) __attribute__((returns_nonnull));
char *str_dup(const char *s) __attribute__((malloc, returns_nonnull));
char *str_fmt(const char *fmt, ...) __attribute__((malloc, returns_nonnull, format(printf, 1, 2)));

#endif
