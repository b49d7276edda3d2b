/*
 * From measured co-locations to a model file's contents, with its own held-out error, its interval scores and the run that
 * would teach it most. rows: sealed. NULL on error (too few or constant runs; says what is missing).
 */
#ifndef PLANNER_MODEL_FIT_H
#define PLANNER_MODEL_FIT_H

#include <stdint.h>

#include "planner/model/coloc.h"
#include "planner/model/model.h"

struct model *fit_model(const struct coloc *rows, uint64_t seed, struct err *e);

#define MODEL_METRIC_BLAME "blame" /* slowdowns that measured blame tells, without solo runs */

/* Rows out of a recorded session, without solo runs: see session_rows.c. */
int session_rows_add(struct coloc *c, const char *path, struct err *e);

#endif
