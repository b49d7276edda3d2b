/* Weak definitions of predict.h, so that the planner links before the interference models are in; any model overrides them. */
#include <errno.h>

#include "planner/predict.h"

#define WEAK __attribute__((weak))

WEAK struct model *model_read(const char *path, struct err *e)
{
	err_set(e, -ENOTSUP, "%s: this build knows no interference models", path);
	return 0;
}
WEAK void model_free(struct model *m) { (void)m; }
WEAK int model_n_pressures(const struct model *m) { (void)m; return 0; }
WEAK int model_find_service(const struct model *m, const char *name) { (void)m; (void)name; return -1; }
WEAK int model_find_node_type(const struct model *m, const char *name) { (void)m; (void)name; return -1; }
WEAK const double *model_pressure(const struct model *m, int service, int type) { (void)m; (void)service; (void)type; return 0; }
WEAK double model_upper(const struct model *m, int service, int type, const double *pressure, double confidence)
{
	(void)m; (void)service; (void)type; (void)pressure; (void)confidence;
	return 1;
}
