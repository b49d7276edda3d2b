/*
 * Company bound: what slowdown limits say of the number of nodes. The m gentlest neighbours there are exert at least the sum of the m
 * smallest pressures on each resource; when a replica bears no more than t such neighbours, its node holds at most t + 1 replicas
 * (one more neighbour never makes a service faster: planner/model/model.h). A node in use is shared by as many replicas as stand on
 * it, so the nodes are at least the sum of 1 / (t + 1) over all replicas.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "planner/search.h"
#include "planner/solve/bound/manner.h"
#include "planner/solve/bound/weigh.h"

#define MOST 4096         /* neighbours; who bears so many is counted as bearing all */
#define ROUNDING 1e-9

struct company {
	const struct instance *in;
	struct manners manners;
	int width;                /* pressures */
	uint64_t *replicas;       /* [model service] */
	uint64_t harmless;        /* replicas that the model does not know: they exert nothing */
	uint32_t most;            /* neighbours that are told apart */
	double *least;            /* [(type * (most + 1) + neighbours) * width + pressure]: what so many exert at least */
	double *greatest;         /* [type * width + pressure]: what `most` exert at most */
};

struct exerted { double pressure; uint64_t replicas; };

static int by_pressure(const void *a, const void *b)
{
	const struct exerted *x = a, *y = b;

	return (x->pressure > y->pressure) - (x->pressure < y->pressure);
}

static void replicas_count(struct company *c)
{
	const struct instance *in = c->in;
	uint64_t all = 0;

	c->replicas = mem_alloc((size_t)model_n_services(c->manners.model) + 1, sizeof(*c->replicas));
	for (uint32_t s = 0; s < in->n_services; s++) {
		uint64_t *to = in->services[s].model_service < 0 ? &c->harmless : &c->replicas[in->services[s].model_service];

		*to += in->services[s].replicas;
		all += in->services[s].replicas;
	}
	c->most = all <= MOST ? (uint32_t)(all ? all - 1 : 0) : MOST;
}

static size_t row_of(const struct company *c, uint32_t type, uint32_t neighbours)
{
	return ((size_t)type * (c->most + 1) + neighbours) * (size_t)c->width;
}

/* Sums of the smallest and of the largest pressures of one kind on one type of node. v: room for the model's services and one more. */
static void sums_fill(struct company *c, uint32_t type, int pressure, struct exerted *v)
{
	uint32_t n = 1, at = 0;
	double sum = 0;

	v[0] = (struct exerted){ 0, c->harmless };
	for (int s = 0; s < model_n_services(c->manners.model); s++)
		if (c->replicas[s])
			v[n++] = (struct exerted){ model_pressure(c->manners.model, s, c->manners.types[type])[pressure], c->replicas[s] };
	qsort(v, n, sizeof(*v), by_pressure);
	for (uint32_t i = 0; i < n; i++)
		for (uint64_t k = 0; k < v[i].replicas && at < c->most; k++)
			c->least[row_of(c, type, ++at) + (size_t)pressure] = (sum += v[i].pressure) * (1 - ROUNDING);
	sum = 0;
	at = 0;
	for (uint32_t i = n; i-- > 0;)
		for (uint64_t k = 0; k < v[i].replicas && at < c->most; k++)
			sum += v[i].pressure, at++;
	c->greatest[type * (size_t)c->width + (size_t)pressure] = sum * (1 + ROUNDING);
}

static void company_init(struct company *c, const struct search *s)
{
	struct exerted *v = mem_alloc((size_t)model_n_services(s->model) + 1, sizeof(*v));

	c->in = s->in;
	c->width = model_n_pressures(s->model);
	manners_init(&c->manners, s->in, s->model);
	replicas_count(c);
	c->least = mem_alloc(row_of(c, c->manners.n_types, 0) + 1, sizeof(*c->least));
	c->greatest = mem_alloc((size_t)c->manners.n_types * (size_t)c->width + 1, sizeof(*c->greatest));
	for (uint32_t type = 0; type < c->manners.n_types; type++)
		for (int p = 0; p < c->width; p++)
			sums_fill(c, type, p, v);
	free(v);
}

/* Can the manner bear so many at all? Each pressure as it likes it best: what relieves it is all there. */
static bool bears_some(const struct company *c, uint32_t manner, uint32_t type, uint32_t neighbours)
{
	const double *least = c->least + row_of(c, type, neighbours), *greatest = c->greatest + type * (size_t)c->width;
	double pressure[MODEL_MAX_PRESSURES];

	for (int p = 0; p < c->width; p++)
		pressure[p] = model_relieves(c->manners.model, c->manners.v[manner].model_service, c->manners.types[type], p) ? greatest[p] : least[p];
	return !manners_suffers(&c->manners, manner, pressure, c->manners.types[type]);
}

/* How many neighbours the manner bears where it bears most. */
static uint32_t borne(const struct company *c, uint32_t manner)
{
	uint32_t most = 0;

	for (uint32_t type = 0; type < c->manners.n_types && most < c->most; type++) {
		uint32_t good = most, bad = c->most + 1;

		while (bad - good > 1) {
			uint32_t middle = good + (bad - good) / 2;

			if (bears_some(c, manner, type, middle))
				good = middle;
			else
				bad = middle;
		}
		most = good;
	}
	return most;
}

static double run(const struct search *s)
{
	uint32_t known = 0, bears[MANNERS_MAX];
	struct company c = { 0 };
	double nodes = 0;

	company_init(&c, s);
	for (uint32_t i = 0; i < s->in->n_services; i++) {
		uint32_t manner = manners_find(&c.manners, &s->in->services[i]);

		for (; known < c.manners.n; known++)
			bears[known] = borne(&c, known);
		if (manner != NO_MANNER && bears[manner] < c.most)
			nodes += s->in->services[i].replicas / (bears[manner] + 1.0);
	}
	manners_fini(&c.manners);
	free(c.replicas);
	free(c.least);
	free(c.greatest);
	return weigh_round(s->in, weigh_nodes(s->in, (uint64_t)ceil(nodes * (1 - ROUNDING)))) * weigh_factor(s->in);
}

static bool applies(const struct search *s)
{
	return s->model && weigh_factor(s->in) > 0;
}

extern const struct bound bound_company;
const struct bound bound_company = { .name = "company", .help = "replicas that bear only so many neighbours within their slowdown limits", .applies = applies, .run = run };
