/*
 * A fitted interference model in memory; planner/predict.h is what others see of it. JSON form: docs/model.md.
 *
 * One service on one node type is a `response`: what it exerts (pressure p) and how it answers (sensitivity s, link c).
 * With P[k] = sum of the neighbours' p[k]:
 *
 *   z = sum_k s[k] * curve_k(P[k]),   slowdown = (1 + c z) ^ (1 / c); exp(z) for c = 0
 *
 * z is the Box-Cox transform of the slowdown with exponent c (Box & Cox 1964): c = 1 is linear (delays add), 0 multiplies, -1 is
 * a queue near saturation, 1 / (1 - z), 2 is a resource that is full already. One family, so the kinds of model share
 * every line of fitting and evaluation. p >= 0 and s >= 0, but for what is particular to a
 * pair ("beside NAME", a pressure that only NAME exerts): its s may be negative, as long as NAME's effects together are not: one more
 * neighbour never makes a service faster. curve_k is the identity or a
 * monotone, piecewise linear curve measured under synthetic pressure (Bubble-Up, MICRO'11); of "crowd", which everybody exerts once,
 * it counts the neighbours after the first. Its s too may be negative, as long as no neighbour's effects together are.
 */
#ifndef PLANNER_MODEL_MODEL_H
#define PLANNER_MODEL_MODEL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "planner/predict.h"

#define MODEL_MAX_KNOTS 16
#define MODEL_MAX_HELD 4000   /* held-out runs kept for pictures; of more, an even sample */
#define MODEL_KIND_NEIGHBOUR "only a neighbour" /* never measured as a victim, e.g. synthetic pressure */
#define MODEL_BESIDE "beside "  /* a pressure with this prefix and a service's name: what is particular to being its neighbour */
#define MODEL_CROWD "crowd"     /* the pressure that everybody exerts once, with effect only beyond the first neighbour */
#define MODEL_LINK_MIN -4.0
#define MODEL_LINK_MAX 4.0
#define MODEL_SLOWDOWN_MAX 50.0 /* where forms with c < 0 stop growing */

struct curve {
	int n;                               /* 0 = identity */
	double x[MODEL_MAX_KNOTS], y[MODEL_MAX_KNOTS]; /* both rising; before x[0] straight from (0, 0), after the last its slope */
};

struct response {
	bool known;                          /* was this service ever measured on this node type? */
	double link;                         /* c, from MODEL_LINK_MIN to MODEL_LINK_MAX */
	double pressure[MODEL_MAX_PRESSURES], sensitivity[MODEL_MAX_PRESSURES];
	double range[MODEL_MAX_PRESSURES];   /* largest pressure it was measured under */
	struct curve *curves;                /* [n_pressures] or NULL = all identity */
	double width;                        /* scale of its errors in log(slowdown) at slowdown 1 */
	double growth;                       /* and how they grow: width + growth * log(slowdown) */
};

struct model_service {
	char *name, *kind;                   /* kind: which row of the table of models won its cross-validation */
	double error_ratio;                  /* held-out mean absolute error of this service; NAN = too few runs */
	int n_runs;
};

struct model_report {                        /* held-out, whole co-locations left out */
	int n_runs, n_colocations;
	double error_ratio, no_interference_ratio, service_mean_ratio, factorisation_ratio;
	double coverage_ratio;               /* of intervals at 0.90 */
	double noise_ratio;                  /* repeat-to-repeat error of the truth itself; NAN = no repeats */
};

/* A run predicted without its own co-location, beside what was measured. */
struct model_held {
	int victim, n_neighbours, *neighbours, node_type;
	double measured, predicted, low, high; /* slowdowns; low and high at 0.90 */
};

struct model {
	char *metric, *source, *advice;      /* advice: the additional run that would reduce the error most */
	struct model *next;                  /* the same data's next metric (mean, tail), or NULL; owned */
	struct model_held *held;
	int n_held;
	int n_pressures, n_types, n_services, n_scores;
	int n_score_groups;                  /* co-locations behind the scores: runs of one are not independent */
	char *pressures[MODEL_MAX_PRESSURES];
	char **types;
	struct model_service *services;
	struct response *responses;          /* [service * (n_types + 1) + type]; the last is all types pooled */
	double *scores;                      /* sorted |held-out error| / width: conformal scores */
	struct model_report report;
	int *index;                          /* hash of names -> service + 1; n_index a power of 2 */
	size_t n_index;
};

/* The model of this metric in m or behind it; NULL when there is none. */
const struct model *model_of_metric(const struct model *m, const char *metric);
struct model *model_new(int n_services, int n_types, int n_pressures);
void model_name(struct model *m, int service, const char *name); /* copies, and enters it for model_find_service() */
int model_write(const struct model *m, const char *path, bool overwrite, struct err *e);
struct response *model_response(const struct model *m, int service, int node_type); /* falls back to the pooled one */

double link_slowdown(double link, double z);  /* >= 1 for z >= 0 */
double link_transform(double link, double slowdown);
double curve_at(const struct curve *c, double x);
double curve_effect_least(const struct curve *c, double sensitivity); /* of one more unit of pressure, wherever on the curve */
double response_z(const struct model *m, const struct response *r, const double *pressure);
/* Conformal quantile of n sorted scores from n_groups exchangeable co-locations. */
double score_quantile(const double *scores, size_t n, size_t n_groups, double confidence);
double model_score_quantile(const struct model *m, double confidence);

#endif
