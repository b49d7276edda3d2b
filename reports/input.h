/*
 * The files a report is made of, told apart by what they contain. Sessions and models carry their own schema check; a plan needs its
 * instance (--instance, or the file it names, looked for beside it).
 */
#ifndef REPORTS_INPUT_H
#define REPORTS_INPUT_H

#include <jansson.h>

#include "base/err.h"
#include "collector/profile.h"
#include "planner/plan.h"
#include "planner/predict.h"

struct input_session { struct session *session; char *name; };  /* name: the file's, without folder and ending */
struct input_plan { struct plan *plan; char *name; };

struct input {
	struct input_session *sessions;
	struct input_plan *plans;
	size_t n_sessions, n_plans;
	struct instance *instance;
	struct model *model;
	json_t *model_json;         /* the model's own record of its held-out errors; NULL without a model */
	char *instance_name, *model_name;
	double growth;              /* per month, 0.08 = +8 % */
};

int input_read(struct input *in, char *const *paths, int n, const char *instance_path, struct err *e);
void input_fini(struct input *in);

#endif
