/*
 * A server, a client and a neighbour of known behaviour, each a process in a cgroup of its own, and what the server and the client
 * themselves know of it: the truth for test_request.c.
 *
 * The server is single-threaded and pinned to CPU 0; it computes work_us per message of MESSAGE bytes and answers what it read at
 * once at once. The client is pinned to CPU 1. So in a closed loop with one connection a request's time is the server's run time
 * plus its waits, and both stand in its /proc/self/schedstat; and no longer than the client waited for its answer.
 */
#ifndef TESTS_PROBES_DIALOGUE_H
#define TESTS_PROBES_DIALOGUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/probes/cgroup.h"

enum dialogue_group { SERVER, CLIENT, BURNER, DIALOGUE_GROUPS };

#define CONNECTIONS 200          /* at most */
#define NO_BURNER -1

struct dialogue {
	size_t connections, rounds, batch; /* batch: messages in one write */
	bool pipelined;                    /* a second write 1 ms after the first, before the answer */
	/* These are COTENANT_TEST_SLOWER times as long in an emulated machine, so that the way to a socket and back is as small beside them: */
	unsigned period_us;                /* asks at this pace whatever comes back (one connection); 0 = when it is answered */
	unsigned work_us;
	unsigned client_work_us;           /* before it asks; never more: a turn of a ms is the client's own pace to the probe */
	bool unix_socket;                  /* else TCP over loopback */
	int burner_cpu;                    /* a process that burns there, or NO_BURNER */
	int sync_fd;                       /* each answer is written there and synced before it is given; -1 = not */
};

struct dialogue_truth {
	uint64_t answers;                  /* writes of the server */
	uint64_t run_ns, wait_ns;          /* of the server, from its first connection to its last */
	uint64_t slept_least_ns, slept_most_ns; /* of the server while it synced */
	uint64_t client_wait_least_ns, client_wait_most_ns; /* in run queues, from its first request to its last: what its turns held */
	uint64_t heard_ns;                 /* closed loop: of the client, from each round's first question to its last answer */
	uint64_t sent_ns;                  /* of the server, in the calls that send its answers: the client may have one before such a call ends */
	uint64_t behind_ns;                /* pipelined: that second messages at least waited behind the first */
};

/* Plays it to its end. 0, or -errno; -EPROTO when the client or the server failed. */
int dialogue_play(const struct dialogue *d, const struct cgroup_pair groups[DIALOGUE_GROUPS], struct dialogue_truth *out);

#endif
