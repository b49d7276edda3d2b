/*
 * The most valuable bin: given a value per type, which items fill one bin best? Depth-first branch and bound for the
 * d-dimensional knapsack, exact in integers; the bound is Dantzig's on a surrogate of all columns (Glover 1968), whose
 * weights come from a few multiplicative updates and are kept from call to call. Interrupted by a node limit it still
 * gives a valid upper bound, which Farley's bound needs ("A note on bounding a class of linear programming problems", OR 1990).
 */
#ifndef PLANNER_SOLVE_FEWEST_PRICE_H
#define PLANNER_SOLVE_FEWEST_PRICE_H

#include "base/rng.h"
#include "planner/solve/fewest/pack.h"

#define PRICE_ONE (INT64_C(1) << 32)  /* scale of values: a bin worth PRICE_ONE pays for itself */
#define PRICE_NODES_PER_ITERATION 32 /* of a budget; an iteration takes some microseconds then, as elsewhere */

struct price {
	const struct pack *p;
	double *lambda;        /* [n_columns] surrogate weights, kept */
	uint32_t width;        /* the most items any bin holds */
	/* answers of the last price_solve() */
	int64_t best, upper;   /* value found (at least floor), proven upper bound (at least best) */
	uint32_t n_found, *found; /* types of the best bin, with repetition; n_found = 0: none above floor */
	uint64_t nodes;
	uint32_t n_many, *many_end, *many; /* of price_many(): bin i holds types many[many_end[i - 1]] .. many[many_end[i]) */
	const uint64_t *apart;    /* [type * apart_words] bit j of t's row: t and j may not share a bin. NULL: all may */
	uint32_t apart_words;
	int tune;                 /* rounds of improving the surrogate before the search; 0 = keep it */
	bool (*stop)(void *arg);  /* asked every few thousand nodes; may be NULL */
	void *stop_arg;
	struct price_work *work;
};

struct price *price_new(const struct pack *p, uint32_t width);
void price_free(struct price *x);

/* value[type] in units of PRICE_ONE; rest[type] = replicas available; bins worth floor or less do not interest. */
void price_solve(struct price *x, const int64_t *value, const uint32_t *rest, int64_t floor, uint64_t max_nodes);

/*
 * Every bin worth more than floor that nothing can be added to, up to PRICE_MANY of them; -> n_many. true = these are all,
 * so that none at all means that no bin is worth more than floor.
 */
#define PRICE_MANY 256
bool price_many(struct price *x, const int64_t *value, const uint32_t *rest, int64_t floor, uint64_t max_nodes);

/*
 * Quick, without a bound: prepare once, then for any type the best bin found that holds one of it, trying at each level only
 * the first `breadth` candidates by value per surrogate weight. rest[] may change between seeds (only fall).
 */
void price_prepare(struct price *x, const int64_t *value, const uint32_t *rest);
void price_seed(struct price *x, uint32_t seed, uint32_t breadth, int64_t floor, uint64_t max_nodes);

#endif
