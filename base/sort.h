/* Orders for qsort(). */
#ifndef BASE_SORT_H
#define BASE_SORT_H

static inline int sort_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

#endif
