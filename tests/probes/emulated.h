/* What tests grant an emulated machine (tests/vm/init), whose clocks do not see what the host takes from it. */
#ifndef TESTS_PROBES_EMULATED_H
#define TESTS_PROBES_EMULATED_H

#include "tests/base/setting.h"

/* By how many per cent figures may be off there; 0 = this machine is none. */
static inline uint64_t emulated_percent(void)
{
	return setting("COTENANT_TEST_PERCENT", 0);
}

#endif
