/*
 * What can be measured on this node: one row per capability with its state, what is lost without it, and how to get it.
 * Everything that is a file is read below root_fd, so that recorded trees give the same answers.
 */
#ifndef COLLECTOR_DOCTOR_H
#define COLLECTOR_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>

enum doctor_state { DOCTOR_OK, DOCTOR_LIMITED, DOCTOR_MISSING, DOCTOR_UNSEEN };
extern const char *const doctor_state_names[]; /* "ok", "limited", "missing", "unseen" (could not be looked at) */

struct doctor_finding {
	const char *id, *title;
	enum doctor_state state;
	char detail[200];           /* what was seen */
	const char *lost, *remedy;  /* "" when ok */
	bool needed;                /* record has no blame without it */
};

#define DOCTOR_MAX 24

/* live: root_fd is this host, so the kernel may be asked too (BPF). Returns the number of findings. */
size_t doctor_examine(int root_fd, bool live, struct doctor_finding findings[DOCTOR_MAX]);

#endif
