/*
 * Fleets with a planted packing: every planted node is cut into per_node services whose demands add up to `fill` of its
 * capacity in every column (each service with a day curve of its own), so the planted nodes are an upper bound on the optimum, and with
 * fill near 1 nearly the optimum itself. Rules are drawn at random and kept only where the planted packing holds them.
 */
#include "tests/planner/planted.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "planner/model/model.h"

#define CAPACITY 64000
#define ZONES 8

static void make_resources(struct instance *in, const struct planted_shape *f)
{
	in->n_resources = f->resources;
	in->n_slots = f->slots;
	in->resources = mem_alloc(f->resources, sizeof(*in->resources));
	for (uint32_t r = 0; r < f->resources; r++)
		in->resources[r] = (struct resource){ .name = str_fmt("r%u", r), .unit = str_dup("u"), .slots = f->slots };
}

static int64_t kind_of(const struct planted_shape *f, uint32_t node)
{
	return f->kinds > 1 ? node / ZONES % f->kinds : 0; /* each kind in each zone */
}

static void make_nodes(struct instance *in, const struct planted_shape *f)
{
	in->n_nodes = f->nodes;
	in->nodes = mem_alloc(f->nodes, sizeof(*in->nodes));
	in->capacity = mem_alloc((size_t)f->nodes * in->n_columns, sizeof(int64_t));
	for (size_t k = 0; k < (size_t)f->nodes * in->n_columns; k++)
		in->capacity[k] = CAPACITY * (1 + kind_of(f, (uint32_t)(k / in->n_columns)));
	in->n_labels = 1;
	in->label_names = mem_alloc(1, sizeof(char *));
	in->label_names[0] = str_dup("zone");
	in->label_counts = mem_alloc(1, sizeof(uint32_t));
	in->label_counts[0] = ZONES;
	in->label_values = mem_alloc(1, sizeof(char **));
	in->label_values[0] = mem_alloc(ZONES, sizeof(char *));
	for (uint32_t z = 0; z < ZONES; z++)
		in->label_values[0][z] = str_fmt("z%u", z);
	in->node_label = mem_alloc(f->nodes, sizeof(uint32_t));
	for (uint32_t n = 0; n < f->nodes; n++) {
		in->nodes[n] = (struct node){ .id = str_fmt("n%u", n), .type = f->kinds > 1 ? str_fmt("k%d", (int)kind_of(f, n)) : str_dup(""),
					      .cost = f->kinds > 1 ? 10 + 9 * kind_of(f, n) : 1, .model_type = -1 };
		in->node_label[n] = n % ZONES;
	}
}

/* Cut one node among services k0 .. k1: random shares per resource, tilted by slot, scaled so that each column adds up. */
static void cut_node(struct instance *in, const struct planted_shape *f, uint32_t k0, uint32_t k1, struct rng *rng)
{
	uint32_t n = k1 - k0;
	double *weight = mem_alloc(n, sizeof(*weight)), *size = mem_alloc(n, sizeof(*size)), *phase = mem_alloc(n, sizeof(*phase));

	for (uint32_t i = 0; i < n; i++) {
		size[i] = 0.15 + rng_unit(rng) * rng_unit(rng);
		phase[i] = rng_unit(rng) * 2 * M_PI;
	}
	for (uint32_t r = 0; r < f->resources; r++) {
		double *tilt = mem_alloc(n, sizeof(*tilt));

		for (uint32_t i = 0; i < n; i++)
			tilt[i] = 0.5 + rng_unit(rng);
		for (uint32_t t = 0; t < f->slots; t++) {
			double sum = 0;

			for (uint32_t i = 0; i < n; i++) {
				weight[i] = size[i] * tilt[i] * (f->slots > 1 ? 1 + 0.4 * sin(phase[i] + 2 * M_PI * t / f->slots) : 1);
				sum += weight[i];
			}
			for (uint32_t i = 0; i < n; i++)
				in->demand[(size_t)(k0 + i) * in->n_columns + (size_t)r * f->slots + t] =
					(int64_t)(weight[i] / sum * f->fill * CAPACITY * (double)(1 + kind_of(f, k0 / f->per_node)));
		}
		free(tilt);
	}
	free(weight);
	free(size);
	free(phase);
}

static void make_services(struct instance *in, const struct planted_shape *f, int32_t *where, struct rng *rng)
{
	in->n_services = in->n_groups = f->services;
	in->services = mem_alloc(f->services, sizeof(*in->services));
	in->group_ids = mem_alloc(f->services, sizeof(char *));
	in->demand = mem_alloc((size_t)f->services * in->n_columns, sizeof(int64_t));
	for (uint32_t k = 0; k < f->services; k++) {
		in->services[k] = (struct service){ .id = str_fmt("s%u", k), .group = k, .replicas = 1, .move_cost = 1, .limit_ratio = f->limits ? 1.5 : INFINITY,
						    .limit_confidence = 0.9, .model_service = -1 };
		if (f->limits)
			in->services[k].profile = str_fmt("p%u", (unsigned)(k % 7));
		in->group_ids[k] = str_fmt("s%u", k);
		where[k] = (int32_t)(k / f->per_node);
	}
	for (uint32_t k = 0; k < f->services; k += f->per_node)
		cut_node(in, f, k, k + f->per_node < f->services ? k + f->per_node : f->services, rng);
}

static void make_rules(struct instance *in, const struct planted_shape *f, const int32_t *where, struct rng *rng)
{
	in->caps = mem_alloc((size_t)f->conflicts * 2, sizeof(*in->caps));
	in->spreads = mem_alloc(f->spreads, sizeof(*in->spreads));
	for (uint32_t i = 0; i < f->conflicts; i++) {
		uint32_t a = rng_below(rng, f->services), b = rng_below(rng, f->services);

		if (where[a] == where[b])
			continue;
		in->caps[in->n_caps++] = (struct rule_cap){ a, b, 0 };
		in->caps[in->n_caps++] = (struct rule_cap){ b, a, 0 };
	}
	for (uint32_t i = 0; i < f->spreads; i++) { /* two services join one group, in two zones */
		uint32_t a = rng_below(rng, f->services), b = rng_below(rng, f->services);

		if (where[a] % ZONES == where[b] % ZONES || in->services[a].group != a || in->services[b].group != b)
			continue;
		in->services[b].group = a;
		in->spreads[in->n_spreads++] = (struct rule_spread){ a, 0, 0, 1 };
	}
	for (uint32_t i = 0; i < in->n_caps; i++) { /* whose group moved: its rules go with it, unless that breaks the planting */
		struct rule_cap *c = &in->caps[i];

		c->a = in->services[c->a].group;
		c->b = in->services[c->b].group;
	}
}

/* Rules that the planted packing does not hold, or that joined groups made contradictory, are dropped. */
static void keep_true_rules(struct instance *in, const int32_t *where)
{
	uint32_t kept = 0, kept_spreads = 0;
	uint32_t *size = mem_alloc(in->n_groups, sizeof(*size));
	int32_t (*place)[8] = mem_alloc(in->n_groups, sizeof(*place));

	for (uint32_t k = 0; k < in->n_services; k++) {
		uint32_t g = in->services[k].group;

		if (size[g] < 8)
			place[g][size[g]] = where[k];
		size[g]++;
	}
	for (uint32_t i = 0; i < in->n_caps; i++) {
		struct rule_cap c = in->caps[i];
		bool ok = c.a != c.b && size[c.a] <= 8 && size[c.b] <= 8;

		for (uint32_t x = 0; ok && x < size[c.a]; x++)
			for (uint32_t y = 0; y < size[c.b]; y++)
				ok &= place[c.a][x] != place[c.b][y];
		if (ok)
			in->caps[kept++] = c;
	}
	in->n_caps = kept;
	for (uint32_t i = 0; i < in->n_spreads; i++) {
		uint32_t g = in->spreads[i].group;
		bool ok = size[g] <= 8;

		for (uint32_t x = 0; ok && x < size[g]; x++)
			for (uint32_t y = 0; y < x; y++)
				ok &= place[g][x] % ZONES != place[g][y] % ZONES;
		if (ok)
			in->spreads[kept_spreads++] = in->spreads[i];
	}
	in->n_spreads = kept_spreads;
	free(size);
	free(place);
}

struct instance *planted_new(const struct planted_shape *f, int32_t **planted)
{
	struct instance *in = instance_new();
	int32_t *where = mem_alloc(f->services, sizeof(*where));
	struct rng rng;

	rng_seed(&rng, f->seed);
	in->name = str_fmt("fleet-%llu", (unsigned long long)f->seed);
	make_resources(in, f);
	instance_number(in);
	make_nodes(in, f);
	make_services(in, f, where, &rng);
	make_rules(in, f, where, &rng);
	keep_true_rules(in, where);
	instance_number(in);
	free(in->item_node);
	in->item_node = NULL;
	instance_number(in);
	if (planted)
		*planted = where;
	else
		free(where);
	return in;
}

struct instance *planted_finished(const struct planted_shape *f, int32_t **planted)
{
	struct instance *in = planted_new(f, planted);
	struct err e = { 0 };

	if (instance_finish(in, &e) < 0) {
		fprintf(stderr, "%s\n", e.text);
		abort();
	}
	return in;
}

#define PRESSURES 3

static struct model *profiles_make(uint32_t profiles, struct rng *rng)
{
	static const char *const names[PRESSURES] = { "cpu", "cache", "disk" };
	struct model *m = model_new((int)profiles, 0, PRESSURES);

	for (int p = 0; p < PRESSURES; p++)
		m->pressures[p] = str_dup(names[p]);
	m->metric = str_dup("time");
	m->source = str_dup("generated");
	m->advice = str_dup("");
	m->n_scores = m->n_score_groups = 99;
	m->scores = mem_alloc(100, sizeof(*m->scores));
	for (int i = 0; i < m->n_scores; i++)
		m->scores[i] = (i + 1) / 50.0;
	for (uint32_t k = 0; k < profiles; k++) {
		struct response *r = m->responses + k;
		char name[16];

		snprintf(name, sizeof(name), "p%u", k);
		model_name(m, (int)k, name);
		m->services[k].kind = str_dup("linear");
		m->services[k].error_ratio = 0.05;
		m->services[k].n_runs = 10;
		r->known = true;
		r->link = 1;
		r->width = 0.03;
		for (int p = 0; p < PRESSURES; p++) {
			r->pressure[p] = 0.02 + 0.1 * rng_unit(rng);
			r->sensitivity[p] = 0.3 * rng_unit(rng);
			r->range[p] = 100;
		}
	}
	return m;
}

/* What each item meets where it is planted. */
static double planted_upper(const struct instance *in, const struct model *m, const double *sum, uint32_t item, double factor)
{
	const struct service *s = &in->services[in->item_service[item]];
	const double *own = model_pressure(m, s->model_service, -1);
	double others[PRESSURES];

	for (int p = 0; p < PRESSURES; p++)
		others[p] = fmax(0, factor * sum[p] - own[p]);
	return model_upper(m, s->model_service, -1, others, s->limit_confidence);
}

struct model *planted_model(struct instance *in, const int32_t *planted, uint32_t profiles, uint64_t seed)
{
	double *sum = mem_alloc((size_t)in->n_nodes * PRESSURES, sizeof(*sum)), mean[PRESSURES] = { 0 };
	uint32_t *count = mem_alloc(in->n_nodes, sizeof(*count)), used = 0;
	struct model *m;
	struct rng rng;

	rng_seed_stream(&rng, seed, 2);
	m = profiles_make(profiles, &rng);
	for (uint32_t k = 0; k < in->n_services; k++) {
		free(in->services[k].profile);
		in->services[k].profile = str_fmt("p%u", rng_below(&rng, profiles));
	}
	instance_bind(in, m);
	for (uint32_t i = 0; i < in->n_items; i++) {
		const double *own = model_pressure(m, in->services[in->item_service[i]].model_service, -1);

		used += !count[planted[i]]++;
		for (int p = 0; p < PRESSURES; p++) {
			sum[(size_t)planted[i] * PRESSURES + (size_t)p] += own[p];
			mean[p] += own[p];
		}
	}
	for (int p = 0; p < PRESSURES; p++)
		mean[p] /= used;
	for (uint32_t i = 0; i < in->n_items; i++) {
		double met = planted_upper(in, m, sum + (size_t)planted[i] * PRESSURES, i, 1), usual = planted_upper(in, m, mean, i, 1.05);

		in->services[in->item_service[i]].limit_ratio = ceil(fmax(met * 1.0001, usual) * 1000) / 1000;
	}
	free(sum);
	free(count);
	return m;
}
