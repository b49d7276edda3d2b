/* Shared by the files that read the model file (file.c, file_held.c); nobody else includes it. */
#ifndef PLANNER_MODEL_FILE_H
#define PLANNER_MODEL_FILE_H

#include "base/json.h"
#include "planner/model/model.h"

#define MODEL_VALUE_MAX 1e9

/* The optional key "held_out_runs"; services and node types must be read before. */
int model_held_read(struct model *m, const struct json_at *top, struct err *e);

#endif
