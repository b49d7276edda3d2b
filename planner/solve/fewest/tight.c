/*
 * With m bins, column c leaves m * capacity - total demand unused; no single bin may waste more. When that is little (planted
 * perfect packings, triplets), listing the bins that are full enough is cheap, while pricing by values cannot tell them
 * apart. Depth first by falling demand in the scarcest column: there an item must either close the bin or leave room for
 * the smallest one, and the items still allowed must be able to fill it. Small bins (few items) first: once the smallest is
 * known to hold s items, no bin may hold more than all items less s for each other bin, which leaves triplets nothing but
 * triples. Gives up after MAX_STEPS, keeping what it found, and keeps nothing when that is so much that it tells nothing.
 */
#include "planner/solve/fewest/tight.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define MAX_STEPS 20000000
#define BINS_PER_TYPE 16  /* with more, they are no better than any others, and slow the master down */
#define STEPS_PER_STOP 4096
#define LEAST_SHARE 0.25  /* of a bin's capacity: with more waste than this in every column, too many bins qualify */

struct ranked { int64_t size; uint32_t type; };

struct tight {
	struct columns *c;
	int64_t *waste, *room;   /* [column]; [depth * columns] */
	struct ranked *by_size;  /* demand in the scarcest column, falling */
	uint32_t *chosen;        /* [depth] type */
	uint32_t scarcest, size; /* items in the bins looked for */
	int64_t least;           /* smallest demand there */
	uint64_t steps;
	uint32_t *bin, *end, n, max;  /* bin i: types bin[end[i - 1]] .. */
	size_t cap, used;
	bool stop, many;
};

/* What each column may waste in all; false when nothing is gained by looking. */
static bool waste_set(struct tight *x, uint32_t bins)
{
	const struct pack *p = x->c->p;
	double least = 1;

	for (uint32_t k = 0; k < p->n_columns; k++) {
		__int128 left = (__int128)bins * p->capacity[k];
		double share;

		for (uint32_t t = 0; t < p->n_types; t++)
			left -= (__int128)p->count[t] * p->value[(size_t)t * p->n_columns + k];
		if (left < 0)
			return false;
		x->waste[k] = left < p->capacity[k] ? (int64_t)left : p->capacity[k];
		share = (double)x->waste[k] / (double)p->capacity[k];
		if (share < least) {
			least = share;
			x->scarcest = k;
		}
	}
	return least <= LEAST_SHARE;
}

static int by_size(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (x->size != y->size)
		return x->size < y->size ? 1 : -1;
	return x->type < y->type ? -1 : x->type > y->type;
}

static bool fits(const int64_t *room, const int64_t *demand, uint32_t n)
{
	for (uint32_t k = 0; k < n; k++)
		if (demand[k] > room[k])
			return false;
	return true;
}

/* First place from `from` on whose size is at most `size`. */
static uint32_t place_of(const struct tight *x, uint32_t from, int64_t size)
{
	uint32_t end = x->c->p->n_types;

	while (from < end) {
		uint32_t middle = from + (end - from) / 2;

		if (x->by_size[middle].size > size)
			from = middle + 1;
		else
			end = middle;
	}
	return from;
}

static void bin_keep(struct tight *x, uint32_t depth)
{
	x->many |= x->n >= x->max;
	x->stop |= x->many;
	if (x->many)
		return;
	x->bin = array_grow(x->bin, &x->cap, x->used + depth, sizeof(*x->bin));
	memcpy(x->bin + x->used, x->chosen, depth * sizeof(*x->bin));
	x->used += depth;
	x->end[x->n++] = (uint32_t)x->used;
}

/* Types from place `from` on may follow; the one there was taken `same` times already. */
static void explore(struct tight *x, uint32_t depth, uint32_t from, uint32_t same)
{
	const struct pack *p = x->c->p;
	const int64_t *room = x->room + (size_t)depth * p->n_columns;
	int64_t *next = x->room + (size_t)(depth + 1) * p->n_columns, left = room[x->scarcest], waste = x->waste[x->scarcest];

	if (depth == x->size) {
		if (fits(x->waste, room, p->n_columns))
			bin_keep(x, depth);
		return;
	}
	for (uint32_t i = place_of(x, from, left); i < p->n_types && !x->stop; i++) {
		const struct ranked *r = &x->by_size[i];
		const int64_t *demand = p->value + (size_t)r->type * p->n_columns;

		if (r->size * (x->size - depth) < left - waste)
			return;
		if (left - r->size > waste && left - r->size < x->least) {
			i = place_of(x, i, left - x->least) - 1;
			continue;
		}
		x->stop |= ++x->steps > MAX_STEPS || (!(x->steps % STEPS_PER_STOP) && race_done(x->c->race, 1));
		if ((i == from && same >= p->count[r->type]) || !fits(room, demand, p->n_columns))
			continue;
		for (uint32_t k = 0; k < p->n_columns; k++)
			next[k] = room[k] - demand[k];
		x->chosen[depth] = r->type;
		explore(x, depth + 1, i, i == from ? same + 1 : 1);
	}
}

/* Bins of one item, of two, and so on as far as any can take part in a packing. */
static void sizes_explore(struct tight *x, uint32_t bins)
{
	uint32_t smallest = 0;

	for (x->size = 1; x->size <= x->c->width && !x->stop; x->size++) {
		if (x->c->p->n_items < (smallest ? smallest : x->size) * (uint64_t)(bins - 1) + x->size)
			return;
		explore(x, 0, 0, 0);
		smallest = smallest || !x->n ? smallest : x->size;
	}
}

static void types_rank(struct tight *x)
{
	const struct pack *p = x->c->p;

	x->by_size = mem_alloc(p->n_types, sizeof(*x->by_size));
	for (uint32_t t = 0; t < p->n_types; t++)
		x->by_size[t] = (struct ranked){ p->value[(size_t)t * p->n_columns + x->scarcest], t };
	qsort(x->by_size, p->n_types, sizeof(*x->by_size), by_size);
	x->least = x->by_size[p->n_types - 1].size;
}

void tight_add(struct columns *c, uint32_t bins)
{
	const struct pack *p = c->p;
	struct tight x = { .c = c, .waste = mem_alloc(p->n_columns + 1, sizeof(int64_t)) };

	if (waste_set(&x, bins)) {
		types_rank(&x);
		x.room = mem_alloc((size_t)(c->width + 2) * p->n_columns + 1, sizeof(int64_t));
		x.chosen = mem_alloc(c->width + 2, sizeof(uint32_t));
		x.max = BINS_PER_TYPE * p->n_types;
		x.end = mem_alloc(x.max, sizeof(uint32_t));
		memcpy(x.room, p->capacity, p->n_columns * sizeof(int64_t));
		sizes_explore(&x, bins);
		for (uint32_t i = 0, from = 0; i < x.n && !x.many; from = x.end[i++])
			columns_add(c, x.bin + from, x.end[i] - from);
		c->kept = c->lp->n;
		c->listed = x.stop ? 0 : bins;
		free(x.by_size);
		free(x.room);
		free(x.chosen);
		free(x.bin);
		free(x.end);
	}
	free(x.waste);
}
