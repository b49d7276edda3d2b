/* Whole numbers from the environment, for what differs from machine to machine or is wanted larger than usual. */
#ifndef TESTS_BASE_SETTING_H
#define TESTS_BASE_SETTING_H

#include <stdint.h>

/* What is set, or else `usual`; what is no number ends the program with 2. */
uint64_t setting(const char *name, uint64_t usual);

#endif
