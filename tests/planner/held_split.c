/* Held-out errors by size and kind of the co-location: see held_split.h. */
#include "tests/planner/held_split.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define PRESS "press-"

enum part { PAIRS, THREES, LARGER, GROUPS, PRESSURE, ALL, PARTS };

static const char *const part_names[PARTS] = { "pairs", "groups of three", "groups of four and more", "pairs and groups", "beside synthetic pressure", "all" };

struct tally { double runs, run_error, setups, setup_error; };

static bool beside_press(const struct model *m, const struct model_held *h)
{
	for (int j = 0; j < h->n_neighbours; j++)
		if (!strncmp(m->services[h->neighbours[j]].name, PRESS, strlen(PRESS)))
			return true;
	return false;
}

static enum part part_of(const struct model *m, const struct model_held *h)
{
	return beside_press(m, h) ? PRESSURE : h->n_neighbours == 1 ? PAIRS : h->n_neighbours == 2 ? THREES : LARGER;
}

static bool setup_equal(const struct model_held *a, const struct model_held *b)
{
	return a->victim == b->victim && a->node_type == b->node_type && a->n_neighbours == b->n_neighbours &&
	       !memcmp(a->neighbours, b->neighbours, (size_t)a->n_neighbours * sizeof(*a->neighbours));
}

/* Mean of what was measured in run i's setup; NAN unless i is its first run. */
static double setup_mean(const struct model *m, int i)
{
	double sum = 0, n = 0;

	for (int j = 0; j < m->n_held; j++)
		if (setup_equal(m->held + j, m->held + i)) {
			if (j < i)
				return NAN;
			sum += m->held[j].measured;
			n++;
		}
	return sum / n;
}

static void tally_add(struct tally *t, const struct model_held *h, double mean)
{
	t->runs++;
	t->run_error += fabs(h->predicted / h->measured - 1);
	if (isnan(mean))
		return;
	t->setups++;
	t->setup_error += fabs(h->predicted / mean - 1);
}

void held_split_show(const struct model *m)
{
	struct tally t[PARTS] = { 0 };

	for (int i = 0; i < m->n_held; i++) {
		enum part part = part_of(m, m->held + i);
		double mean = setup_mean(m, i);

		tally_add(t + part, m->held + i, mean);
		tally_add(t + ALL, m->held + i, mean);
		if (part != PRESSURE)
			tally_add(t + GROUPS, m->held + i, mean);
	}
	printf("  %-28s %6s %14s %8s %14s\n", "of these", "runs", "error of one", "setups", "of their mean");
	for (int k = 0; k < PARTS; k++)
		if (t[k].runs > 0)
			printf("  %-28s %6.0f %12.2f %% %8.0f %12.2f %%\n", part_names[k], t[k].runs, 100 * t[k].run_error / t[k].runs, t[k].setups,
			       100 * t[k].setup_error / t[k].setups);
}
