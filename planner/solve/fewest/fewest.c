/*
 * Fewest identical nodes without other rules: ejection search beside column generation with dives, and where the volume
 * leaves no room a search among the bins that are full enough. With two threads or more they run beside each other and share
 * bins and bound; with one, or under an iteration budget (where the result may not depend on threads), ejection goes first
 * for a while, then columns.
 */
#include "planner/solve/fewest/fewest.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "planner/solve/fewest/branch.h"
#include "planner/solve/fewest/columns.h"
#include "planner/solve/fewest/correction.h"
#include "planner/solve/fewest/dive.h"
#include "planner/solve/fewest/eject.h"
#include "planner/solve/fewest/tight.h"

#define MAX_ITEMS 50000        /* beyond, one scan of all bins per step is too dear */
#define MAX_COLUMN_TYPES 1500  /* rows of the master; its inverse is a square of them */
#define PASSES 40               /* of value correction without a better packing */
#define PASSES_SHARE 0.15       /* of the budget left */
#define ROOT_SHARE 0.65        /* of the budget left when the relaxation begins; at half of it, 3 of 6 misses in 526 were relaxations cut off */
#define FIRST_DIVES 60          /* before branching, where that can prove something */
#define BRANCH_SHARE 0.7       /* of the budget left */
#define WARM_STEPS 3000         /* of ejection: its bins are better first columns than first fit's */
#define PARTITION_FIRST 1000   /* rounds before the relaxation is solved: enough for most triplets */
#define PARTITION_TURN 500      /* and then in turns with TURN_DIVES, about as long */
#define TURN_DIVES 30
#define LANE_STEPS 100000       /* of ejection in a lane that has columns of its own later */
#define FIRST_STEPS 30000      /* of ejection before columns, when they take turns */

struct lane { struct race *race; uint64_t seed; pthread_t thread; bool runs, columns; };

/* Good first columns: the bins of packings that were made one bin after the other. */
static void columns_warm(struct columns *c, uint64_t seed)
{
	struct packings kept;

	correction_race(c->race, seed, PASSES, PASSES_SHARE, &kept);
	for (uint32_t i = 0; i < kept.n; i++)
		columns_add_packing(c, kept.bin_of + (size_t)i * c->p->n_items, kept.bins[i]);
	packings_fini(&kept);
}

/* A cover by listed bins is no better than others unless it has as few as they were listed for. */
static bool walk_ends(const struct columns *c, struct partition *walk, uint32_t rounds)
{
	if (walk && c->race->bound <= c->listed)
		partition_run(walk, rounds);
	return c->listed && c->race->best <= c->listed;
}

/* Dives without end; where that can prove something, a tree after the first of them; where all bins are listed, in turns with `walk`. */
static void columns_round(struct columns *c, struct partition *walk, struct partition *listed, uint64_t seed)
{
	struct eject *e = eject_new(c->p, seed + 1);
	struct dive *d = dive_new(c, e, listed);

	dive_run(d, FIRST_DIVES);
	if (!race_done(c->race, 0) && branch_applies(c->race))
		branch_race(c, seed, BRANCH_SHARE);
	while (!race_done(c->race, 0) && !walk_ends(c, walk, PARTITION_TURN))
		dive_run(d, TURN_DIVES);
	dive_free(d);
	eject_free(e);
}

static void lane_columns(struct race *r, uint64_t seed)
{
	struct partition *walk = NULL, *listed = NULL;
	struct columns c;
	uint32_t first;

	eject_race(r, seed, WARM_STEPS);
	columns_init(&c, r, seed);
	c.root_share = ROOT_SHARE;
	race_prove(r, (uint32_t)ceil(c.center_bound * (1 - 1e-9) - 1e-6), "volume");
	first = c.lp->n;
	tight_add(&c, r->bound);
	if (c.listed) {
		walk = partition_new(&c, first, seed);
		listed = partition_new(&c, first, seed + 1);
	}
	if (!walk_ends(&c, walk, PARTITION_FIRST)) {
		if (!walk)
			columns_warm(&c, seed);
		if (columns_root(&c) && !race_done(r, 0))
			columns_round(&c, walk, listed, seed);
	}
	partition_free(walk);
	partition_free(listed);
	columns_fini(&c);
}

/* Every second lane goes over to a relaxation of its own once the ejection search has had its time: other dives find other packings. */
static void *lane_eject(void *arg)
{
	struct lane *l = arg;

	if (l->columns) {
		eject_race(l->race, l->seed, LANE_STEPS);
		if (!race_done(l->race, 0))
			lane_columns(l->race, l->seed);
	}
	eject_race(l->race, l->seed + 1, UINT64_MAX);
	return NULL;
}

static void race_in_turns(struct race *r, uint64_t seed)
{
	bool columns = r->p->n_types <= MAX_COLUMN_TYPES;
	uint64_t steps = FIRST_STEPS;

	if (r->s && r->s->max_iterations != UINT64_MAX && steps > r->s->max_iterations / 2)
		steps = r->s->max_iterations / 2;
	eject_race(r, seed, columns ? steps : UINT64_MAX);
	if (columns && !race_done(r, 0))
		lane_columns(r, seed);
	if (!race_done(r, 0))
		eject_race(r, seed + 2, UINT64_MAX);
}

static void race_beside(struct race *r, unsigned threads, uint64_t seed)
{
	struct lane *lanes = mem_alloc(threads, sizeof(*lanes));

	for (unsigned i = 1; i < threads; i++) {
		lanes[i] = (struct lane){ .race = r, .seed = seed + 2 * i, .columns = i % 2 && r->p->n_types <= MAX_COLUMN_TYPES };
		lanes[i].runs = !pthread_create(&lanes[i].thread, NULL, lane_eject, &lanes[i]);
	}
	if (r->p->n_types <= MAX_COLUMN_TYPES)
		lane_columns(r, seed);
	if (!race_done(r, 0))
		eject_race(r, seed, UINT64_MAX);
	for (unsigned i = 1; i < threads; i++)
		if (lanes[i].runs)
			pthread_join(lanes[i].thread, NULL);
	free(lanes);
}

void fewest_race(struct race *r, unsigned threads, uint64_t seed)
{
	if (threads < 2 || (r->s && r->s->max_iterations != UINT64_MAX))
		race_in_turns(r, seed);
	else
		race_beside(r, threads, seed);
}

static bool fewest_applies(const struct search *s)
{
	return !s->model && s->in->n_items <= MAX_ITEMS && pack_applies(s->in);
}

static void fewest_run(struct search *s)
{
	struct pack *p = pack_new(s->in);
	struct race r;

	if (!p)
		return;
	race_init(&r, p, s);
	fewest_race(&r, s->threads, s->seed);
	search_spend(s, r.spent);
	race_fini(&r);
	pack_free(p);
}

extern const struct packer packer_fewest;
const struct packer packer_fewest = { "fewest", "fewest identical nodes: ejection search, column generation, dives",
	fewest_applies, fewest_run, 0 };
