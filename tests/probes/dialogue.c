/* See dialogue.h. */
#include "tests/probes/dialogue.h"
#include "base/clock.h"
#include "tests/base/setting.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define PORT 5983
#define MESSAGE 64
#define PATIENCE_MS 20000

/* Written by the children, read when they have ended. client: its schedstat before and after its first request, before and after its
 * last, since a wait between such a reading and the request is of a turn or of none. */
struct notes { uint64_t before[2], after[2], answers, slept_least_ns, slept_most_ns, client[4][2], behind_ns, heard_ns, sent_ns; };

struct play {
	const struct dialogue *d;
	const struct cgroup_pair *groups;
	struct notes *notes;
	struct sockaddr_storage at;
	socklen_t size;
};

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((unsigned)cpu % (unsigned)sysconf(_SC_NPROCESSORS_ONLN), &set);
	sched_setaffinity(0, sizeof(set), &set);
}

/* A child in a group on a CPU; true in the child. */
static bool child(const struct play *p, enum dialogue_group g, int cpu, pid_t *pid)
{
	*pid = fork();
	if (*pid)
		return false;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	cgroup_pair_enter(&p->groups[g]);
	pin(cpu);
	return true;
}

static pid_t burner_start(const struct play *p, int cpu)
{
	pid_t pid;

	if (child(p, BURNER, cpu, &pid))
		for (;;)
			;
	return pid;
}

static void stop(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void schedstat(uint64_t out[2]) /* run, wait of the calling process in ns */
{
	unsigned long long run = 0, wait = 0;
	FILE *f = fopen("/proc/self/schedstat", "re");

	if (!f || fscanf(f, "%llu %llu", &run, &wait) != 2)
		_exit(1);
	fclose(f);
	out[0] = run;
	out[1] = wait;
}

/* A sleep is what is neither run nor wait; its clock is read within the readings of those, and around them. */
static void sync_answer(const struct play *p, const char *bytes)
{
	uint64_t outer = clock_ns(CLOCK_MONOTONIC), inner, busy, before[2], after[2];

	schedstat(before);
	inner = clock_ns(CLOCK_MONOTONIC);
	if (pwrite(p->d->sync_fd, bytes, MESSAGE, 0) != MESSAGE || fdatasync(p->d->sync_fd))
		_exit(1);
	inner = clock_ns(CLOCK_MONOTONIC) - inner;
	schedstat(after);
	outer = clock_ns(CLOCK_MONOTONIC) - outer;
	busy = (after[0] - before[0]) + (after[1] - before[1]);
	p->notes->slept_least_ns += inner > busy ? inner - busy : 0;
	p->notes->slept_most_ns += outer > busy ? outer - busy : 0;
}

static void compute(uint64_t us)
{
	uint64_t end = clock_ns(CLOCK_THREAD_CPUTIME_ID) + us * 1000;

	while (clock_ns(CLOCK_THREAD_CPUTIME_ID) < end)
		;
}

static void answer(const struct play *p, int fd, const char *bytes, ssize_t n)
{
	uint64_t begun = clock_ns(CLOCK_MONOTONIC);

	if (write(fd, bytes, (size_t)n) != n)
		_exit(1);
	p->notes->sent_ns += clock_ns(CLOCK_MONOTONIC) - begun;
	p->notes->answers++;
}

/* One answer per MESSAGE bytes; what is read at once is answered at once. Ends when the last connection has gone. */
static void serve(const struct play *p, int listener)
{
	struct pollfd fds[CONNECTIONS + 1] = { { .fd = listener, .events = POLLIN } };
	char bytes[MESSAGE * 64];
	size_t n = 1, left = 0;

	do {
		if (poll(fds, n, PATIENCE_MS) == 0)
			_exit(1); /* the client has failed */
		if (n == 1)
			schedstat(p->notes->before);
		if (fds[0].revents && n <= CONNECTIONS) {
			fds[n++] = (struct pollfd){ .fd = accept(listener, NULL, NULL), .events = POLLIN };
			left++;
		}
		for (size_t i = 1; i < n; i++) {
			ssize_t got = fds[i].revents ? read(fds[i].fd, bytes, sizeof(bytes)) : 0;

			if (got > 0)
				compute((uint64_t)got / MESSAGE * p->d->work_us);
			if (got > 0 && p->d->sync_fd >= 0)
				sync_answer(p, bytes);
			if (got > 0)
				answer(p, fds[i].fd, bytes, got);
			if (got <= 0 && fds[i].revents) {
				close(fds[i].fd);
				fds[i].fd = -1;
				left--;
			}
			fds[i].revents = 0;
		}
	} while (left);
	schedstat(p->notes->after);
	_exit(0);
}

static void address(struct play *p)
{
	if (p->d->unix_socket) {
		struct sockaddr_un *un = (struct sockaddr_un *)&p->at;

		*un = (struct sockaddr_un){ .sun_family = AF_UNIX };
		snprintf(un->sun_path + 1, 40, "cotenant-request-%d", getpid());
		p->size = sizeof(*un);
	} else {
		struct sockaddr_in *in = (struct sockaddr_in *)&p->at;

		*in = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
		p->size = sizeof(*in);
	}
}

static int server_start(const struct play *p, pid_t *pid)
{
	int listener = socket(p->at.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1, err = 0;

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(listener, (const struct sockaddr *)&p->at, p->size) || listen(listener, CONNECTIONS))
		err = -errno;
	else if (child(p, SERVER, 0, pid))
		serve(p, listener);
	close(listener);
	return err;
}

static int dial(const struct play *p)
{
	int fd = socket(p->at.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;

	if (connect(fd, (const struct sockaddr *)&p->at, p->size))
		_exit(1);
	if (p->at.ss_family == AF_INET)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	return fd;
}

static void ask(int fd, size_t messages)
{
	char bytes[MESSAGE * 64] = { 0 };

	if (write(fd, bytes, messages * MESSAGE) != (ssize_t)(messages * MESSAGE))
		_exit(1);
}

static void hear(int fd, size_t messages)
{
	char bytes[MESSAGE];

	for (size_t i = 0; i < messages; i++)
		if (recv(fd, bytes, sizeof(bytes), MSG_WAITALL) != MESSAGE)
			_exit(1);
}

static void converse(const struct play *p)
{
	const struct dialogue *d = p->d;
	int fds[CONNECTIONS];
	uint64_t next;

	for (size_t i = 0; i < d->connections; i++)
		fds[i] = dial(p);
	next = clock_ns(CLOCK_MONOTONIC);
	for (size_t r = 0; r < d->rounds; r++) {
		uint64_t began = clock_ns(CLOCK_MONOTONIC), asked, late;
		bool ends = r == 0 || r + 1 == d->rounds;

		compute(d->client_work_us);
		if (ends)
			schedstat(p->notes->client[r ? 2 : 0]);
		asked = clock_ns(CLOCK_MONOTONIC);
		for (size_t i = 0; i < d->connections; i++)
			ask(fds[i], d->batch);
		if (ends)
			schedstat(p->notes->client[r ? 3 : 1]);
		if (d->pipelined) {
			usleep(1000);
			ask(fds[0], d->batch);
			late = clock_ns(CLOCK_MONOTONIC) - began;
			p->notes->behind_ns += late < d->work_us * 1000ull ? d->work_us * 1000ull - late : 0;
		}
		if (d->period_us) {
			next += d->period_us * 1000ull;
			while (clock_ns(CLOCK_MONOTONIC) < next)
				;
			continue;
		}
		for (size_t i = 0; i < d->connections; i++)
			hear(fds[i], d->batch * (d->pipelined ? 2 : 1));
		p->notes->heard_ns += clock_ns(CLOCK_MONOTONIC) - asked;
	}
	if (d->period_us)
		hear(fds[0], d->rounds);
	_exit(0);
}

static int play(struct play *p)
{
	pid_t server = 0, client, burner = 0;
	int err, status = -1;
	siginfo_t info = { 0 };

	address(p);
	if ((err = server_start(p, &server)) < 0)
		return err;
	if (p->d->burner_cpu != NO_BURNER)
		burner = burner_start(p, p->d->burner_cpu);
	if (child(p, CLIENT, 1, &client))
		converse(p);
	waitpid(client, &status, 0);
	waitid(P_PID, (id_t)server, &info, WEXITED);
	if (burner)
		stop(burner);
	return status || info.si_code != CLD_EXITED || info.si_status ? -EPROTO : 0;
}

int dialogue_play(const struct dialogue *d, const struct cgroup_pair groups[DIALOGUE_GROUPS], struct dialogue_truth *out)
{
	const unsigned slower = (unsigned)setting("COTENANT_TEST_SLOWER", 1);
	struct dialogue paced = *d;
	struct play p = { .d = &paced, .groups = groups };
	int err;

	paced.period_us *= slower;
	paced.work_us *= slower;
	p.notes = mmap(NULL, sizeof(*p.notes), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (p.notes == MAP_FAILED)
		return -errno;
	err = play(&p);
	*out = (struct dialogue_truth){ .answers = p.notes->answers, .run_ns = p.notes->after[0] - p.notes->before[0],
					.wait_ns = p.notes->after[1] - p.notes->before[1], .slept_least_ns = p.notes->slept_least_ns, .slept_most_ns = p.notes->slept_most_ns,
					.client_wait_least_ns = p.notes->client[2][1] - p.notes->client[1][1],
					.client_wait_most_ns = p.notes->client[3][1] - p.notes->client[0][1], .behind_ns = p.notes->behind_ns, .heard_ns = p.notes->heard_ns,
					.sent_ns = p.notes->sent_ns };
	munmap(p.notes, sizeof(*p.notes));
	return err;
}
