/* Order by keys that stand elsewhere: see order.h. */
#include "planner/solve/order.h"

#include <stdlib.h>

static int by_key(const void *a, const void *b, void *ctx)
{
	const double *k = ctx;
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return k[x] > k[y] ? -1 : k[x] < k[y] ? 1 : (x > y) - (x < y);
}

void order_by_key(uint32_t *v, uint32_t n, const double *key)
{
	qsort_r(v, n, sizeof(*v), by_key, (void *)key);
}
