/* Processes of a campaign: see campaign_child.h. */
#include "collector/campaign_child.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

#define MAX_WORDS 512
#define POLL_NS 20000000
#define TERM_GRACE_NS 5000000000ull

pid_t child_spawn(char *const *argv, const char *output, double seconds)
{
	pid_t pid = fork();
	char text[32];
	int fd;

	if (pid)
		return pid;
	setpgid(0, 0);
	snprintf(text, sizeof(text), "%.0f", ceil(seconds));
	setenv("COTENANT_SECONDS", text, 1);
	fd = open(output ? output : "/dev/null", O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0)
		_exit(126);
	fd = open("/dev/null", O_RDONLY);
	if (fd >= 0)
		dup2(fd, STDIN_FILENO);
	execvp(argv[0], argv);
	dprintf(STDERR_FILENO, "cannot start %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

pid_t child_spawn_named(const char *name, char *const *argv, const char *output, double seconds)
{
	char *words[MAX_WORDS] = { "/proc/self/exe", "run", (char *)(uintptr_t)name, "--" };

	for (size_t n = 4; *argv && n + 1 < MAX_WORDS; n++)
		words[n] = *argv++;
	return child_spawn(words, output, seconds);
}

bool child_ended(struct child *c)
{
	pid_t got;

	if (c->pid <= 0 || c->reaped)
		return c->reaped;
	got = waitpid(c->pid, &c->status, WNOHANG);
	c->reaped = got == c->pid || (got < 0 && errno == ECHILD);
	return c->reaped;
}

int child_reap(struct child *c, uint64_t deadline_ns)
{
	bool asked = false;

	while (c->pid > 0 && !child_ended(c)) {
		if (clock_ns(CLOCK_MONOTONIC) > deadline_ns) {
			kill(c->pid, asked ? SIGKILL : SIGTERM);
			if (asked)
				waitpid(c->pid, &c->status, 0), c->reaped = true;
			asked = true;
			deadline_ns = clock_ns(CLOCK_MONOTONIC) + TERM_GRACE_NS;
		}
		clock_nap(POLL_NS);
	}
	return c->pid > 0 && WIFEXITED(c->status) ? WEXITSTATUS(c->status) : -1;
}

int child_command(char *const *argv, const char *output, double limit_s)
{
	struct child c = { .pid = child_spawn(argv, output, limit_s) };

	return child_reap(&c, clock_ns(CLOCK_MONOTONIC) + (uint64_t)(limit_s * 1e9));
}
