/* See curve_order.h. */
#include "planner/solve/curve/curve_order.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

static int compare(const void *a, const void *b)
{
	const struct curve_order *x = a, *y = b;

	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	if (x->size != y->size)
		return x->size > y->size ? -1 : 1;
	return (x->item > y->item) - (x->item < y->item);
}

void curve_order_sort(struct curve_order *v, uint32_t n)
{
	if (n)
		qsort(v, n, sizeof(*v), compare);
}

double *curve_order_peaks(const struct instance *in)
{
	int64_t *largest = mem_alloc(in->n_columns, sizeof(int64_t));
	double *size = mem_alloc(in->n_services, sizeof(double));

	for (size_t k = 0; k < (size_t)in->n_nodes * in->n_columns; k++)
		if (in->capacity[k] > largest[k % in->n_columns])
			largest[k % in->n_columns] = in->capacity[k];
	for (size_t k = 0; k < (size_t)in->n_services * in->n_columns; k++)
		if (largest[k % in->n_columns])
			size[k / in->n_columns] = fmax(size[k / in->n_columns], (double)in->demand[k] / (double)largest[k % in->n_columns]);
	free(largest);
	return size;
}

double *curve_order_means(const struct curve *c)
{
	double *size;

	if (!c->n_paid)
		return curve_order_peaks(c->in);
	size = mem_alloc(c->in->n_services, sizeof(double));
	for (uint32_t s = 0; s < c->in->n_services; s++) {
		const float *need = c->coarse_need + (size_t)s * c->coarse_width;

		for (uint32_t p = 0; p < c->n_paid; p++)
			for (uint32_t k = c->paid[p].coarse; k < c->paid[p].coarse + c->paid[p].coarse_width; k++)
				size[s] += (double)(need[k] * c->coarse_price[k] * c->scale[p]);
	}
	return size;
}
