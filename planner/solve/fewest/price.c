/*
 * Branch and bound for the most valuable bin. Candidates stand in order of value per surrogate weight; each level keeps only
 * those that still fit, so most levels are short.
 */
#include "planner/solve/fewest/price.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define NODES_PER_STOP 8192
#define SURROGATE_ONE 0x1p46  /* surrogate capacity; weights are rounded down to integers, which keeps the bound valid */
#define MANY_MAX 65536        /* times SURROGATE_ONE or PRICE_ONE still below 2^63; no bin is searched with more of one type */

struct candidate { double density; int64_t value, weight; uint32_t type; };

struct price_work {
	const int64_t *value;
	const uint32_t *rest;
	int64_t *weight;       /* [type] surrogate, integer */
	struct candidate *order;
	uint32_t **list;       /* [depth] types that still fit */
	uint64_t *room;        /* [depth * n_words] */
	uint32_t *taken, *chosen; /* [type] how many; [depth] which */
	double *usage;
	uint64_t max_nodes;
	uint32_t n, breadth;   /* candidates; children tried per level */
	int64_t capacity;      /* surrogate */
	bool all;              /* collect every bin above the floor: best stays where it is */
};

struct price *price_new(const struct pack *p, uint32_t width)
{
	struct price *x = mem_alloc(1, sizeof(*x));
	struct price_work *w = mem_alloc(1, sizeof(*w));

	x->p = p;
	x->width = width;
	x->work = w;
	x->lambda = mem_alloc(p->n_columns + 1, sizeof(double));
	x->found = mem_alloc(width + 1, sizeof(uint32_t));
	x->many = mem_alloc((size_t)PRICE_MANY * width + 1, sizeof(uint32_t));
	x->many_end = mem_alloc(PRICE_MANY, sizeof(uint32_t));
	for (uint32_t c = 0; c < p->n_columns; c++)
		x->lambda[c] = 1.0 / p->n_columns;
	w->weight = mem_alloc(p->n_types, sizeof(int64_t));
	w->order = mem_alloc(p->n_types, sizeof(*w->order));
	w->list = mem_alloc(width + 2, sizeof(*w->list));
	for (uint32_t i = 0; i < width + 2; i++)
		w->list[i] = mem_alloc(p->n_types, sizeof(uint32_t));
	w->room = mem_alloc((size_t)(width + 2) * p->n_words + 1, sizeof(uint64_t));
	w->taken = mem_alloc(p->n_types, sizeof(uint32_t));
	w->chosen = mem_alloc(width + 2, sizeof(uint32_t));
	w->usage = mem_alloc(p->n_columns + 1, sizeof(double));
	return x;
}

void price_free(struct price *x)
{
	struct price_work *w;

	if (!x)
		return;
	w = x->work;
	for (uint32_t i = 0; i < x->width + 2; i++)
		free(w->list[i]);
	free(w->list);
	free(w->weight);
	free(w->order);
	free(w->room);
	free(w->taken);
	free(w->chosen);
	free(w->usage);
	free(w);
	free(x->lambda);
	free(x->found);
	free(x->many);
	free(x->many_end);
	free(x);
}

static int by_density(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->density != y->density)
		return x->density < y->density ? 1 : -1;
	return x->type < y->type ? -1 : x->type > y->type;
}

/* The same order exactly: Dantzig's bound holds only if it is. */
static int by_exact_density(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;
	__int128 left = (__int128)x->value * y->weight, right = (__int128)y->value * x->weight;

	if (left != right)
		return left < right ? 1 : -1;
	return x->type < y->type ? -1 : x->type > y->type;
}

/* Sorts types of positive value by value per surrogate weight; -> how many. */
static uint32_t candidates_sort(struct price *x, const double *lambda)
{
	const struct pack *p = x->p;
	struct price_work *w = x->work;
	uint32_t n = 0;

	for (uint32_t t = 0; t < p->n_types; t++) {
		double sum = 1e-12;

		if (!w->rest[t] || w->value[t] <= 0)
			continue;
		for (uint32_t c = 0; c < p->n_columns; c++)
			sum += lambda[c] * (double)p->value[(size_t)t * p->n_columns + c] / (double)p->capacity[c];
		w->order[n++] = (struct candidate){ (double)w->value[t] / sum, w->value[t], 0, t };
	}
	qsort(w->order, n, sizeof(*w->order), by_density);
	return n;
}

/* Dantzig's bound for the surrogate, and how much of each column its fractional bin uses. */
static double surrogate_fill(struct price *x, uint32_t n)
{
	const struct pack *p = x->p;
	struct price_work *w = x->work;
	double left = 1, total = 0;

	memset(w->usage, 0, p->n_columns * sizeof(double));
	for (uint32_t i = 0; i < n && left > 0; i++) {
		uint32_t t = w->order[i].type;
		double each = (double)w->value[t] / w->order[i].density, take = fmin(w->rest[t], left / each);

		left -= take * each;
		total += take * (double)w->value[t];
		for (uint32_t c = 0; c < p->n_columns; c++)
			w->usage[c] += take * (double)p->value[(size_t)t * p->n_columns + c] / (double)p->capacity[c];
	}
	return total;
}

static void lambda_update(struct price *x)
{
	uint32_t d = x->p->n_columns;
	double best = INFINITY, step = 0.5, sum, *try = mem_alloc(d + 1, sizeof(double));

	memcpy(try, x->lambda, d * sizeof(double));
	for (int round = 0; round < x->tune; round++, step *= 0.8) {
		double bound = surrogate_fill(x, candidates_sort(x, try));

		if (bound < best) {
			best = bound;
			memcpy(x->lambda, try, d * sizeof(double));
		}
		sum = 0;
		for (uint32_t c = 0; c < d; c++) {
			try[c] = fmax(1e-4, try[c] * exp(step * fmin(2, fmax(-2, x->work->usage[c] - 1))));
			sum += try[c];
		}
		for (uint32_t c = 0; c < d; c++)
			try[c] /= sum;
	}
	free(try);
}

/* Upper bound on what list[from..n) can add to a bin with `left` surrogate room; integers, rounded up. */
static int64_t suffix_bound(const struct price_work *w, const uint32_t *list, uint32_t from, uint32_t n, int64_t left)
{
	int64_t total = 0;

	for (uint32_t i = from; i < n; i++) {
		uint32_t t = list[i];
		int64_t each = w->weight[t], many = (w->rest[t] < MANY_MAX ? w->rest[t] : MANY_MAX) - w->taken[t];

		if (each * many <= left) {
			left -= each * many;
			total += w->value[t] * many;
			continue;
		}
		return total + (int64_t)((__int128)w->value[t] * left / each) + 1;
	}
	return total;
}

static void bin_found(struct price *x, uint32_t depth, uint32_t more, int64_t value)
{
	if (x->work->all) {
		uint32_t at = x->n_many ? x->many_end[x->n_many - 1] : 0;

		if (more || x->n_many == PRICE_MANY)
			return;
		memcpy(x->many + at, x->work->chosen, depth * sizeof(uint32_t));
		x->many_end[x->n_many++] = at + depth;
		return;
	}
	x->best = value;
	x->n_found = depth;
	memcpy(x->found, x->work->chosen, depth * sizeof(uint32_t));
}

/* j goes into the bin that holds t and has this room. */
static inline bool goes_beside(const struct price *x, uint32_t t, uint32_t j, const uint64_t *room)
{
	if (x->apart && x->apart[(size_t)t * x->apart_words + j / 64] >> (j % 64) & 1)
		return false;
	return pack_fits(x->p, room, x->p->demand + (size_t)j * x->p->n_words);
}

static void explore(struct price *x, uint32_t depth, uint32_t n, int64_t value, int64_t left)
{
	struct price_work *w = x->work;
	const uint32_t words = x->p->n_words, *list = w->list[depth];
	const uint64_t *room = w->room + (size_t)depth * words;
	uint64_t *next = w->room + (size_t)(depth + 1) * words;

	if (value > x->best)
		bin_found(x, depth, n, value);
	for (uint32_t i = 0; i < n && i < w->breadth; i++) {
		int64_t bound = value + suffix_bound(w, list, i, n, left);
		uint32_t t = list[i], m = 0;

		if (bound <= x->best)
			return;
		if (!(++x->nodes % NODES_PER_STOP) && x->stop && x->stop(x->stop_arg))
			w->max_nodes = 0;
		if (x->nodes > w->max_nodes || x->n_many == PRICE_MANY) {
			x->upper = bound > x->upper ? bound : x->upper;
			return;
		}
		memcpy(next, room, words * sizeof(uint64_t));
		pack_take(x->p, next, x->p->demand + (size_t)t * words);
		w->taken[t]++;
		w->chosen[depth] = t;
		for (uint32_t j = w->taken[t] < w->rest[t] ? i : i + 1; j < n; j++) {
			w->list[depth + 1][m] = list[j];
			m += goes_beside(x, t, list[j], next);
		}
		explore(x, depth + 1, m, value + w->value[t], left - w->weight[t]);
		w->taken[t]--;
	}
}

/* One integer factor per column: sum of factor * demand <= sum of factor * capacity holds exactly. -> surrogate capacity */
static int64_t weights_set(struct price *x, uint32_t n)
{
	const struct pack *p = x->p;
	int64_t capacity = 0, factor;

	for (uint32_t c = 0; c < p->n_columns; c++) {
		factor = (int64_t)(x->lambda[c] * SURROGATE_ONE / (double)p->capacity[c]);
		capacity += factor * p->capacity[c];
		for (uint32_t i = 0; i < n; i++)
			x->work->order[i].weight += factor * p->value[(size_t)x->work->order[i].type * p->n_columns + c];
	}
	for (uint32_t i = 0; i < n; i++)
		x->work->weight[x->work->order[i].type] = x->work->order[i].weight;
	return capacity;
}

void price_prepare(struct price *x, const int64_t *value, const uint32_t *rest)
{
	struct price_work *w = x->work;

	w->value = value;
	w->rest = rest;
	if (x->tune)
		lambda_update(x);
	w->n = candidates_sort(x, x->lambda);
	w->capacity = weights_set(x, w->n);
	qsort(w->order, w->n, sizeof(*w->order), by_exact_density);
}

static void search_start(struct price *x, int64_t floor, uint64_t max_nodes, uint32_t breadth)
{
	struct price_work *w = x->work;

	w->max_nodes = max_nodes;
	w->breadth = breadth;
	x->best = x->upper = floor;
	x->n_found = x->n_many = 0;
	x->nodes = 0;
	w->all = false;
	if (x->p->n_words)
		memcpy(w->room, x->p->room, x->p->n_words * sizeof(uint64_t));
}

static void bins_explore(struct price *x, int64_t floor, uint64_t max_nodes, bool all)
{
	struct price_work *w = x->work;

	search_start(x, floor, max_nodes, UINT32_MAX);
	w->all = all;
	for (uint32_t i = 0; i < w->n; i++)
		w->list[0][i] = w->order[i].type;
	explore(x, 0, w->n, 0, w->capacity);
}

void price_solve(struct price *x, const int64_t *value, const uint32_t *rest, int64_t floor, uint64_t max_nodes)
{
	price_prepare(x, value, rest);
	bins_explore(x, floor, max_nodes, false);
	x->upper = x->best > x->upper ? x->best : x->upper;
}

bool price_many(struct price *x, const int64_t *value, const uint32_t *rest, int64_t floor, uint64_t max_nodes)
{
	price_prepare(x, value, rest);
	bins_explore(x, floor, max_nodes, true);
	return x->upper == floor;
}

void price_seed(struct price *x, uint32_t seed, uint32_t breadth, int64_t floor, uint64_t max_nodes)
{
	struct price_work *w = x->work;
	const struct pack *p = x->p;
	uint64_t *room = w->room + p->n_words;
	uint32_t m = 0;

	search_start(x, floor, max_nodes, breadth);
	memcpy(room, w->room, p->n_words * sizeof(uint64_t));
	pack_take(p, room, p->demand + (size_t)seed * p->n_words);
	w->chosen[0] = seed;
	w->taken[seed] = 1;
	for (uint32_t i = 0; i < w->n; i++) {
		uint32_t t = w->order[i].type;

		w->list[1][m] = t;
		m += w->rest[t] > w->taken[t] && goes_beside(x, seed, t, room);
	}
	explore(x, 1, m, w->value[seed], w->capacity - w->weight[seed]);
	w->taken[seed] = 0;
}
