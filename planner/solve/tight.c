/*
 * With m bins, column c leaves m * capacity - total demand unused; no single bin may waste more. When that is little (planted
 * perfect packings, triplets), listing the bins that are full enough is cheap, while pricing by values cannot tell them
 * apart. Depth first over types in order; gives up after MAX_NODES, keeping what it found,
 * and keeps nothing when that is so much that it tells nothing.
 */
#include "planner/solve/tight.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define MAX_NODES 3000000
#define BINS_PER_TYPE 16  /* with more, they are no better than any others, and slow the master down */
#define NODES_PER_STOP 4096
#define LEAST_SHARE 0.25  /* of a bin's capacity: with more waste than this in every column, too many bins qualify */

struct tight {
	struct columns *c;
	int64_t *waste, *room;   /* [column]; [depth * columns] */
	uint32_t **list, *chosen;
	uint64_t nodes;
	uint32_t *bin, *end, n, max;  /* bin i: types bin[end[i - 1]] .. */
	size_t cap, used;
	bool stop, many;
};

/* What each column may waste in all; false when nothing is gained by looking. */
static bool waste_set(struct tight *x, uint32_t bins)
{
	const struct pack *p = x->c->p;
	bool worth = false;

	for (uint32_t k = 0; k < p->n_columns; k++) {
		__int128 left = (__int128)bins * p->capacity[k];

		for (uint32_t t = 0; t < p->n_types; t++)
			left -= (__int128)p->count[t] * p->value[(size_t)t * p->n_columns + k];
		if (left < 0)
			return false;
		x->waste[k] = left < p->capacity[k] ? (int64_t)left : p->capacity[k];
		worth |= (double)x->waste[k] <= LEAST_SHARE * (double)p->capacity[k];
	}
	return worth;
}

static bool fits(const int64_t *room, const int64_t *demand, uint32_t n)
{
	for (uint32_t k = 0; k < n; k++)
		if (demand[k] > room[k])
			return false;
	return true;
}

static void bin_keep(struct tight *x, uint32_t depth)
{
	x->bin = array_grow(x->bin, &x->cap, x->used + depth, sizeof(*x->bin));
	memcpy(x->bin + x->used, x->chosen, depth * sizeof(*x->bin));
	x->used += depth;
	x->end[x->n++] = (uint32_t)x->used;
}

static void explore(struct tight *x, uint32_t depth, uint32_t n)
{
	const struct pack *p = x->c->p;
	const int64_t *room = x->room + (size_t)depth * p->n_columns;
	int64_t *next = x->room + (size_t)(depth + 1) * p->n_columns;

	if (depth && fits(x->waste, room, p->n_columns)) {
		x->many |= x->n >= x->max;
		x->stop |= x->many;
		if (!x->many)
			bin_keep(x, depth);
	}
	for (uint32_t i = 0; i < n && !x->stop; i++) {
		uint32_t t = x->list[depth][i], same = 1, m = 0;

		x->stop = ++x->nodes > MAX_NODES || (!(x->nodes % NODES_PER_STOP) && race_done(x->c->race, 1));
		x->chosen[depth] = t;
		for (uint32_t j = depth; j-- > 0 && x->chosen[j] == t;)
			same++;
		for (uint32_t k = 0; k < p->n_columns; k++)
			next[k] = room[k] - p->value[(size_t)t * p->n_columns + k];
		for (uint32_t j = same < p->count[t] ? i : i + 1; j < n; j++)
			if (fits(next, p->value + (size_t)x->list[depth][j] * p->n_columns, p->n_columns))
				x->list[depth + 1][m++] = x->list[depth][j];
		explore(x, depth + 1, m);
	}
}

void tight_add(struct columns *c, uint32_t bins)
{
	const struct pack *p = c->p;
	struct tight x = { .c = c, .waste = mem_alloc(p->n_columns + 1, sizeof(int64_t)) };

	if (waste_set(&x, bins)) {
		x.room = mem_alloc((size_t)(c->width + 2) * p->n_columns + 1, sizeof(int64_t));
		x.chosen = mem_alloc(c->width + 2, sizeof(uint32_t));
		x.list = mem_alloc(c->width + 2, sizeof(*x.list));
		for (uint32_t i = 0; i < c->width + 2; i++)
			x.list[i] = mem_alloc(p->n_types, sizeof(uint32_t));
		for (uint32_t t = 0; t < p->n_types; t++)
			x.list[0][t] = t;
		memcpy(x.room, p->capacity, p->n_columns * sizeof(int64_t));
		x.max = BINS_PER_TYPE * p->n_types;
		x.end = mem_alloc(x.max, sizeof(uint32_t));
		explore(&x, 0, p->n_types);
		for (uint32_t i = 0, from = 0; i < x.n && !x.many; from = x.end[i++])
			columns_add(c, x.bin + from, x.end[i] - from);
		for (uint32_t i = 0; i < c->width + 2; i++)
			free(x.list[i]);
		free(x.list);
		free(x.bin);
		free(x.end);
		free(x.chosen);
		free(x.room);
	}
	free(x.waste);
}
