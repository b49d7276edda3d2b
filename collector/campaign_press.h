/*
 * Synthetic pressure beside the loads of a run: each worker is a `cotenant press` in a cgroup of its own, named press-KIND-LEVEL
 * (further ones .w2, .w3 …), because the scheduler shares a CPU among cgroups first, and n workers stand for n neighbours.
 */
#ifndef COLLECTOR_CAMPAIGN_PRESS_H
#define COLLECTOR_CAMPAIGN_PRESS_H

#include "collector/campaign.h"
#include "collector/campaign_child.h"

/* What level 100 of every setup's pressure means, measured once on the idle node, so that it presses equally hard beside a busy one. */
int campaign_press_calibrate(const struct campaign *c, const char *folder, double *full_per_s, struct err *e);

/* The setup's workers (none when it has no pressure); hand them to stop, then to reap, which frees them. */
struct child *campaign_press_start(const struct campaign *c, const struct campaign_setup *s, double full_per_s, const char *folder);
bool campaign_press_stop(const struct campaign_setup *s, struct child *press); /* false: one had ended before */
void campaign_press_reap(const struct campaign_setup *s, struct child *press);

#endif
