/* What one victim suffered beside one set of neighbours: repeats together. See latent_work.h. */
#include "planner/model/latent_work.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/sort.h"

size_t latent_cells_take(const struct coloc *c, const bool *hidden, struct latent_cell *out)
{
	double *v = mem_alloc(c->n_rows + 1, sizeof(*v));
	size_t cells = 0;

	for (size_t i = 0, end; i < c->n_rows; i = end) {
		const struct coloc_row *r = c->rows + c->by_cell[i];
		size_t n = 0;

		for (end = i; end < c->n_rows && c->rows[c->by_cell[end]].cell == r->cell; end++)
			if (!(hidden && hidden[c->by_cell[end]]))
				v[n++] = c->rows[c->by_cell[end]].slowdown;
		if (!n || !r->n_neighbours)
			continue;
		if (n > 1)
			qsort(v, n, sizeof(*v), sort_doubles);
		out[cells++] = (struct latent_cell){ r, n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2, (double)n };
	}
	free(v);
	return cells;
}
