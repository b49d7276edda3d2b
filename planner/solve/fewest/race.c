/* Shared best packing and bound of one fewest-nodes search. */
#include "planner/solve/fewest/race.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void race_init(struct race *r, const struct pack *p, struct search *s)
{
	int32_t *first = mem_alloc(p->n_items, sizeof(*first));

	memset(r, 0, sizeof(*r));
	r->p = p;
	r->s = s;
	pthread_mutex_init(&r->lock, NULL);
	r->bin_of = mem_alloc(p->n_items, sizeof(int32_t));
	r->best = UINT32_MAX;
	r->start_ns = search_now_ns();
	race_first_fit(p, first);
	r->bound = s && s->lower_bound > 0 ? (uint32_t)ceil(s->lower_bound / (double)p->node_cost - 1e-9) : 1;
	race_offer(r, first, "first_fit");
	free(first);
}

void race_fini(struct race *r)
{
	pthread_mutex_destroy(&r->lock);
	free(r->bin_of);
}

bool race_done(struct race *r, uint64_t iterations)
{
	uint64_t spent = atomic_fetch_add(&r->spent, iterations) + iterations;

	if (r->stop || r->best <= r->bound || (r->s && search_done(r->s, spent)))
		r->stop = true;
	return r->stop;
}

bool race_over(void *race)
{
	return race_done(race, 0);
}

double race_used(const struct race *r)
{
	double used = 0;

	if (!r->s)
		return 0;
	if (r->s->max_iterations != UINT64_MAX)
		used = (double)r->spent / (double)r->s->max_iterations;
	if (r->s->deadline_ns <= r->start_ns)
		return 1;
	if (r->s->deadline_ns != UINT64_MAX)
		used = fmax(used, (double)(search_now_ns() - r->start_ns) / (double)(r->s->deadline_ns - r->start_ns));
	return fmin(used, 1);
}

double race_until(const struct race *r, double share)
{
	double used = race_used(r);

	return used + share * (1 - used);
}

/* Bins that hold something, numbered in order of their first item; -> how many. */
static uint32_t bins_number(const struct pack *p, const int32_t *bin_of, int32_t *numbered)
{
	int32_t *name = mem_alloc(p->n_items, sizeof(*name));
	uint32_t bins = 0;

	for (uint32_t k = 0; k < p->n_items; k++) {
		if (!name[bin_of[k]])
			name[bin_of[k]] = (int32_t)++bins;
		numbered[k] = name[bin_of[k]] - 1;
	}
	free(name);
	return bins;
}

void race_offer(struct race *r, const int32_t *bin_of, const char *solver)
{
	const struct pack *p = r->p;
	int32_t *numbered = mem_alloc(p->n_items, sizeof(*numbered)), *item_node;
	uint32_t bins = bins_number(p, bin_of, numbered);

	pthread_mutex_lock(&r->lock);
	if (bins < r->best) {
		memcpy(r->bin_of, numbered, p->n_items * sizeof(int32_t));
		r->best = bins;
		if (r->s && bins <= p->n_nodes) {
			item_node = mem_alloc(p->n_items, sizeof(int32_t));
			pack_place(p, numbered, item_node);
			search_offer(r->s, item_node, (double)bins * (double)p->node_cost, solver);
			free(item_node);
		}
	}
	pthread_mutex_unlock(&r->lock);
	free(numbered);
}

void race_prove(struct race *r, uint32_t bins, const char *who)
{
	pthread_mutex_lock(&r->lock);
	if (bins > r->bound) {
		r->bound = bins;
		r->proven_by = who;
		if (r->s)
			search_prove(r->s, (double)bins * (double)r->p->node_cost, who);
	}
	pthread_mutex_unlock(&r->lock);
}

uint32_t race_copy(struct race *r, int32_t *bin_of)
{
	uint32_t bins;

	pthread_mutex_lock(&r->lock);
	memcpy(bin_of, r->bin_of, r->p->n_items * sizeof(int32_t));
	bins = r->best;
	pthread_mutex_unlock(&r->lock);
	return bins;
}

uint32_t race_first_fit(const struct pack *p, int32_t *bin_of)
{
	uint32_t w = p->n_words, bins = 0;
	uint64_t *room = mem_alloc((size_t)p->n_items * w + 1, sizeof(uint64_t));

	for (uint32_t t = 0, k = 0; t < p->n_types; t++) {
		const uint64_t *d = p->demand + (size_t)t * w;
		uint32_t b = 0;

		for (uint32_t i = 0; i < p->count[t]; i++, k++) {
			while (b < bins && !pack_fits(p, room + (size_t)b * w, d))
				b++;
			if (b == bins && w)
				memcpy(room + (size_t)bins * w, p->room, w * sizeof(uint64_t));
			bins += b == bins;
			pack_take(p, room + (size_t)b * w, d);
			bin_of[k] = (int32_t)b;
		}
	}
	free(room);
	return bins;
}
