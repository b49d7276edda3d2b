/*
 * Dual feasible functions: sizes are replaced by others that fill a node in no other way than they did before, so the volume
 * of the new sizes is a bound too, often a better one. Two families, one after the other (Fekete & Schepers, "New classes of fast
 * lower bounds for bin packing problems", Math. Programming 2001):
 *   f  sizes above C - e count as C, sizes below e as nothing
 *   u  x -> floor((k + 1) x / C) / k, but x / C itself where (k + 1) x / C is an integer
 * C is one of the nodes' capacities. For a node of another capacity K the most it can carry is worked out apart: with f, b
 * large sizes take at least b (C - e + 1), the rest carries itself or, below e, nothing; with u, floor((k + 1) K / C) / k.
 * Integers throughout; u's values are multiplied by k (k + 1).
 *
 * Sizes stand sorted, with sums of counts and of sizes up to each: f and u are constant or linear on a few stretches of them, so
 * that one weighing costs O(k log n), whatever the size of the fleet.
 */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "planner/search.h"
#include "planner/solve/order.h"
#include "planner/solve/bound/weigh.h"

#define COLUMNS_MAX 16    /* those with the largest volume */
#define OFFERS_MAX 64     /* kinds of nodes; beyond, a column is left to the volume bound */
#define REFERENCES_MAX 4  /* capacities taken for C */
#define EDGES_MAX 256     /* values of e, spread over the sizes */
#define K_LAST 16

struct size { int64_t value; uint64_t count; };

struct weighing {
	const struct instance *in;
	struct size *size, *spare;
	uint64_t *counts;   /* [i]: replicas of the sizes before i */
	int64_t *sums;      /* [i]: and what they add up to: below 2^62, as instance_check.c saw to */
	struct offer *offer, *try;
	uint32_t n_sizes, n_offers;
	double best;
};

#define RADIX_BITS 11

/* By value, least significant digits first; the result stands in w->size. */
static void sizes_sort(struct weighing *w, uint32_t n, int64_t most)
{
	for (unsigned shift = 0; shift < 63 && most >> shift; shift += RADIX_BITS) {
		uint32_t first[(1 << RADIX_BITS) + 1] = { 0 }, mask = (1 << RADIX_BITS) - 1;
		struct size *t = w->size;

		for (uint32_t i = 0; i < n; i++)
			first[(w->size[i].value >> shift & mask) + 1]++;
		for (uint32_t d = 0; d < mask; d++)
			first[d + 1] += first[d];
		for (uint32_t i = 0; i < n; i++)
			w->spare[first[w->size[i].value >> shift & mask]++] = w->size[i];
		w->size = w->spare;
		w->spare = t;
	}
}

static void sizes_collect(struct weighing *w, uint32_t column)
{
	const struct instance *in = w->in;
	uint32_t n = 0, to = 0;
	int64_t most = 0;

	for (uint32_t s = 0; s < in->n_services; s++) {
		int64_t d = in->demand[(size_t)s * in->n_columns + column];

		if (d > 0 && in->services[s].replicas)
			w->size[n++] = (struct size){ d, in->services[s].replicas };
		most = d > most ? d : most;
	}
	sizes_sort(w, n, most);
	for (uint32_t i = 0; i < n; i++)
		if (to && w->size[to - 1].value == w->size[i].value)
			w->size[to - 1].count += w->size[i].count;
		else
			w->size[to++] = w->size[i];
	w->n_sizes = to;
	for (uint32_t i = 0; i < to; i++) {
		w->counts[i + 1] = w->counts[i] + w->size[i].count;
		w->sums[i + 1] = w->sums[i] + w->size[i].value * (int64_t)w->size[i].count;
	}
}

/* The first size that is at least x. */
static uint32_t sizes_from(const struct weighing *w, __int128 x)
{
	uint32_t lo = 0, hi = w->n_sizes;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (w->size[mid].value < x)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* The most weight by f that a capacity K carries: each large size gains e - 1, so as many as leave room to count, or as fit. */
static int64_t f_carries(int64_t k, int64_t c, int64_t e)
{
	int64_t large = c - e + 1, some = k > e ? (k - e) / large : 0, all = k / large * c;

	return k + some * (e > 0 ? e - 1 : 0) > all ? k + some * (e > 0 ? e - 1 : 0) : all;
}

static int64_t u_size(int64_t x, int64_t c, int64_t k)
{
	__int128 y = (__int128)(k + 1) * x;

	return (int64_t)(y % c ? y / c * (k + 1) : y / c * k);
}

static int64_t u_carries(int64_t x, int64_t c, int64_t k)
{
	return x <= c ? u_size(x, c, k) : (int64_t)((__int128)(k + 1) * x / c * (k + 1));
}

/* Weight by u of the sizes from `from` to `end`: it steps up at multiples of c / (k + 1); exact multiples carry themselves. */
static double u_weight(const struct weighing *w, uint32_t from, uint32_t end, int64_t c, int64_t k)
{
	double sum = 0;

	for (int64_t j = 1; from < end && j <= k + 1; j++) {
		uint32_t next = sizes_from(w, ((__int128)j * c + k) / (k + 1));

		next = next < from ? from : next < end ? next : end;
		sum += (double)((j - 1) * (k + 1)) * (double)(w->counts[next] - w->counts[from]);
		from = next;
		if (from < end && (__int128)w->size[from].value * (k + 1) == (__int128)j * c) {
			sum += (double)(j * k) * (double)w->size[from].count;
			from++;
		}
	}
	return sum;
}

/* k = 0: f alone. */
static void weigh(struct weighing *w, int64_t c, int64_t e, int64_t k)
{
	uint32_t small = sizes_from(w, e), large = sizes_from(w, (__int128)c - e + 1);
	uint64_t n_large = w->counts[w->n_sizes] - w->counts[large];
	double need, cost;

	small = small < large ? small : large;
	need = k ? u_weight(w, small, large, c, k) + (double)(k * (k + 1)) * (double)n_large
		 : (double)(w->sums[large] - w->sums[small]) + (double)c * (double)n_large;
	for (uint32_t i = 0; i < w->n_offers; i++) {
		int64_t x = f_carries(w->offer[i].capacity, c, e);

		w->try[i] = w->offer[i];
		w->try[i].carries = (double)(k ? u_carries(x, c, k) : x);
	}
	cost = weigh_cover(w->try, w->n_offers, need);
	if (isfinite(cost) && cost > w->best)
		w->best = cost;
}

/* Without a size above c - e, f only takes away: e = 0 is better. */
static void reference_try(const struct search *s, struct weighing *w, int64_t c)
{
	uint32_t half = sizes_from(w, c / 2 + 1), first, step;

	first = w->n_sizes ? sizes_from(w, (__int128)c - w->size[w->n_sizes - 1].value + 1) : 0;
	first = first < half ? first : half;
	step = (half - first) / EDGES_MAX + 1;
	for (int64_t k = 0; k <= K_LAST; k++)
		weigh(w, c, 0, k);
	for (uint32_t i = first; i < half && !search_done(s, 0); i += step)
		for (int64_t k = 0; k <= K_LAST; k++)
			weigh(w, c, w->size[i].value, k);
	if (half)
		weigh(w, c, w->size[half - 1].value, 0);
}

static void column_try(const struct search *s, struct weighing *w, uint32_t column)
{
	uint32_t references = 0;

	sizes_collect(w, column);
	w->n_offers = weigh_offers(w->in, column, &w->offer);
	if (w->n_offers <= OFFERS_MAX) {
		w->try = mem_alloc(w->n_offers + 1, sizeof(*w->try));
		for (uint32_t i = w->n_offers; i-- > 0 && references < REFERENCES_MAX;)
			if (i + 1 == w->n_offers || w->offer[i].capacity != w->offer[i + 1].capacity) {
				reference_try(s, w, w->offer[i].capacity);
				references++;
			}
		free(w->try);
	}
	free(w->offer);
}

/* Columns by demand over the capacity of all nodes. */
static uint32_t *columns_rank(const struct instance *in)
{
	uint32_t *v = mem_alloc(in->n_columns, sizeof(*v));
	double *room = mem_alloc(in->n_columns, sizeof(*room)), *need = mem_alloc(in->n_columns, sizeof(*need));

	for (size_t n = 0; n < in->n_nodes; n++)
		for (uint32_t c = 0; c < in->n_columns; c++)
			room[c] += (double)in->capacity[n * in->n_columns + c];
	for (size_t s = 0; s < in->n_services; s++)
		for (uint32_t c = 0; c < in->n_columns; c++)
			need[c] += (double)in->demand[s * in->n_columns + c] * in->services[s].replicas;
	for (uint32_t c = 0; c < in->n_columns; c++) {
		need[c] = room[c] > 0 ? need[c] / room[c] : 0;
		v[c] = c;
	}
	order_by_key(v, in->n_columns, need);
	free(room);
	free(need);
	return v;
}

static double run(const struct search *s)
{
	const struct instance *in = s->in;
	struct weighing w = { .in = in, .size = mem_alloc(in->n_services, sizeof(*w.size)), .spare = mem_alloc(in->n_services, sizeof(*w.size)) };
	uint32_t *rank = columns_rank(in);

	w.counts = mem_alloc((size_t)in->n_services + 1, sizeof(*w.counts));
	w.sums = mem_alloc((size_t)in->n_services + 1, sizeof(*w.sums));
	for (uint32_t i = 0; i < in->n_columns && i < COLUMNS_MAX && !search_done(s, 0); i++)
		column_try(s, &w, rank[i]);
	free(rank);
	free(w.size);
	free(w.spare);
	free(w.counts);
	free(w.sums);
	return weigh_round(in, w.best) * weigh_factor(in);
}

static bool applies(const struct search *s)
{
	return weigh_factor(s->in) > 0;
}

extern const struct bound bound_dff;
const struct bound bound_dff = { .name = "dual_feasible", .help = "sizes per resource and slot through dual feasible functions", .applies = applies, .run = run };
