/*
 * See curve_bound.h. Prices by bisection per slot; shares by projected gradient steps; the best value seen is kept, as each is valid.
 */
#include "planner/solve/curve_bound.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "planner/search.h"
#include "planner/solve/curve.h"

#define MAX_STEPS 400
#define MIN_STEPS 20
#define WORK 4000000.0 /* class-slot evaluations in all, about a second */
#define HALVINGS 45

struct class { double cost, capacity; uint32_t n; };

struct relaxation {
	const struct instance *in;
	struct class *classes;
	uint32_t n_classes, slots;
	double threshold, price, node_weight;
	double *load, *lambda, *mean, *share; /* mean: of the prices so far, the later the heavier */
};

static double clipped_use(const struct relaxation *x, const struct class *k, double lambda)
{
	double u = x->threshold + log(fmax(1, lambda * k->capacity / x->price));

	return fmin(u, fmax(1, x->threshold));
}

static double load_at(const struct relaxation *x, double lambda)
{
	double sum = 0;

	for (uint32_t k = 0; k < x->n_classes; k++)
		sum += x->classes[k].n * x->share[k] * x->classes[k].capacity * clipped_use(x, &x->classes[k], lambda);
	return sum;
}

static void find_prices(struct relaxation *x)
{
	double top = 0;

	for (uint32_t k = 0; k < x->n_classes; k++)
		top = fmax(top, x->price * exp(1) / x->classes[k].capacity);
	for (uint32_t t = 0; t < x->slots; t++) {
		double low = 0, high = top;

		for (int i = 0; i < HALVINGS; i++) {
			double middle = (low + high) / 2;

			if (load_at(x, middle) < x->load[t])
				low = middle;
			else
				high = middle;
		}
		x->lambda[t] = low;
	}
}

/* What using one more node of the class would change at these prices. */
static double reduced_cost(const struct relaxation *x, const struct class *k, const double *lambda)
{
	double v = x->node_weight * k->cost;

	for (uint32_t t = 0; t < x->slots; t++) {
		double u = clipped_use(x, k, lambda[t]);

		v += x->price * expm1(fmax(0, u - x->threshold)) - lambda[t] * k->capacity * u;
	}
	return v;
}

/* The Lagrangian at these prices; moves the shares against the reduced costs. */
static double step(struct relaxation *x, const double *lambda, double length)
{
	double value = 0;

	for (uint32_t t = 0; t < x->slots; t++)
		value += lambda[t] * x->load[t];
	for (uint32_t k = 0; k < x->n_classes; k++) {
		double v = reduced_cost(x, &x->classes[k], lambda);

		value += x->classes[k].n * fmin(0, v);
		x->share[k] = fmin(1, fmax(1e-6, x->share[k] - length * v));
	}
	return value;
}

static uint32_t class_of(struct relaxation *x, double cost, double capacity)
{
	uint32_t k;

	for (k = 0; k < x->n_classes; k++)
		if (x->classes[k].cost == cost && x->classes[k].capacity == capacity)
			break;
	if (k == x->n_classes) {
		x->classes[k] = (struct class){ .cost = cost, .capacity = capacity };
		x->n_classes++;
	}
	x->classes[k].n++;
	return k;
}

static const struct term *weigh(struct relaxation *x)
{
	const struct term *paid = NULL;

	for (uint32_t i = 0; i < x->in->n_terms; i++) {
		const struct term *t = &x->in->terms[i];

		if (t->kind == TERM_NODE_COST)
			x->node_weight += t->weight;
		if (t->kind == TERM_EXPONENTIAL)
			paid = t;
	}
	x->slots = x->in->resources[paid->resource].slots;
	x->threshold = paid->threshold;
	x->price = paid->weight * paid->scale / x->slots;
	return paid;
}

void curve_bound_find(struct curve_bound *b, const struct instance *in)
{
	struct relaxation x = { .in = in };
	const struct resource *r = &in->resources[weigh(&x)->resource];
	int steps;

	x.classes = mem_alloc(in->n_nodes, sizeof(*x.classes));
	x.share = mem_alloc(in->n_nodes, sizeof(double));
	x.load = mem_alloc(x.slots, sizeof(double));
	x.lambda = mem_alloc(x.slots, sizeof(double));
	x.mean = mem_alloc(x.slots, sizeof(double));
	b->node_class = mem_alloc(in->n_nodes, sizeof(uint32_t));
	for (uint32_t m = 0; m < in->n_nodes; m++)
		b->node_class[m] = class_of(&x, (double)in->nodes[m].cost, (double)in->capacity[(size_t)m * in->n_columns + r->column]);
	for (uint32_t i = 0; i < in->n_items; i++)
		for (uint32_t t = 0; t < x.slots; t++)
			x.load[t] += (double)in->demand[(size_t)in->item_service[i] * in->n_columns + r->column + t];
	for (uint32_t k = 0; k < x.n_classes; k++)
		x.share[k] = 1;
	steps = (int)fmin(MAX_STEPS, fmax(MIN_STEPS, WORK / ((double)x.n_classes * x.slots * HALVINGS)));
	b->value = -INFINITY;
	for (int i = 0; i < steps; i++) {
		find_prices(&x);
		for (uint32_t t = 0; t < x.slots; t++)
			x.mean[t] += 3.0 / (i + 3) * (x.lambda[t] - x.mean[t]);
		b->value = fmax(b->value, step(&x, x.lambda, 0.3 / (1 + i * 0.1)));
		b->value = fmax(b->value, step(&x, x.mean, 0));
	}
	b->share = x.share;
	b->n_classes = x.n_classes;
	free(x.classes);
	free(x.load);
	free(x.lambda);
	free(x.mean);
}

void curve_bound_fini(struct curve_bound *b)
{
	free(b->node_class);
	free(b->share);
}

static bool bound_applies(const struct search *s)
{
	return curve_applies(s->in);
}

static double bound_run(const struct search *s)
{
	struct curve_bound b;

	curve_bound_find(&b, s->in);
	curve_bound_fini(&b);
	return b.value;
}

extern const struct bound bound_curve;
const struct bound bound_curve = {
	.name = "convex",
	.help = "convex relaxation of the load over the day, priced per slot",
	.applies = bound_applies,
	.run = bound_run,
};
