/* Rows of measured co-locations in memory: see coloc.h. Reading stands in coloc_read.c. */
#include "planner/model/coloc.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define CONTRADICTION_RATIO 1.5 /* repeats of one run that differ by more than this are flagged */
#define SLOWDOWN_MAX 1e4

struct coloc *coloc_new(const char *source)
{
	struct coloc *c = mem_alloc(1, sizeof(*c));

	c->source = str_dup(source);
	return c;
}

static void names_free(char **v, int n)
{
	for (int i = 0; i < n; i++)
		free(v[i]);
	free(v);
}

void coloc_free(struct coloc *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->n_rows; i++)
		free(c->rows[i].neighbours);
	free(c->rows);
	names_free(c->services, c->n_services);
	names_free(c->types, c->n_types);
	names_free(c->metrics, c->n_metrics);
	free(c->source);
	free(c->dropped);
	free(c->by_cell);
	free(c);
}

static int name_index(char ***names, int *n, const char *name)
{
	for (int i = 0; i < *n; i++)
		if (!strcmp((*names)[i], name))
			return i;
	*names = mem_resize(*names, (size_t)*n + 1, sizeof(**names));
	(*names)[*n] = str_dup(name);
	return (*n)++;
}

static int int_compare(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

static bool larger_is_better(const char *metric)
{
	size_t n = strlen(metric);

	return !strcmp(metric, "throughput") || (n > 6 && !strcmp(metric + n - 6, "_per_s"));
}

int coloc_append(struct coloc *c, const char *where, const char *victim, char *const *neighbours, int n, const char *type,
		 const char *metric, double alone, double shared, struct err *e)
{
	struct coloc_row *r;
	double ratio;

	if (!*victim)
		return err_set(e, -EINVAL, "%s: the victim has no name", where);
	if (n > COLOC_MAX_NEIGHBOURS)
		return err_set(e, -EINVAL, "%s: %d neighbours, at most %d are possible", where, n, COLOC_MAX_NEIGHBOURS);
	if (!isfinite(alone) || !isfinite(shared) || alone <= 0 || shared <= 0)
		return err_set(e, -EINVAL, "%s: alone and shared must be finite and above 0, got %g and %g", where, alone, shared);
	ratio = larger_is_better(metric) ? alone / shared : shared / alone;
	if (ratio > SLOWDOWN_MAX || ratio < 1 / SLOWDOWN_MAX)
		return err_set(e, -ERANGE, "%s: a slowdown of %g is no measurement; are alone and shared in one unit?", where, ratio);
	c->rows = array_grow(c->rows, &c->cap_rows, c->n_rows + 1, sizeof(*c->rows));
	r = c->rows + c->n_rows++;
	*r = (struct coloc_row){ .alone = alone, .shared = shared, .slowdown = ratio, .n_neighbours = n, .line = c->n_rows };
	r->victim = name_index(&c->services, &c->n_services, victim);
	r->type = name_index(&c->types, &c->n_types, type);
	r->metric = name_index(&c->metrics, &c->n_metrics, metric);
	r->neighbours = mem_alloc((size_t)n + 1, sizeof(*r->neighbours));
	for (int i = 0; i < n; i++)
		r->neighbours[i] = name_index(&c->services, &c->n_services, neighbours[i]);
	qsort(r->neighbours, (size_t)n, sizeof(int), int_compare);
	return 0;
}

/* The rows' key: type, then the victim apart from (cells) or among (groups) the sorted others. */
static int *key_of(const struct coloc_row *r, bool whole)
{
	int *key = mem_alloc((size_t)r->n_neighbours + 3, sizeof(*key));

	key[0] = r->n_neighbours;
	key[1] = r->type;
	key[2] = r->victim;
	for (int i = 0; i < r->n_neighbours; i++)
		key[3 + i] = r->neighbours[i];
	if (whole)
		qsort(key + 2, (size_t)r->n_neighbours + 1, sizeof(int), int_compare);
	return key;
}

struct keyed { int *key; size_t row; };

static int key_compare(const void *a, const void *b)
{
	const struct keyed *x = a, *y = b;
	int n = x->key[0];

	if (n != y->key[0])
		return n - y->key[0];
	for (int i = 1; i < n + 3; i++)
		if (x->key[i] != y->key[i])
			return x->key[i] - y->key[i];
	return 0;
}

static int number_keys(struct coloc *c, bool whole)
{
	struct keyed *k = mem_alloc(c->n_rows + 1, sizeof(*k));
	int n = 0;

	for (size_t i = 0; i < c->n_rows; i++)
		k[i] = (struct keyed){ key_of(c->rows + i, whole), i };
	qsort(k, c->n_rows, sizeof(*k), key_compare);
	for (size_t i = 0; i < c->n_rows; i++) {
		if (i && key_compare(k + i - 1, k + i))
			n++;
		*(whole ? &c->rows[k[i].row].group : &c->rows[k[i].row].cell) = n;
		if (!whole)
			c->by_cell[i] = k[i].row;
	}
	for (size_t i = 0; i < c->n_rows; i++)
		free(k[i].key);
	free(k);
	return c->n_rows ? n + 1 : 0;
}

static void contradictions_count(struct coloc *c)
{
	double *low = mem_alloc((size_t)c->n_cells + 1, sizeof(*low)), *high = mem_alloc((size_t)c->n_cells + 1, sizeof(*high));

	for (size_t i = 0; i < c->n_rows; i++) {
		double y = c->rows[i].slowdown;
		int k = c->rows[i].cell;

		low[k] = low[k] > 0 ? fmin(low[k], y) : y;
		high[k] = fmax(high[k], y);
	}
	c->n_contradictions = 0;
	for (int k = 0; k < c->n_cells; k++)
		c->n_contradictions += high[k] > low[k] * CONTRADICTION_RATIO;
	free(low);
	free(high);
}

struct coloc_sums coloc_sum_cells(const struct coloc *c, const bool *hidden)
{
	struct coloc_sums s = { mem_alloc((size_t)c->n_cells + 1, sizeof(double)), mem_alloc((size_t)c->n_cells + 1, sizeof(double)) };

	for (size_t i = 0; i < c->n_rows; i++)
		if (!(hidden && hidden[i])) {
			s.sum[c->rows[i].cell] += c->rows[i].slowdown;
			s.n[c->rows[i].cell]++;
		}
	return s;
}

/* The metric kept of each service: the named one; else its own most frequent one, ties by first appearance. -1 = none. */
static int *metrics_choose(const struct coloc *c, const char *metric)
{
	size_t n = (size_t)c->n_services * (size_t)c->n_metrics;
	size_t *count = mem_alloc(n + 1, sizeof(*count));
	int *chosen = mem_alloc((size_t)c->n_services + 1, sizeof(*chosen));

	for (size_t i = 0; i < c->n_rows; i++)
		count[c->rows[i].victim * c->n_metrics + c->rows[i].metric]++;
	for (int s = 0; s < c->n_services; s++) {
		size_t most = 0;

		chosen[s] = -1;
		for (int m = 0; m < c->n_metrics; m++) {
			size_t have = count[s * c->n_metrics + m];

			if ((metric && strcmp(metric, c->metrics[m])) || have <= most)
				continue;
			most = have;
			chosen[s] = m;
		}
	}
	free(count);
	return chosen;
}

int coloc_seal(struct coloc *c, const char *metric, struct err *e)
{
	int *chosen = metrics_choose(c, metric);
	size_t kept = 0;

	free(c->dropped); /* sealed again after more rows */
	c->dropped = mem_alloc((size_t)c->n_metrics + 1, sizeof(*c->dropped));
	for (size_t i = 0; i < c->n_rows; i++) {
		if (c->rows[i].metric == chosen[c->rows[i].victim]) {
			c->rows[kept++] = c->rows[i];
		} else {
			c->dropped[c->rows[i].metric]++;
			free(c->rows[i].neighbours);
		}
	}
	free(chosen);
	c->n_dropped = c->n_rows - kept;
	c->n_rows = kept;
	if (!kept)
		return err_set(e, -EINVAL, "%s: no run has the metric \"%s\"", c->source, metric ? metric : "");
	free(c->by_cell);
	c->by_cell = mem_alloc(c->n_rows + 1, sizeof(*c->by_cell));
	c->n_groups = number_keys(c, true);
	c->n_cells = number_keys(c, false);
	contradictions_count(c);
	return 0;
}
