/*
 * Evaluation of a fitted model: see predict.h and model.h. Nothing here allocates; a call costs O(pressures) plus one exp().
 *
 * Intervals are conformal (Barber et al. 2021, CV+): held-out errors in log(slowdown), each divided by its service's width,
 * are kept sorted, and their quantile bounds a new one. Runs of one co-location share their luck, so the finite-sample
 * correction counts co-locations, not runs: level ceil((G + 1) * confidence) / G. Beyond the range that was measured no held-out
 * error speaks for it: n times the range is a sum of n parts that were measured, whose errors are independent, so the width
 * grows with the root of n.
 */
#include "planner/model/model.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

int model_n_services(const struct model *m)
{
	return m->n_services;
}

int model_n_pressures(const struct model *m)
{
	return m->n_pressures;
}

const char *model_pressure_name(const struct model *m, int pressure)
{
	return m->pressures[pressure];
}

/* The slot of a name: where it is, or the empty one where it would be. FNV-1a, linear probing, at most half full. */
static size_t slot_find(const struct model *m, const char *name)
{
	uint64_t h = 1469598103934665603u;
	size_t i;

	for (const char *p = name; *p; p++)
		h = (h ^ (unsigned char)*p) * 1099511628211u;
	for (i = h & (m->n_index - 1); m->index[i]; i = (i + 1) & (m->n_index - 1))
		if (!strcmp(m->services[m->index[i] - 1].name, name))
			break;
	return i;
}

int model_find_service(const struct model *m, const char *name)
{
	return m->index[slot_find(m, name)] - 1;
}

bool model_is_victim(const struct model *m, int service)
{
	return strcmp(m->services[service].kind, MODEL_KIND_NEIGHBOUR) != 0;
}

void model_name(struct model *m, int service, const char *name)
{
	m->services[service].name = str_dup(name);
	m->index[slot_find(m, name)] = service + 1;
}

int model_find_node_type(const struct model *m, const char *name)
{
	for (int i = 0; i < m->n_types; i++)
		if (!strcmp(m->types[i], name))
			return i;
	return -1;
}

struct response *model_response(const struct model *m, int service, int node_type)
{
	struct response *row = m->responses + (size_t)service * (size_t)(m->n_types + 1);

	if (node_type >= 0 && node_type < m->n_types && row[node_type].known)
		return row + node_type;
	return row + m->n_types;
}

const double *model_pressure(const struct model *m, int service, int node_type)
{
	return model_response(m, service, node_type)->pressure;
}

double link_slowdown(double c, double z)
{
	if (c == 1)
		return 1 + z;
	if (c == 0)
		return exp(fmin(z, 20));
	if (c < 0)
		z = fmin(z, (pow(MODEL_SLOWDOWN_MAX, c) - 1) / c);
	return c == -1 ? 1 / (1 - z) : c == 2 ? sqrt(1 + 2 * fmax(z, -0.5)) : pow(fmax(1 + c * z, 0), 1 / c);
}

double link_transform(double c, double slowdown)
{
	return c == 0 ? log(slowdown) : c == 1 ? slowdown - 1 : (pow(slowdown, c) - 1) / c;
}

double curve_at(const struct curve *c, double x)
{
	double x0 = 0, y0 = 0;

	if (!c->n)
		return x;
	for (int i = 0; i < c->n; i++) {
		if (x <= c->x[i])
			return y0 + (c->y[i] - y0) * (x - x0) / (c->x[i] - x0);
		if (i + 1 < c->n) {
			x0 = c->x[i];
			y0 = c->y[i];
		}
	}
	return c->y[c->n - 1] + (x - c->x[c->n - 1]) * (c->y[c->n - 1] - y0) / (c->x[c->n - 1] - x0);
}

double curve_effect_least(const struct curve *c, double sensitivity)
{
	double least = INFINITY, x = 0, y = 0;

	for (int i = 0; i < c->n; i++) {
		least = fmin(least, sensitivity * (c->y[i] - y) / (c->x[i] - x));
		x = c->x[i];
		y = c->y[i];
	}
	return c->n ? least : sensitivity;
}

static double part(const struct response *r, int k, double pressure)
{
	return r->sensitivity[k] * (r->curves ? curve_at(r->curves + k, pressure) : pressure);
}

double response_z(const struct model *m, const struct response *r, const double *pressure)
{
	double z = 0;

	for (int k = 0; k < m->n_pressures; k++)
		z += part(r, k, pressure[k]);
	return z;
}

/* How far beyond what was measured, as a share of the range: 0 inside. Resources that do not matter to r do not count. */
static double beyond(const struct model *m, const struct response *r, const double *pressure)
{
	double worst = 0;

	for (int k = 0; k < m->n_pressures; k++)
		if (r->sensitivity[k] > 0 && pressure[k] > r->range[k] * 1.001)
			worst = fmax(worst, r->range[k] > 0 ? fmin(pressure[k] / r->range[k] - 1, 10) : 1);
	return worst;
}

double score_quantile(const double *scores, size_t n, size_t n_groups, double confidence)
{
	double level = ceil((double)(n_groups + 1) * confidence - 1e-9) / (double)n_groups;
	size_t rank;

	if (!n || !n_groups)
		return 0;
	if (level > 1)
		return scores[n - 1] * 1.5; /* more confidence than the data can give */
	rank = (size_t)ceil(level * (double)n - 1e-9);
	return scores[rank ? rank - 1 : 0];
}

double model_score_quantile(const struct model *m, double confidence)
{
	return score_quantile(m->scores, (size_t)m->n_scores, (size_t)m->n_score_groups, confidence);
}

static double half_width(const struct model *m, const struct response *r, double slowdown, double far, double confidence)
{
	return model_score_quantile(m, confidence) * (r->width + r->growth * log(slowdown)) * sqrt(1 + far);
}

static bool alone(const struct model *m, const double *pressure)
{
	double sum = 0;

	for (int k = 0; k < m->n_pressures; k++)
		sum += pressure[k];
	return sum <= 0; /* alone on the node: nobody can slow it down */
}

const char *model_pressure_beside(const char *pressure)
{
	return strncmp(pressure, MODEL_BESIDE, strlen(MODEL_BESIDE)) ? NULL : pressure + strlen(MODEL_BESIDE);
}

bool model_relieves(const struct model *m, int service, int node_type, int pressure)
{
	return model_response(m, service, node_type)->sensitivity[pressure] < 0;
}

bool model_pressure_is_signed(const char *pressure)
{
	return model_pressure_beside(pressure) || !strcmp(pressure, MODEL_CROWD);
}

bool model_pressure_is_nameless(const char *pressure)
{
	return !strncmp(pressure, "shared", 6) || model_pressure_is_signed(pressure) || !strcmp(pressure, "load") || !strcmp(pressure, "count");
}

size_t model_pressure_resource(const char *pressure)
{
	size_t n = strcspn(pressure, "(");

	return n && pressure[n] && pressure[n - 1] == ' ' ? n - 1 : n;
}

bool model_pressure_same_resource(const char *a, const char *b)
{
	size_t n = model_pressure_resource(a);

	return n == model_pressure_resource(b) && !strncmp(a, b, n);
}

/* The pressure that contributes most: among the resources with names, where there are any; what is particular to pairs and crowds last. */
static int binding(const struct model *m, const struct response *r, const double *pressure)
{
	double x[MODEL_MAX_PRESSURES], largest[3] = { 0 };
	int best[3] = { -1, -1, -1 };

	for (int k = 0; k < m->n_pressures; k++) {
		int rank = model_pressure_is_signed(m->pressures[k]) ? 2 : model_pressure_is_nameless(m->pressures[k]), first = 0;

		while (first < k && !model_pressure_same_resource(m->pressures[first], m->pressures[k]))
			first++;
		x[k] = part(r, k, pressure[k]);
		if (first < k)
			x[first] += x[k];
		if (x[first] > largest[rank]) {
			largest[rank] = x[first];
			best[rank] = first;
		}
	}
	return best[0] >= 0 ? best[0] : best[1] >= 0 ? best[1] : best[2] >= 0 ? best[2] : 0;
}

void model_predict(const struct model *m, int service, int node_type, const double *pressure, double confidence,
		   struct prediction *out)
{
	const struct response *r = model_response(m, service, node_type);
	double far = beyond(m, r, pressure), half;

	out->slowdown = fmax(1, link_slowdown(r->link, response_z(m, r, pressure)));
	half = alone(m, pressure) ? 0 : half_width(m, r, out->slowdown, far, confidence);
	out->low = fmax(1, out->slowdown * exp(-half));
	out->high = out->slowdown * exp(half);
	out->extrapolated = far > 0;
	out->binding = binding(m, r, pressure);
}

double model_upper(const struct model *m, int service, int node_type, const double *pressure, double confidence)
{
	const struct response *r = model_response(m, service, node_type);
	double slowdown;

	if (alone(m, pressure))
		return 1;
	slowdown = fmax(1, link_slowdown(r->link, response_z(m, r, pressure)));
	return slowdown * exp(half_width(m, r, slowdown, beyond(m, r, pressure), confidence));
}

/* The largest z whose slowdown, with its interval, stays within the ratio: with L = log(slowdown), L + q (width + growth L) = log(ratio). */
struct model_limit model_limit_new(const struct model *m, int service, int node_type, double ratio, double confidence)
{
	struct model_limit l = { model_response(m, service, node_type), service, node_type, ratio, confidence, -INFINITY };
	double q = model_score_quantile(m, confidence), c = l.response->link;
	double log_slowdown = (log(ratio) - q * l.response->width) / (1 + q * l.response->growth);

	if (log_slowdown >= log(link_slowdown(c, INFINITY)))
		l.effect = INFINITY;
	else if (log_slowdown >= 0)
		l.effect = link_transform(c, exp(log_slowdown));
	return l;
}

bool model_limit_holds(const struct model *m, const struct model_limit *l, const double *pressure)
{
	if (beyond(m, l->response, pressure) <= 0 && !alone(m, pressure))
		return response_z(m, l->response, pressure) <= l->effect;
	return model_upper(m, l->service, l->node_type, pressure, l->confidence) <= l->ratio;
}

const struct model *model_of_metric(const struct model *m, const char *metric)
{
	while (m && strcmp(m->metric, metric))
		m = m->next;
	return m;
}

struct model *model_new(int n_services, int n_types, int n_pressures)
{
	struct model *m = mem_alloc(1, sizeof(*m));

	m->n_services = n_services;
	m->n_types = n_types;
	m->n_pressures = n_pressures;
	m->types = mem_alloc((size_t)n_types + 1, sizeof(*m->types));
	for (m->n_index = 16; m->n_index < 2 * (size_t)n_services; m->n_index *= 2)
		;
	m->index = mem_alloc(m->n_index, sizeof(*m->index));
	m->services = mem_alloc((size_t)n_services, sizeof(*m->services));
	m->responses = mem_alloc((size_t)n_services * (size_t)(n_types + 1), sizeof(*m->responses));
	return m;
}
