/* Shared by the files that read the model file (file*.c); nobody else includes it. */
#ifndef PLANNER_MODEL_FILE_H
#define PLANNER_MODEL_FILE_H

#include "base/json.h"
#include "planner/model/model.h"

#define MODEL_VALUE_MAX 1e9

/* The optional key "held_out_runs"; services and node types must be read before. */
int model_held_read(struct model *m, const struct json_at *top, struct err *e);

/* One item of "responses". */
int model_response_read(const struct model *m, const struct json_at *at, struct response *r, struct err *e);
/* No service becomes faster by a neighbour, although what is particular to a pair may be negative. services: the list. */
int model_signs_check(const struct model *m, const struct json_at *services, struct err *e);

#endif
