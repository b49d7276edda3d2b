/*
 * A packing out of listed bins: where the volume leaves no room (tight.h), all bins that can take part are known and few, and
 * packing is exact cover. Large neighbourhood search: some bins are taken apart and their items, with those left over, put
 * together anew by exact search that always goes on with the type that has the fewest bins left (Knuth, "Dancing links",
 * 2000, algorithm X). What stays uncovered never grows.
 */
#ifndef PLANNER_SOLVE_FEWEST_PARTITION_H
#define PLANNER_SOLVE_FEWEST_PARTITION_H

#include "planner/solve/fewest/columns.h"

struct partition;

/* Of c's columns first .. c->kept). They must not be trimmed meanwhile. */
struct partition *partition_new(struct columns *c, uint32_t first, uint64_t seed);
void partition_free(struct partition *x);
/* So many neighbourhoods; offers the packing to the race when everything is covered (true). */
bool partition_run(struct partition *x, uint32_t rounds);

/*
 * Exact search alone: cover rest[type] fully with listed columns. -> how many, and which ones of c's in *columns (borrowed, until
 * the next call); 0 = there is no way, or none was found within so many nodes. Forgets what partition_run() had.
 */
uint32_t partition_complete(struct partition *x, const uint32_t *rest, uint32_t nodes, const uint32_t **columns);

#endif
