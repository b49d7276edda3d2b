/*
 * Dual feasible functions: sizes are replaced by others that fill a node in no other way than they did before, so the volume
 * of the new sizes is a bound too, often a better one. Two families, one after the other (Fekete & Schepers, "New classes of fast
 * lower bounds for bin packing problems", Math. Programming 2001):
 *   f  sizes above C - e count as C, sizes below e as nothing
 *   u  x -> floor((k + 1) x / C) / k, but x / C itself where (k + 1) x / C is an integer
 * C is one of the nodes' capacities. For a node of another capacity K the most it can carry is worked out apart: with f, b
 * large sizes take at least b (C - e + 1), the rest carries itself or, below e, nothing; with u, floor((k + 1) K / C) / k.
 * Integers throughout; u's values are multiplied by k (k + 1).
 */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "planner/search.h"
#include "planner/solve/weigh.h"

#define COLUMNS_MAX 16    /* those with the largest volume */
#define OFFERS_MAX 64     /* kinds of nodes; beyond, a column is left to the volume bound */
#define REFERENCES_MAX 4  /* capacities taken for C */
#define EDGES_MAX 48      /* values of e, spread over the sizes */
#define K_LAST 16
#define WORK_PER_COLUMN (1 << 26)

struct size { int64_t value; uint64_t count; };

struct weighing {
	const struct instance *in;
	struct size *size;
	struct offer *offer, *try;
	uint32_t n_sizes, n_offers;
	double best;
};

static int by_value(const void *a, const void *b)
{
	const struct size *x = a, *y = b;

	return x->value < y->value ? -1 : x->value > y->value;
}

static uint32_t sizes_collect(const struct instance *in, uint32_t column, struct size *v)
{
	uint32_t n = 0, to = 0;

	for (uint32_t s = 0; s < in->n_services; s++) {
		int64_t d = in->demand[(size_t)s * in->n_columns + column];

		if (d > 0 && in->services[s].replicas)
			v[n++] = (struct size){ d, in->services[s].replicas };
	}
	qsort(v, n, sizeof(*v), by_value);
	for (uint32_t i = 0; i < n; i++)
		if (to && v[to - 1].value == v[i].value)
			v[to - 1].count += v[i].count;
		else
			v[to++] = v[i];
	return to;
}

static int64_t f_size(int64_t x, int64_t c, int64_t e)
{
	return x > c - e ? c : x < e ? 0 : x;
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

/* k = 0: f alone. */
static void weigh(struct weighing *w, int64_t c, int64_t e, int64_t k)
{
	double need = 0, cost;

	for (uint32_t i = 0; i < w->n_sizes; i++) {
		int64_t x = f_size(w->size[i].value, c, e);

		need += (double)(k ? u_size(x, c, k) : x) * (double)w->size[i].count;
	}
	for (uint32_t i = 0; i < w->n_offers; i++) {
		int64_t x = f_carries(w->offer[i].capacity, c, e);

		w->try[i] = w->offer[i];
		w->try[i].carries = (double)(k ? u_carries(x, c, k) : x);
	}
	cost = weigh_cover(w->try, w->n_offers, need);
	if (isfinite(cost) && cost > w->best)
		w->best = cost;
}

static void reference_try(const struct search *s, struct weighing *w, int64_t c)
{
	uint32_t half = 0, step, work = w->n_sizes * (K_LAST + 1);

	while (half < w->n_sizes && w->size[half].value <= c / 2)
		half++;
	step = half / EDGES_MAX + 1;
	while (work * (half / step + 1) > WORK_PER_COLUMN / REFERENCES_MAX && step < half)
		step *= 2;
	for (uint32_t i = 0; i <= half && !search_done(s, 0); i += step)
		for (int64_t k = 0; k <= K_LAST; k++)
			weigh(w, c, i ? w->size[i - 1].value : 0, k);
	if (half)
		weigh(w, c, w->size[half - 1].value, 0);
}

static void column_try(const struct search *s, struct weighing *w, uint32_t column)
{
	uint32_t references = 0;

	w->n_sizes = sizes_collect(w->in, column, w->size);
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

struct ranked { double volume; uint32_t column; };

static int by_volume(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (x->volume != y->volume)
		return x->volume < y->volume ? 1 : -1;
	return x->column < y->column ? -1 : x->column > y->column;
}

/* Columns by demand over the capacity of all nodes. */
static struct ranked *columns_rank(const struct instance *in)
{
	struct ranked *v = mem_alloc(in->n_columns, sizeof(*v));

	for (uint32_t c = 0; c < in->n_columns; c++) {
		double room = 0, need = 0;

		for (uint32_t n = 0; n < in->n_nodes; n++)
			room += (double)in->capacity[(size_t)n * in->n_columns + c];
		for (uint32_t s = 0; s < in->n_services; s++)
			need += (double)in->demand[(size_t)s * in->n_columns + c] * in->services[s].replicas;
		v[c] = (struct ranked){ room > 0 ? need / room : 0, c };
	}
	qsort(v, in->n_columns, sizeof(*v), by_volume);
	return v;
}

static double run(const struct search *s)
{
	const struct instance *in = s->in;
	struct weighing w = { .in = in, .size = mem_alloc(in->n_services, sizeof(*w.size)) };
	struct ranked *rank = columns_rank(in);

	for (uint32_t i = 0; i < in->n_columns && i < COLUMNS_MAX && !search_done(s, 0); i++)
		column_try(s, &w, rank[i].column);
	free(rank);
	free(w.size);
	return weigh_round(in, w.best) * weigh_factor(in);
}

static bool applies(const struct search *s)
{
	return weigh_factor(s->in) > 0;
}

extern const struct bound bound_dff;
const struct bound bound_dff = { .name = "dual_feasible", .help = "sizes per resource and slot through dual feasible functions", .applies = applies, .run = run };
