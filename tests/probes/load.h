/* A command under the probes in a cgroup of its own, and figures summed over the readings until it ended. */
#ifndef TESTS_PROBES_LOAD_H
#define TESTS_PROBES_LOAD_H

#include <stdint.h>
#include <sys/types.h>

#include "probes/probe.h"
#include "tests/probes/cgroup.h"

/* Starts `sh -c command` inside the cgroup (NULL = where we are); its output goes to /dev/null. */
pid_t load_start(const struct cgroup_pair *c, const char *command);
int load_wait(pid_t pid);                            /* exit status */

/* Add one reading's counters and blame to sum (absent stays absent until something is there). */
void load_add(struct probes *p, struct probe_sample *one, struct probe_sample *sum);

/* What came before this moment is left out: reads once, and gives an empty sum for the one passed. */
struct probe_sample *load_begin(struct probes *p, struct probe_sample *one, struct probe_sample *sum);

/* Fails the running test unless every row of the blame is the counter of its slot, to the ns, where there is one. */
void load_conserved(const struct probe_sample *sum, enum probe_blame b, enum probe_counter m);

/* Prints whether that culprit stands first in the victim's row, before all others but the victim itself (unless that is the culprit), and
 * fails the running test unless it does. */
void load_first(const char *scene, const uint64_t row[SLOTS], unsigned victim, unsigned culprit);

/* Events that the probe of that name (NULL = all probes) lost since it was opened, as of the latest reading. */
uint64_t load_losses(const struct probes *p, const char *name);

/* The number that the path of keys ("jobs.0.write.io_bytes") leads to in a JSON file; -1 when there is none. */
double load_json(const char *path, const char *keys);

#endif
