/* Runs ejection search and column generation, beside each other with two threads, in turns with one. */
#include "planner/solve/fewest.h"

#include "planner/solve/columns.h"
#include "planner/solve/dive.h"
#include "planner/solve/eject.h"

struct lane { struct race *race; uint64_t seed; pthread_t thread; };

static void *lane_eject(void *arg)
{
	struct lane *l = arg;

	eject_race(l->race, l->seed);
	return NULL;
}

void fewest_race(struct race *r, unsigned threads, uint64_t seed)
{
	struct lane l = { .race = r, .seed = seed };
	struct eject *e;
	struct columns c;

	(void)threads;
	pthread_create(&l.thread, NULL, lane_eject, &l);
	columns_init(&c, r, seed);
	if (columns_root(&c)) {
		e = eject_new(r->p, seed + 1);
		dive_race(&c, e);
		eject_free(e);
	}
	columns_fini(&c);
	pthread_join(l.thread, NULL);
	glp_free_env();
}
