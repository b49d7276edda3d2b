/* Groups of items as a pack of their own: see branch_group.h. */
#include "planner/solve/fewest/branch_group.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static uint32_t group_find(const uint32_t *group, uint32_t i)
{
	while (group[i] != i)
		i = group[i];
	return i;
}

/* group[item] = number of its group, in order of the first item. -> groups */
static uint32_t groups_make(uint32_t *group, uint32_t n, const struct decision *made, uint32_t n_made)
{
	uint32_t *root = mem_alloc(n, sizeof(*root)), groups = 0;

	for (uint32_t i = 0; i < n; i++)
		root[i] = i;
	for (uint32_t k = 0; k < n_made; k++) {
		uint32_t a = group_find(root, made[k].a), b = group_find(root, made[k].b);

		if (made[k].together)
			root[a > b ? a : b] = a > b ? b : a;
	}
	for (uint32_t i = 0; i < n; i++)
		group[i] = root[i] == i ? groups++ : group[group_find(root, i)];
	free(root);
	return groups;
}

static bool apart_make(struct branch_groups *x, const struct decision *made, uint32_t n_made)
{
	uint32_t words = (x->p.n_types + 63) / 64;

	x->apart_words = words;
	x->apart = mem_alloc((size_t)x->p.n_types * words, sizeof(uint64_t));
	for (uint32_t k = 0; k < n_made; k++) {
		uint32_t a = x->group[made[k].a], b = x->group[made[k].b];

		if (made[k].together)
			continue;
		if (a == b)
			return false;
		x->apart[(size_t)a * words + b / 64] |= 1ull << (b % 64);
		x->apart[(size_t)b * words + a / 64] |= 1ull << (a % 64);
	}
	return true;
}

/* What a group needs is what a bin lacks once all its items are in; false = they do not fit. */
static bool demands_sum(struct branch_groups *x, const struct pack *p)
{
	uint32_t w = p->n_words, d = p->n_columns;
	uint64_t *room = mem_alloc((size_t)x->p.n_types * w + 1, sizeof(*room));
	bool fits = true;

	for (uint32_t g = 0; g < x->p.n_types; g++)
		memcpy(room + (size_t)g * w, p->room, w * sizeof(*room));
	for (uint32_t t = 0, k = 0; t < p->n_types; t++)
		for (uint32_t i = 0; i < p->count[t] && fits; i++, k++) {
			uint32_t g = x->group[k];

			fits = pack_fits(p, room + (size_t)g * w, p->demand + (size_t)t * w);
			if (!fits)
				break;
			pack_take(p, room + (size_t)g * w, p->demand + (size_t)t * w);
			x->p.size[g] += p->size[t];
			for (uint32_t c = 0; c < d; c++)
				x->p.value[(size_t)g * d + c] += p->value[(size_t)t * d + c];
		}
	for (uint32_t i = 0; i < x->p.n_types * w; i++)
		x->p.demand[i] = p->room[i % w] - room[i];
	free(room);
	return fits;
}

static void pack_groups(struct branch_groups *x, const struct pack *p, uint32_t groups)
{
	x->p = *p;
	x->p.n_types = x->p.n_items = groups;
	x->p.count = mem_alloc(groups, sizeof(uint32_t));
	x->p.first = mem_alloc(groups, sizeof(uint32_t));
	x->p.item = NULL;
	x->p.demand = mem_alloc((size_t)groups * p->n_words + 1, sizeof(uint64_t));
	x->p.value = mem_alloc((size_t)groups * p->n_columns + 1, sizeof(int64_t));
	x->p.size = mem_alloc(groups, sizeof(double));
	for (uint32_t g = 0; g < groups; g++) {
		x->p.count[g] = 1;
		x->p.first[g] = g;
	}
}

bool branch_groups_init(struct branch_groups *x, const struct pack *p, const struct decision *made, uint32_t n_made)
{
	*x = (struct branch_groups){ .n_items = p->n_items, .group = mem_alloc(p->n_items, sizeof(uint32_t)) };
	pack_groups(x, p, groups_make(x->group, x->n_items, made, n_made));
	return apart_make(x, made, n_made) && demands_sum(x, p);
}

void branch_groups_fini(struct branch_groups *x)
{
	free(x->p.count);
	free(x->p.first);
	free(x->p.demand);
	free(x->p.value);
	free(x->p.size);
	free(x->group);
	free(x->apart);
}

bool branch_groups_apart(const struct branch_groups *x, uint32_t a, uint32_t b)
{
	return x->apart[(size_t)a * x->apart_words + b / 64] >> (b % 64) & 1;
}
