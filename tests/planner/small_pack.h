/* Instances of identical nodes with nothing but demands, for the tests of what packs them: only what struct pack reads is there. */
#ifndef TESTS_PLANNER_SMALL_PACK_H
#define TESTS_PLANNER_SMALL_PACK_H

#include "planner/instance/instance.h"

/* Without replicas and demands: set them, then close. */
struct instance *small_new(uint32_t services, uint32_t columns, int64_t capacity);
void small_close(struct instance *in); /* numbers the items */
void small_free(struct instance *in);

#endif
