/*
 * Processes that a campaign starts: in a group of their own, so that Ctrl-C reaches only the campaign; output to a file; ended by
 * pid, first politely.
 */
#ifndef COLLECTOR_CAMPAIGN_CHILD_H
#define COLLECTOR_CAMPAIGN_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct child {
	pid_t pid;       /* 0 = never started */
	bool reaped;
	int status;      /* of waitpid() */
};

/* fork + exec; output NULL = thrown away. Its environment has COTENANT_SECONDS, rounded up. */
pid_t child_spawn(char *const *argv, const char *output, double seconds);
/* The same as `cotenant run NAME -- argv…`: in a cgroup of that name. */
pid_t child_spawn_named(const char *name, char *const *argv, const char *output, double seconds);
bool child_ended(struct child *c); /* by now; false also when it was never started */
/* Waits until it ends or the deadline passes; then SIGTERM, and SIGKILL after 5 s. Its exit status, -1 when it had none. */
int child_reap(struct child *c, uint64_t deadline_ns);
/* Spawn and reap. */
int child_command(char *const *argv, const char *output, double limit_s);

#endif
