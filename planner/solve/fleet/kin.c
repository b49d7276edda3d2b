/* Services that are alike: see kin.h. */
#include "planner/solve/fleet/kin.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define SAMPLE 128       /* rows from which a cut's block is chosen */
#define ASTRAY 0.08      /* chance of taking the other half, at each of the tree's levels */

/* The block in which a sample of the rows differs most. */
static uint16_t widest(const struct blocks *k, const uint32_t *v, uint32_t n)
{
	uint32_t step = n > SAMPLE ? n / SAMPLE : 1;
	double most = -1;
	uint16_t best = 0;

	for (uint32_t b = 0; b < k->n + k->n_pressures; b++) {
		double sum = 0, squares = 0, count = 0, spread;

		for (uint32_t i = 0; i < n; i += step) {
			double x = (double)k->share[(size_t)v[i] * k->stride + b];

			sum += x;
			squares += x * x;
			count++;
		}
		spread = squares - sum * sum / count;
		if (spread > most) {
			most = spread;
			best = (uint16_t)b;
		}
	}
	return best;
}

static bool before(const struct blocks *k, uint32_t block, uint32_t a, uint32_t b)
{
	float x = k->share[(size_t)a * k->stride + block], y = k->share[(size_t)b * k->stride + block];

	return x < y || (x <= y && a < b);
}

/* Quickselect: the half smallest first (Hoare 1961). */
static void halve(const struct blocks *k, uint32_t block, uint32_t *v, uint32_t n, uint32_t half)
{
	uint32_t lo = 0, hi = n - 1;

	while (lo < hi) {
		uint32_t pivot = v[lo + (hi - lo) / 2], i = lo, j = hi;

		while (i <= j) {
			while (before(k, block, v[i], pivot))
				i++;
			while (before(k, block, pivot, v[j]))
				j--;
			if (i <= j) {
				uint32_t t = v[i];

				v[i++] = v[j];
				v[j] = t;
				if (!j)
					break;
				j--;
			}
		}
		if (half <= j)
			hi = j;
		else if (half >= i)
			lo = i;
		else
			return;
	}
}

static void grow(struct kin *x, const struct blocks *k, uint32_t node, uint32_t lo, uint32_t hi)
{
	uint32_t mid = lo + (hi - lo) / 2;

	x->present[node] = hi - lo;
	if (hi - lo <= KIN_LEAF)
		return;
	x->block[node] = widest(k, x->service + lo, hi - lo);
	halve(k, x->block[node], x->service + lo, hi - lo, mid - lo);
	x->cut[node] = k->share[(size_t)x->service[mid] * k->stride + x->block[node]];
	grow(x, k, 2 * node, lo, mid);
	grow(x, k, 2 * node + 1, mid, hi);
}

struct kin *kin_new(const struct blocks *k, const uint32_t *services, uint32_t n)
{
	struct kin *x = mem_alloc(1, sizeof(*x));
	size_t nodes = 2;

	x->n = n;
	x->stride = k->stride;
	while (nodes * KIN_LEAF < (size_t)x->n * 2)
		nodes *= 2;
	x->service = mem_alloc(x->n, sizeof(*x->service));
	x->at = mem_alloc(k->in->n_services, sizeof(*x->at));
	x->present = mem_alloc(nodes * 2, sizeof(*x->present));
	x->block = mem_alloc(nodes * 2, sizeof(*x->block));
	x->cut = mem_alloc(nodes * 2, sizeof(*x->cut));
	memcpy(x->service, services, n * sizeof(*services));
	grow(x, k, 1, 0, x->n);
	x->rows = blocks_rows(k, x->n);
	for (uint32_t i = 0; i < x->n; i++) {
		x->at[x->service[i]] = i;
		memcpy(x->rows + (size_t)i * x->stride, k->share + (size_t)x->service[i] * x->stride, x->stride * sizeof(float));
	}
	return x;
}

void kin_free(struct kin *x)
{
	if (!x)
		return;
	free(x->service);
	free(x->at);
	free(x->present);
	free(x->rows);
	free(x->block);
	free(x->cut);
	free(x);
}

uint32_t kin_near(const struct kin *x, const float *row, struct rng *rng, uint32_t *first)
{
	uint32_t lo = 0, hi = x->n, node = 1;
	uint64_t luck = rng_u64(rng);

	while (hi - lo > KIN_LEAF) {
		uint32_t mid = lo + (hi - lo) / 2;
		bool right = row[x->block[node]] >= x->cut[node];

		right ^= (luck & 0xfff) < (uint64_t)(ASTRAY * 0x1000);
		luck = luck >> 12 | luck << 52;
		node = 2 * node + right;
		if (right)
			lo = mid;
		else
			hi = mid;
	}
	*first = lo;
	return x->present[node];
}

/* The leaf in which a service stands: its tree node and its first place. */
static uint32_t leaf_of(const struct kin *x, uint32_t service, uint32_t *first)
{
	uint32_t lo = 0, hi = x->n, node = 1;

	while (hi - lo > KIN_LEAF) {
		uint32_t mid = lo + (hi - lo) / 2;
		bool right = x->at[service] >= mid;

		node = 2 * node + right;
		if (right)
			lo = mid;
		else
			hi = mid;
	}
	*first = lo;
	return node;
}

static void change_places(struct kin *x, uint32_t a, uint32_t b)
{
	uint32_t service = x->service[a];
	float *ra = x->rows + (size_t)a * x->stride, *rb = x->rows + (size_t)b * x->stride;

	x->service[a] = x->service[b];
	x->service[b] = service;
	x->at[x->service[a]] = a;
	x->at[service] = b;
	for (uint32_t i = 0; i < x->stride; i++) {
		float t = ra[i];

		ra[i] = rb[i];
		rb[i] = t;
	}
}

void kin_remove(struct kin *x, uint32_t service)
{
	uint32_t first, leaf = leaf_of(x, service, &first);

	change_places(x, x->at[service], first + --x->present[leaf]);
}

void kin_restore(struct kin *x, uint32_t service)
{
	uint32_t first, leaf = leaf_of(x, service, &first);

	change_places(x, x->at[service], first + x->present[leaf]++);
}
