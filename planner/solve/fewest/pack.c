/*
 * Compiles an instance of identical nodes into struct pack: sorts replicas into types, chooses the columns that matter,
 * lays them into words.
 */
#include "planner/solve/fewest/pack.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/sort.h"
#include "planner/term.h"

static bool nodes_alike(const struct instance *in)
{
	size_t row = in->n_columns * sizeof(int64_t);

	for (uint32_t j = 1; j < in->n_nodes; j++)
		if (in->nodes[j].cost != in->nodes[0].cost ||
		    memcmp(in->capacity, in->capacity + (size_t)j * in->n_columns, row))
			return false;
	return in->n_nodes > 0;
}

bool pack_applies(const struct instance *in)
{
	if (in->n_caps || in->n_nears || in->n_spreads || in->max_moves >= 0 || !in->n_items || !objective_is_node_cost(in))
		return false;
	for (uint32_t s = 0; s < in->n_services; s++)
		if (isfinite(in->services[s].limit_ratio) || (in->allow && in->allow[s]))
			return false;
	return nodes_alike(in);
}

static bool service_fits(const struct instance *in, uint32_t s, const int64_t *capacity)
{
	for (uint32_t c = 0; c < in->n_columns; c++)
		if (in->demand[(size_t)s * in->n_columns + c] > capacity[c])
			return false;
	return true;
}

/* Columns in which all demand together exceeds one node. */
static uint32_t columns_choose(const struct instance *in, const int64_t *capacity, uint32_t *chosen)
{
	uint32_t n = 0;

	for (uint32_t c = 0; c < in->n_columns; c++) {
		unsigned __int128 total = 0;

		for (uint32_t s = 0; s < in->n_services; s++)
			total += (unsigned __int128)in->demand[(size_t)s * in->n_columns + c] * in->services[s].replicas;
		if (capacity[c] > 0 && total > (unsigned __int128)capacity[c]) /* without capacity: what asks for any does not fit */
			chosen[n++] = c;
	}
	return n;
}

struct row { double size; const int64_t *value; uint32_t service, n_columns; };

static int row_order(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int by_value;

	if (x->size != y->size)
		return x->size < y->size ? 1 : -1;
	by_value = memcmp(x->value, y->value, x->n_columns * sizeof(int64_t));
	return by_value ? by_value : x->service < y->service ? -1 : 1;
}

static struct row *rows_sorted(const struct instance *in, const struct pack *p, const uint32_t *chosen, int64_t *value)
{
	struct row *rows = mem_alloc(in->n_services, sizeof(*rows));
	double *weight = mem_alloc(p->n_columns, sizeof(*weight));
	uint32_t d = p->n_columns;

	for (uint32_t s = 0; s < in->n_services; s++)
		for (uint32_t c = 0; c < d; c++) {
			value[(size_t)s * d + c] = in->demand[(size_t)s * in->n_columns + chosen[c]];
			weight[c] += (double)value[(size_t)s * d + c] * in->services[s].replicas / (double)p->capacity[c];
		}
	for (uint32_t s = 0; s < in->n_services; s++) {
		rows[s] = (struct row){ 0, value + (size_t)s * d, s, d };
		for (uint32_t c = 0; c < d; c++)
			rows[s].size += weight[c] * (double)value[(size_t)s * d + c] / (double)p->capacity[c];
	}
	free(weight);
	qsort(rows, in->n_services, sizeof(*rows), row_order);
	return rows;
}

static void types_collect(struct pack *p, const struct instance *in, const struct row *rows, const int64_t *capacity)
{
	uint32_t d = p->n_columns, k = 0;

	for (uint32_t i = 0; i < in->n_services; i++) {
		const struct service *sv = &in->services[rows[i].service];
		uint32_t t = p->n_types;

		if (!sv->replicas || !service_fits(in, rows[i].service, capacity))
			continue;
		if (!t || memcmp(p->value + (size_t)(t - 1) * d, rows[i].value, d * sizeof(int64_t))) {
			memcpy(p->value + (size_t)t * d, rows[i].value, d * sizeof(int64_t));
			p->first[t] = k;
			p->size[t] = rows[i].size;
			p->n_types++;
		}
		for (uint32_t r = 0; r < sv->replicas; r++)
			p->item[k++] = sv->first_item + r;
		p->count[p->n_types - 1] += sv->replicas;
	}
	p->n_items = k;
}

/* First-fit columns into words of 64 bits; a capacity of b bits takes b + 1. */
static void words_lay(struct pack *p)
{
	uint32_t *word = mem_alloc(p->n_columns, sizeof(*word)), *shift = mem_alloc(p->n_columns, sizeof(*shift));
	uint32_t used = 64, n = 0;

	for (uint32_t c = 0; c < p->n_columns; c++) {
		uint32_t bits = 65 - (uint32_t)__builtin_clzll((uint64_t)p->capacity[c] | 1);

		if (used + bits > 64) {
			n++;
			used = 0;
		}
		word[c] = n - 1;
		shift[c] = used;
		used += bits;
	}
	p->n_words = n;
	p->demand = mem_alloc((size_t)p->n_types * n, sizeof(uint64_t));
	p->room = mem_alloc(n, sizeof(uint64_t));
	p->guard = mem_alloc(n, sizeof(uint64_t));
	for (uint32_t c = 0; c < p->n_columns; c++) {
		uint32_t bits = 64 - (uint32_t)__builtin_clzll((uint64_t)p->capacity[c] | 1);

		p->room[word[c]] |= (uint64_t)p->capacity[c] << shift[c];
		p->guard[word[c]] |= 1ull << (shift[c] + bits);
		for (uint32_t t = 0; t < p->n_types; t++)
			p->demand[(size_t)t * n + word[c]] |= (uint64_t)p->value[(size_t)t * p->n_columns + c] << shift[c];
	}
	free(word);
	free(shift);
}

struct pack *pack_new(const struct instance *in)
{
	for (uint32_t s = 0; s < in->n_services; s++)
		if (in->services[s].replicas && !service_fits(in, s, in->capacity))
			return NULL;
	return pack_new_for(in, 0);
}

struct pack *pack_new_for(const struct instance *in, uint32_t node)
{
	const int64_t *capacity = in->capacity + (size_t)node * in->n_columns;
	struct pack *p = mem_alloc(1, sizeof(*p));
	uint32_t *chosen = mem_alloc(in->n_columns + 1, sizeof(*chosen));
	int64_t *value;
	struct row *rows;

	p->n_columns = columns_choose(in, capacity, chosen);
	p->n_nodes = in->n_nodes;
	p->node_cost = in->nodes[node].cost;
	p->capacity = mem_alloc(p->n_columns + 1, sizeof(int64_t));
	for (uint32_t c = 0; c < p->n_columns; c++)
		p->capacity[c] = capacity[chosen[c]];
	value = mem_alloc((size_t)in->n_services * p->n_columns + 1, sizeof(int64_t));
	p->value = mem_alloc((size_t)in->n_services * p->n_columns + 1, sizeof(int64_t));
	p->count = mem_alloc(in->n_services, sizeof(uint32_t));
	p->first = mem_alloc(in->n_services, sizeof(uint32_t));
	p->item = mem_alloc(in->n_items, sizeof(uint32_t));
	p->size = mem_alloc(in->n_services, sizeof(double));
	rows = rows_sorted(in, p, chosen, value);
	types_collect(p, in, rows, capacity);
	words_lay(p);
	free(rows);
	free(value);
	free(chosen);
	return p;
}

void pack_free(struct pack *p)
{
	if (!p)
		return;
	free(p->count);
	free(p->first);
	free(p->item);
	free(p->demand);
	free(p->room);
	free(p->guard);
	free(p->value);
	free(p->capacity);
	free(p->size);
	free(p);
}

/* The most items any bin can hold: per column, the smallest demands first. */
uint32_t pack_width(const struct pack *p)
{
	uint32_t width = p->n_items;
	int64_t *v = mem_alloc(p->n_items, sizeof(*v));

	for (uint32_t c = 0; c < p->n_columns; c++) {
		int64_t left = p->capacity[c];
		uint32_t n = 0;

		for (uint32_t t = 0, k = 0; t < p->n_types; t++)
			for (uint32_t i = 0; i < p->count[t]; i++)
				v[k++] = p->value[(size_t)t * p->n_columns + c];
		qsort(v, p->n_items, sizeof(*v), sort_i64s);
		while (n < p->n_items && v[n] <= left)
			left -= v[n++];
		width = n < width ? n : width;
	}
	free(v);
	return width;
}

void pack_place(const struct pack *p, const int32_t *bin_of, int32_t *item_node)
{
	for (uint32_t k = 0; k < p->n_items; k++)
		item_node[p->item[k]] = bin_of[k];
}
