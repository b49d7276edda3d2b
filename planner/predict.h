/*
 * Prediction of slowdown, as the packers call it: pressures of neighbours add per resource (saturation lies in the
 * sensitivity curve), so a node keeps one running sum per resource and a candidate costs O(resources).
 *
 * A model knows services by name and node types by name. pressure[] is what the other replicas on the node exert together.
 * One more neighbour never makes a service faster. Bounds at a confidence come from held-out errors (planner/model*.c).
 */
#ifndef PLANNER_PREDICT_H
#define PLANNER_PREDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define MODEL_MAX_PRESSURES 40

struct model;
struct response;

struct model *model_read(const char *path, struct err *e);  /* NULL on error */
void model_free(struct model *m);

int model_n_services(const struct model *m);
int model_n_pressures(const struct model *m);                       /* <= MODEL_MAX_PRESSURES */
const char *model_pressure_name(const struct model *m, int pressure); /* "cpu", "disk", … */
bool model_pressure_is_nameless(const char *name);   /* learnt from slowdowns alone: says that, not through which resource */
bool model_pressure_is_signed(const char *name);     /* a sensitivity to it may be negative: "beside NAME" and "crowd" */
/* "cpu" and "cpu (curve)" are one resource, seen by two forms of the model: how much of the name is the resource's. */
size_t model_pressure_resource(const char *name);
bool model_pressure_same_resource(const char *a, const char *b);
const char *model_pressure_beside(const char *name);  /* of a pressure that is particular to one neighbour: that service; else NULL */
int model_find_service(const struct model *m, const char *name);    /* -1 = unknown */
bool model_is_victim(const struct model *m, int service);           /* was measured as one, so is not only a neighbour (synthetic pressure) */
int model_find_node_type(const struct model *m, const char *name);  /* -1 = unknown: predictions fall back to all types pooled */

/* Is more of this pressure, by itself, good for the service? True only of signed ones; a neighbour's other pressures outweigh it. */
bool model_relieves(const struct model *m, int service, int node_type, int pressure);

/* What one replica of the service exerts: model_n_pressures() doubles, borrowed. */
const double *model_pressure(const struct model *m, int service, int node_type);

struct prediction {
	double slowdown, low, high; /* >= 1; [low, high] at the confidence asked for */
	int binding;                /* the pressure that contributes most */
	int extrapolated;           /* pressure beyond what was ever measured for this service */
};

void model_predict(const struct model *m, int service, int node_type, const double *pressure, double confidence,
		   struct prediction *out);

/* The upper edge alone, for inner loops. */
double model_upper(const struct model *m, int service, int node_type, const double *pressure, double confidence);

/* A limit on the upper edge made ready for the innermost loops: asking costs a product of vectors, without a logarithm or an exponential. */
struct model_limit {
	const struct response *response; /* borrowed from the model */
	int service, node_type;
	double ratio, confidence;
	double effect;              /* the most that it bears of planner/model/model.h's z, where no pressure exceeds what was measured */
};

struct model_limit model_limit_new(const struct model *m, int service, int node_type, double ratio, double confidence);
bool model_limit_holds(const struct model *m, const struct model_limit *l, const double *pressure); /* model_upper() <= ratio */

#endif
