/* See together.h. */
#include "planner/solve/bound/together.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "planner/solve/bound/manner.h"

#define UNASKED (NO_MANNER - 1)
#define LARGE 1e30        /* share of nothing */
#define ROUNDING 1e-9
#define ROOMS_MAX 16      /* kinds of nodes told apart; else the largest capacity per column stands for all */

struct pair { uint32_t a, b; };
enum verdict { UNKNOWN, GOES, NEVER };

struct together {
	const struct instance *in;
	int64_t *room;            /* [room * n_columns + column] capacities that occur, or that cover those that do */
	uint32_t n_rooms;
	double *size;             /* [service]: largest share of the first room that it takes in a column */
	struct pair *apart;       /* groups that exclude each other, sorted; a == b: two of the same group do */
	uint32_t n_apart;
	uint32_t *group_most;     /* [group]: replicas on one node by rules */
	struct manners manners;
	uint32_t *manner_of;      /* [service], once asked for */
	uint8_t *verdicts;        /* [a * MANNERS_MAX + b] */
};

static int by_pair(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;

	if (x->a != y->a)
		return x->a < y->a ? -1 : 1;
	return x->b < y->b ? -1 : x->b > y->b;
}

static void rules_collect(struct together *t)
{
	const struct instance *in = t->in;

	t->apart = mem_alloc(2 * (size_t)in->n_caps + 1, sizeof(*t->apart));
	t->group_most = mem_alloc((size_t)in->n_groups + 1, sizeof(*t->group_most));
	memset(t->group_most, 0xff, in->n_groups * sizeof(*t->group_most));
	for (uint32_t i = 0; i < in->n_caps; i++) {
		const struct rule_cap *r = &in->caps[i];

		if (r->a == r->b && r->k < t->group_most[r->a])
			t->group_most[r->a] = r->k ? r->k : 1;
		if (r->k > (r->a == r->b))
			continue;
		t->apart[t->n_apart++] = (struct pair){ r->a, r->b };
		t->apart[t->n_apart++] = (struct pair){ r->b, r->a };
	}
	qsort(t->apart, t->n_apart, sizeof(*t->apart), by_pair);
}

static void sizes_measure(struct together *t)
{
	const struct instance *in = t->in;
	double *inverse = mem_alloc(in->n_columns, sizeof(*inverse));

	t->size = mem_alloc((size_t)in->n_services + 1, sizeof(*t->size));
	for (uint32_t c = 0; c < in->n_columns; c++)
		inverse[c] = t->room[c] > 0 ? 1 / (double)t->room[c] : LARGE;
	for (size_t s = 0; s < in->n_services; s++) {
		double size = 0;

		for (uint32_t c = 0; c < in->n_columns; c++) {
			double share = (double)in->demand[s * in->n_columns + c] * inverse[c];

			size = share > size ? share : size;
		}
		t->size[s] = size;
	}
	free(inverse);
}

static void rooms_collect(struct together *t)
{
	const struct instance *in = t->in;
	size_t row = in->n_columns * sizeof(int64_t);

	t->room = mem_alloc((size_t)ROOMS_MAX * in->n_columns, sizeof(int64_t));
	for (uint32_t n = 0; n < in->n_nodes && t->n_rooms <= ROOMS_MAX; n++) {
		const int64_t *capacity = in->capacity + (size_t)n * in->n_columns;
		uint32_t i = 0;

		while (i < t->n_rooms && memcmp(t->room + (size_t)i * in->n_columns, capacity, row))
			i++;
		if (i < t->n_rooms)
			continue;
		if (t->n_rooms < ROOMS_MAX)
			memcpy(t->room + (size_t)i * in->n_columns, capacity, row);
		t->n_rooms++;
	}
	if (t->n_rooms <= ROOMS_MAX)
		return;
	t->n_rooms = 1;
	for (uint32_t n = 0; n < in->n_nodes; n++)
		for (uint32_t c = 0; c < in->n_columns; c++)
			if (in->capacity[(size_t)n * in->n_columns + c] > t->room[c])
				t->room[c] = in->capacity[(size_t)n * in->n_columns + c];
}

struct together *together_new(const struct instance *in, const struct model *model)
{
	struct together *t = mem_alloc(1, sizeof(*t));

	t->in = in;
	rules_collect(t);
	rooms_collect(t);
	sizes_measure(t);
	manners_init(&t->manners, in, model);
	t->manner_of = mem_alloc((size_t)in->n_services + 1, sizeof(*t->manner_of));
	for (uint32_t s = 0; s < in->n_services; s++)
		t->manner_of[s] = UNASKED;
	t->verdicts = mem_alloc((size_t)MANNERS_MAX * MANNERS_MAX, sizeof(*t->verdicts));
	return t;
}

void together_free(struct together *t)
{
	if (!t)
		return;
	free(t->room);
	free(t->size);
	free(t->apart);
	free(t->group_most);
	manners_fini(&t->manners);
	free(t->manner_of);
	free(t->verdicts);
	free(t);
}

static uint32_t manner_of(struct together *t, uint32_t service)
{
	if (t->manner_of[service] == UNASKED)
		t->manner_of[service] = manners_find(&t->manners, &t->in->services[service]);
	return t->manner_of[service];
}

/* Does manner v suffer too much from `many` replicas of the other, on a node of the type? */
static bool suffers(const struct together *t, uint32_t v, uint32_t other, uint32_t many, int type)
{
	const double *exerted = model_pressure(t->manners.model, t->manners.v[other].model_service, type);
	double pressure[MODEL_MAX_PRESSURES];

	for (int p = 0; p < model_n_pressures(t->manners.model); p++)
		pressure[p] = many * exerted[p];
	return manners_suffers(&t->manners, v, pressure, type);
}

static bool limits_exclude(struct together *t, uint32_t a, uint32_t b)
{
	uint32_t x = manner_of(t, a), y = manner_of(t, b);
	uint8_t *verdict;

	if (x == NO_MANNER || y == NO_MANNER)
		return false;
	verdict = t->verdicts + (size_t)x * MANNERS_MAX + y;
	if (*verdict == UNKNOWN) {
		*verdict = NEVER;
		for (uint32_t i = 0; i < t->manners.n_types && *verdict == NEVER; i++)
			if (!suffers(t, x, y, 1, t->manners.types[i]) && !suffers(t, y, x, 1, t->manners.types[i]))
				*verdict = GOES;
	}
	return *verdict == NEVER;
}

static bool exceed(const struct together *t, uint32_t s, uint32_t other)
{
	uint32_t d = t->in->n_columns;
	const int64_t *a = t->in->demand + (size_t)s * d, *b = t->in->demand + (size_t)other * d;

	if (t->size[s] + t->size[other] < 1 - ROUNDING)
		return false; /* both fit the first room: most pairs of a fleet, without a look at their columns */
	for (uint32_t i = 0; i < t->n_rooms; i++) {
		const int64_t *room = t->room + (size_t)i * d;
		uint32_t c = 0;

		while (c < d && a[c] <= room[c] - b[c])
			c++;
		if (c == d)
			return false;
	}
	return true;
}

bool together_never(struct together *t, uint32_t a, uint32_t b)
{
	struct pair groups = { t->in->services[a].group, t->in->services[b].group };

	return (t->n_apart && bsearch(&groups, t->apart, t->n_apart, sizeof(groups), by_pair)) || exceed(t, a, b) || limits_exclude(t, a, b);
}

static uint32_t most_by_capacity(const struct together *t, uint32_t service, uint32_t most)
{
	uint32_t d = t->in->n_columns, best = 0;
	const int64_t *demand = t->in->demand + (size_t)service * d;

	for (uint32_t i = 0; i < t->n_rooms; i++) {
		int64_t fit = most;

		for (uint32_t c = 0; c < d; c++)
			if (demand[c] > 0 && t->room[(size_t)i * d + c] / demand[c] < fit)
				fit = t->room[(size_t)i * d + c] / demand[c];
		best = fit > best ? (uint32_t)fit : best;
	}
	return best;
}

/* The largest number at which none of them suffers too much from the others: by halves, since more of them only do more. */
static uint32_t most_by_limits(const struct together *t, uint32_t manner, uint32_t most)
{
	uint32_t good = 1, bad = most + 1;

	while (bad - good > 1) {
		uint32_t middle = good + (bad - good) / 2, i = 0;

		while (i < t->manners.n_types && suffers(t, manner, manner, middle - 1, t->manners.types[i]))
			i++;
		if (i < t->manners.n_types)
			good = middle;
		else
			bad = middle;
	}
	return good;
}

uint32_t together_most(struct together *t, uint32_t service)
{
	const struct service *s = &t->in->services[service];
	uint32_t most = s->replicas < t->group_most[s->group] ? s->replicas : t->group_most[s->group];
	uint32_t manner = manner_of(t, service);

	most = most_by_capacity(t, service, most);
	if (most > 1 && manner != NO_MANNER)
		most = most_by_limits(t, manner, most);
	return most ? most : 1;
}

double together_size(const struct together *t, uint32_t service)
{
	return t->size[service];
}
