/* Orders for qsort(). */
#ifndef BASE_SORT_H
#define BASE_SORT_H

#include <stdint.h>

static inline int sort_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static inline int sort_i64s(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

#endif
