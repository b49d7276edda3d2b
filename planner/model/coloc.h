/*
 * Measured co-locations: who ran beside whom, and how much slower the victim was. Two forms of the same rows: CSV
 * (victim,neighbours,node_type,metric,alone,shared; neighbours separated by ";") and JSON (docs/colocation.md).
 *
 * metric "throughput" (or ending in "_per_s") is better when larger; everything else is better when smaller. Runs of the
 * same victim beside the same neighbours are repeats: they measure the noise. A co-location is the whole set that ran together on a
 * node type, so that cross-validation never sees a run's mirror image.
 */
#ifndef PLANNER_MODEL_COLOC_H
#define PLANNER_MODEL_COLOC_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define COLOC_MAX_NEIGHBOURS 64

struct coloc_row {
	int victim, type, metric;
	int n_neighbours, *neighbours; /* sorted; may hold the victim's own name and repetitions */
	double alone, shared, slowdown;
	int group;                     /* the co-location */
	int cell;                      /* victim and neighbours: equal for repeats */
	size_t line;                   /* in the source */
};

struct coloc {
	size_t n_rows, cap_rows, n_contradictions, n_dropped; /* dropped: runs of another metric than their victim's */
	size_t *by_cell;                                      /* row numbers, repeats side by side */
	size_t *dropped;                                      /* the same per metric */
	struct coloc_row *rows;
	int n_services, n_types, n_metrics, n_groups, n_cells;
	char **services, **types, **metrics;
	char *source;
};

/* CSV or JSON by content; gzip is fine. NULL on error. Rows of several files: coloc_add(). */
struct coloc *coloc_read(const char *path, struct err *e);
int coloc_add(struct coloc *c, const char *path, struct err *e);
int coloc_write(const struct coloc *c, const char *path, bool overwrite, struct err *e);
void coloc_free(struct coloc *c);

/* For readers of other sources: adds a row, checks its numbers. where: "runs.csv: line 3". */
int coloc_append(struct coloc *c, const char *where, const char *victim, char *const *neighbours, int n, const char *type,
		 const char *metric, double alone, double shared, struct err *e);
struct coloc *coloc_new(const char *source);
/* Groups, cells, contradictions; call after the last row. Keeps one metric per victim: the
 * named one (services without it are only neighbours), or NULL = each victim's most frequent. */
int coloc_seal(struct coloc *c, const char *metric, struct err *e);

/* [n_cells]: sum of the slowdowns of a cell's rows, and how many they are, without hidden[row] (NULL = none is). free() both. */
struct coloc_sums { double *sum, *n; };
struct coloc_sums coloc_sum_cells(const struct coloc *c, const bool *hidden);

#endif
