/* Which corrections of latent_pair.c become components: the crowd, and the neighbours whose corrections matter most get what is left. */
#include "planner/model/latent_pair.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

/* What the corrections of all victims amount to. */
struct energy { double crowd, *own; };

static void weigh(struct pair_work *w, int victim, void *arg)
{
	struct energy *e = arg;

	(void)victim;
	e->crowd += fabs(w->crowd);
	for (int j = 0; j < w->l->n_services; j++)
		e->own[j] += w->press[j] ? 0 : pow(*pair_own(w, j, w->l->n_types), 2);
}

/* Which components the corrections become: component own + i is neighbour[i]; crowd: -1 = none. */
struct slots {
	int crowd, own, n, neighbour[MODEL_MAX_PRESSURES];
	bool *kept; /* per service */
};

static void keep(struct pair_work *w, int victim, void *arg)
{
	const struct slots *s = arg;
	double crowd = fmax(w->crowd, -pair_addition_least(w, victim, s->kept));

	for (int t = 0; t <= w->l->n_types; t++) {
		for (int i = 0; i < s->n; i++)
			w->l->s[latent_at(w->l, s->own + i, victim, t)] = *pair_own(w, s->neighbour[i], t);
		if (s->crowd >= 0)
			w->l->s[latent_at(w->l, s->crowd, victim, t)] = crowd;
	}
}

/* The crowd, and the neighbours with the largest corrections, as many as there are components left. */
static struct slots slots_pick(const struct latent *l, const struct energy *e)
{
	bool crowded = e->crowd > 0 && l->k < MODEL_MAX_PRESSURES;
	struct slots s = { .crowd = crowded ? l->k : -1, .own = l->k + crowded, .kept = mem_alloc((size_t)l->n_services + 1, sizeof(bool)) };

	while (s.own + s.n < MODEL_MAX_PRESSURES) {
		int best = -1;

		for (int j = 0; j < l->n_services; j++)
			if (e->own[j] > 0 && !s.kept[j] && (best < 0 || e->own[j] > e->own[best]))
				best = j;
		if (best < 0)
			break;
		s.kept[best] = true;
		s.neighbour[s.n++] = best;
	}
	return s;
}

/* Every service presses once; only what comes after the first neighbour has an effect. */
static void crowd_shape(struct latent *l, int k, const bool *press)
{
	l->kinds[k] = 'g';
	if (!l->curves)
		l->curves = mem_alloc(MODEL_MAX_PRESSURES * (size_t)l->n_services, sizeof(*l->curves));
	for (int i = 0; i < l->n_services; i++) {
		l->curves[(size_t)k * (size_t)l->n_services + (size_t)i] = (struct curve){ .n = 2, .x = { 1, 2 }, .y = { 0, 1 } };
		for (int t = 0; t <= l->n_types; t++)
			l->p[latent_at(l, k, i, t)] = !press[i];
	}
}

static void own_shape(struct latent *l, int k, int neighbour)
{
	l->kinds[k] = 'p';
	l->beside[k] = neighbour;
	for (int t = 0; t <= l->n_types; t++)
		l->p[latent_at(l, k, neighbour, t)] = 1;
}

void latent_pairs_add(struct latent *l, const struct coloc *c, const bool *hidden, const struct latent_blend *blend)
{
	struct energy energy = { .own = mem_alloc((size_t)l->n_services + 1, sizeof(double)) };
	struct pair_work w;
	struct slots s;

	pair_work_init(&w, l, c, hidden, blend);
	pair_victims_each(&w, weigh, &energy);
	s = slots_pick(l, &energy);
	pair_victims_each(&w, keep, &s);
	if (s.crowd >= 0)
		crowd_shape(l, s.crowd, w.press);
	for (int i = 0; i < s.n; i++)
		own_shape(l, s.own + i, s.neighbour[i]);
	l->k = s.own + s.n;
	pair_work_fini(&w);
	free(energy.own);
	free(s.kept);
}
