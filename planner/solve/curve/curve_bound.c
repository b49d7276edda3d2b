/*
 * See curve_bound.h. Prices by bisection per slot; shares by projected gradient steps; the best value seen is kept, as each is valid.
 */
#include "planner/solve/curve/curve_bound.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "planner/search.h"
#include "planner/solve/curve/curve.h"

#define MAX_STEPS 400
#define MIN_STEPS 20
#define WORK 4000000.0 /* class-slot evaluations in all, about a second */
#define HALVINGS 45
#define LEAST_SHARE 1e-6

/* One slot of one paid curve: price * f(max(0, (x - knee) / unit)). */
struct slot { const struct term *term; uint32_t column; double price, load; };
struct knee { double capacity, knee, unit; };
struct class { double cost; uint32_t n; struct knee *knees; };

struct relaxation {
	const struct instance *in;
	struct class *classes;
	struct slot *slots;
	uint32_t n_classes, n_slots;
	double node_weight, unit;
	double *lambda, *mean, *share; /* mean: of the prices so far, the later the heavier */
};

/* The load a node would choose at this price. */
static double chosen_load(const struct slot *s, const struct knee *k, double lambda)
{
	double x = k->knee;

	if (s->term->kind == TERM_EXPONENTIAL)
		x += k->unit * log(fmax(1, lambda * k->unit / s->price));
	else if (lambda >= s->price)
		x = k->capacity;
	return fmin(x, k->capacity);
}

static double slot_cost(const struct slot *s, const struct knee *k, double x)
{
	double over = k->unit > 0 ? fmax(0, x - k->knee) / k->unit : 0;

	return s->price * (s->term->kind == TERM_EXPONENTIAL ? expm1(over) : over);
}

static double load_at(const struct relaxation *x, uint32_t t, double lambda)
{
	double sum = 0;

	for (uint32_t k = 0; k < x->n_classes; k++)
		sum += x->classes[k].n * x->share[k] * chosen_load(&x->slots[t], &x->classes[k].knees[t], lambda);
	return sum;
}

/* Above this no node takes more. */
static double top_price(const struct relaxation *x, uint32_t t)
{
	double top = 0;

	for (uint32_t k = 0; k < x->n_classes; k++) {
		const struct knee *n = &x->classes[k].knees[t];

		if (n->unit > 0)
			top = fmax(top, x->slots[t].price / n->unit * exp(fmax(0, n->capacity - n->knee) / n->unit));
	}
	return x->slots[t].term->kind == TERM_EXPONENTIAL ? top : x->slots[t].price * 2;
}

static void find_prices(struct relaxation *x)
{
	for (uint32_t t = 0; t < x->n_slots; t++) {
		double low = 0, high = top_price(x, t);

		for (int i = 0; i < HALVINGS; i++) {
			double middle = (low + high) / 2;

			if (load_at(x, t, middle) < x->slots[t].load)
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

	for (uint32_t t = 0; t < x->n_slots; t++) {
		double load = chosen_load(&x->slots[t], &k->knees[t], lambda[t]);

		v += slot_cost(&x->slots[t], &k->knees[t], load) - lambda[t] * load;
	}
	return v;
}

/* The Lagrangian at these prices; moves the shares against the reduced costs. */
static double step(struct relaxation *x, const double *lambda, double length)
{
	double value = 0;

	for (uint32_t t = 0; t < x->n_slots; t++)
		value += lambda[t] * x->slots[t].load;
	for (uint32_t k = 0; k < x->n_classes; k++) {
		double v = reduced_cost(x, &x->classes[k], lambda);

		value += x->classes[k].n * fmin(0, v);
		x->share[k] = fmin(1, fmax(LEAST_SHARE, x->share[k] - length * v / x->unit));
	}
	return value;
}

static struct knee knee_of(const struct relaxation *x, uint32_t t, uint32_t node)
{
	const struct slot *s = &x->slots[t];
	size_t at = (size_t)node * x->in->n_columns + s->column;
	double capacity = (double)x->in->capacity[at];

	if (s->term->kind == TERM_EXPONENTIAL)
		return (struct knee){ capacity, s->term->threshold * capacity, capacity };
	return (struct knee){ capacity, (double)(x->in->soft ? x->in->soft[at] : x->in->capacity[at]), 1 };
}

static bool same_class(const struct relaxation *x, const struct class *k, uint32_t node)
{
	if (k->cost != (double)x->in->nodes[node].cost)
		return false;
	for (uint32_t t = 0; t < x->n_slots; t++) {
		struct knee n = knee_of(x, t, node);

		if (n.capacity != k->knees[t].capacity || n.knee != k->knees[t].knee)
			return false;
	}
	return true;
}

static uint32_t class_of(struct relaxation *x, uint32_t node)
{
	uint32_t k = 0;

	while (k < x->n_classes && !same_class(x, &x->classes[k], node))
		k++;
	if (k == x->n_classes) {
		x->classes[k] = (struct class){ .cost = (double)x->in->nodes[node].cost,
						.knees = mem_alloc(x->n_slots, sizeof(struct knee)) };
		for (uint32_t t = 0; t < x->n_slots; t++)
			x->classes[k].knees[t] = knee_of(x, t, node);
		x->n_classes++;
	}
	x->classes[k].n++;
	return k;
}

static void weigh(struct relaxation *x, double load_ratio)
{
	const struct instance *in = x->in;

	x->slots = mem_alloc((size_t)in->n_terms * in->n_columns, sizeof(*x->slots));
	for (uint32_t i = 0; i < in->n_terms; i++) {
		const struct term *t = &in->terms[i];
		const struct resource *r = &in->resources[t->resource];

		x->node_weight += t->kind == TERM_NODE_COST ? t->weight : 0;
		if (t->kind != TERM_EXPONENTIAL && t->kind != TERM_HINGE)
			continue;
		for (uint32_t k = 0; k < r->slots; k++)
			x->slots[x->n_slots++] = (struct slot){ t, r->column + k, t->weight * (t->kind == TERM_EXPONENTIAL ? t->scale : 1) / r->slots, 0 };
	}
	for (uint32_t t = 0; t < x->n_slots; t++)
		for (uint32_t s = 0; s < in->n_services; s++)
			x->slots[t].load += load_ratio * (double)in->services[s].replicas * (double)in->demand[(size_t)s * in->n_columns + x->slots[t].column];
}

/* What a node costs, roughly: the unit in which the shares' steps are measured. */
static double cost_unit(const struct relaxation *x)
{
	double sum = 0;

	for (uint32_t k = 0; k < x->n_classes; k++)
		sum += x->classes[k].n * x->node_weight * x->classes[k].cost;
	if (sum <= 0)
		for (uint32_t t = 0; t < x->n_slots; t++)
			sum += x->in->n_nodes * x->slots[t].price;
	return sum > 0 ? sum / x->in->n_nodes : 1;
}

void curve_bound_find(struct curve_bound *b, const struct instance *in, double load_ratio)
{
	struct relaxation x = { .in = in };
	int steps;

	weigh(&x, load_ratio);
	x.classes = mem_alloc(in->n_nodes, sizeof(*x.classes));
	x.share = mem_alloc(in->n_nodes, sizeof(double));
	x.lambda = mem_alloc(x.n_slots, sizeof(double));
	x.mean = mem_alloc(x.n_slots, sizeof(double));
	b->node_class = mem_alloc(in->n_nodes, sizeof(uint32_t));
	for (uint32_t m = 0; m < in->n_nodes; m++)
		b->node_class[m] = class_of(&x, m);
	for (uint32_t k = 0; k < x.n_classes; k++)
		x.share[k] = 1;
	x.unit = cost_unit(&x);
	steps = (int)fmin(MAX_STEPS, fmax(MIN_STEPS, WORK / ((double)x.n_classes * x.n_slots * HALVINGS)));
	b->value = -INFINITY;
	for (int i = 0; i < steps; i++) {
		find_prices(&x);
		for (uint32_t t = 0; t < x.n_slots; t++)
			x.mean[t] += 3.0 / (i + 3) * (x.lambda[t] - x.mean[t]);
		b->value = fmax(b->value, step(&x, x.lambda, 0.3 / (1 + i * 0.1)));
		b->value = fmax(b->value, step(&x, x.mean, 0));
	}
	b->share = x.share;
	b->n_classes = x.n_classes;
	for (uint32_t k = 0; k < x.n_classes; k++)
		free(x.classes[k].knees);
	free(x.classes);
	free(x.slots);
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

	curve_bound_find(&b, s->in, 1);
	curve_bound_fini(&b);
	return b.value > 0 ? b.value : -INFINITY; /* costs are never negative: that is no news */
}

extern const struct bound bound_curve;
const struct bound bound_curve = {
	.name = "convex",
	.help = "convex relaxation of the load over the day, priced per slot",
	.applies = bound_applies,
	.run = bound_run,
};
