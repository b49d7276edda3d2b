/*
 * `cotenant run NAME -- CMD…`: a command as a named service in its own cgroup. Signals go through to the command, its exit status comes
 * back, what it leaves running is ended, the cgroup is removed.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/opt.h"
#include "base/parse.h"
#include "collector/run.h"

#define NAME_MAX_LENGTH 64
#define GRACE_NS 3000000000ull     /* between SIGTERM and SIGKILL for what the command left */

static struct {
	double cpus;
	const char *cpuset;
	uint64_t memory_bytes, io_bps;
} options;

static const struct opt rows[] = {
	{ "cpus", 0, OPT_F64, offsetof(typeof(options), cpus), "N", "0", "4096", "0", "CPU quota in cores (0: none)" },
	{ "cpuset", 0, OPT_STR, offsetof(typeof(options), cpuset), "LIST", NULL, NULL, NULL, "run on these CPUs only, such as 0,2-3" },
	{ "memory", 'm', OPT_SIZE, offsetof(typeof(options), memory_bytes), "SIZE", NULL, NULL, "0", "memory limit (0: none)" },
	{ "io-bps", 0, OPT_SIZE, offsetof(typeof(options), io_bps), "SIZE", NULL, NULL, "0",
	  "bytes per second from and to each disk (0: none)" },
	{ 0 },
};

static int check_name(const char *name, struct err *e)
{
	size_t n = strlen(name);

	if (!n || n > NAME_MAX_LENGTH || name[0] == '.' || name[0] == '-' ||
	    strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") != n)
		return err_set(e, -EINVAL, "%s: not a name for a service; use 1 to %d letters, digits, '_', '-' and '.'", name,
			       NAME_MAX_LENGTH);
	return 0;
}

/* "0,2-3" */
static int parse_cpus(const char *list, cpu_set_t *set, struct err *e)
{
	char *copy = strdup(list), *save, *part, *dash;
	uint64_t from, to;
	int err = 0;

	CPU_ZERO(set);
	for (part = strtok_r(copy, ",", &save); part && !err; part = strtok_r(NULL, ",", &save)) {
		dash = strchr(part, '-');
		if (dash)
			*dash++ = '\0';
		if (parse_u64(part, &from) || parse_u64(dash ? dash : part, &to) || from > to || to >= CPU_SETSIZE)
			err = -EINVAL;
		for (uint64_t c = from; !err && c <= to; c++)
			CPU_SET(c, set);
	}
	free(copy);
	if (err || !CPU_COUNT(set))
		return err_set(e, -EINVAL, "--cpuset %s: not a list of CPUs; write it like 0,2-3", list);
	return 0;
}

/* The child waits until it has been moved, so that the command's first instruction already counts for the service. It keeps no end of
 * the pipe that tells it so: where the move fails, the end of the pipe is all it is told. */
static void start_command(char **command, const int go[2], int fail_fd, const sigset_t *old)
{
	cpu_set_t cpus;
	struct err e = { 0 };
	char byte;
	int code;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	close(go[1]);
	if (read(go[0], &byte, 1) != 1)
		_exit(127);
	sigprocmask(SIG_SETMASK, old, NULL);
	if (options.cpuset && !parse_cpus(options.cpuset, &cpus, &e) && sched_setaffinity(0, sizeof(cpus), &cpus)) {
		code = -errno;
	} else {
		execvp(command[0], command);
		code = errno;
	}
	if (write(fail_fd, &code, sizeof(code)) < 0)
		_exit(126);
	_exit(127);
}

/* What a terminal sends goes to the whole foreground group, the command included: passing it on would deliver it twice. */
static void forward(pid_t child, const siginfo_t *info)
{
	if (info->si_code != SI_KERNEL)
		kill(child, info->si_signo);
}

static int wait_command(pid_t child, const sigset_t *set)
{
	siginfo_t info;
	int status;

	for (;;) {
		if (waitpid(child, &status, WNOHANG) == child)
			return status;
		if (sigwaitinfo(set, &info) > 0 && info.si_signo != SIGCHLD)
			forward(child, &info);
	}
}

static int supervise(struct runner *r, char **command, struct err *e)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGCHLD };
	int go[2], fail[2], code = 0, status, err;
	sigset_t set, old;
	pid_t child;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		sigaddset(&set, signals[i]);
	sigprocmask(SIG_BLOCK, &set, &old);
	if (pipe2(go, O_CLOEXEC) || pipe2(fail, O_CLOEXEC))
		return err_set(e, -errno, "%s: no pipe for the command: %s", command[0], strerror(errno));
	child = fork();
	if (!child)
		start_command(command, go, fail[1], &old);
	close(fail[1]);
	if (child < 0)
		return err_set(e, -errno, "%s: cannot start: %s", command[0], strerror(errno));
	err = runner_enter(r, child, e);
	runner_unlock(r);
	if (!err && write(go[1], "g", 1) != 1)
		err = err_set(e, -EPIPE, "%s: cannot start: the child is gone", command[0]);
	close(go[1]);
	if (!err && read(fail[0], &code, sizeof(code)) == (ssize_t)sizeof(code))
		err = err_set(e, code == ENOENT ? -ENOENT : -EINVAL, "%s: cannot start: %s", command[0], strerror(abs(code)));
	status = wait_command(child, &set);
	if (err)
		return err;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int run(const struct operands *op, struct err *e)
{
	struct run_limits limits = { options.cpus, options.memory_bytes, options.io_bps };
	struct runner r;
	cpu_set_t cpus;
	int root_fd, result;

	if (!op->nrest)
		return err_set(e, -EINVAL, "no command; write it behind --: cotenant run %s -- CMD…", op->argv[0]);
	if (check_name(op->argv[0], e) || (options.cpuset && parse_cpus(options.cpuset, &cpus, e)))
		return e->code;
	root_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root_fd < 0)
		return err_set(e, -errno, "/: cannot open: %s", strerror(errno));
	result = runner_prepare(&r, root_fd, op->argv[0], &limits, e);
	if (!result) {
		result = supervise(&r, op->rest, e);
		runner_remove(&r, GRACE_NS);
	}
	close(root_fd);
	return result;
}

const struct verb verb_run = {
	.name = "run",
	.operands = "NAME -- CMD…",
	.summary = "start a command as a named service in its own cgroup",
	.details = "The command runs in the cgroup cotenant/NAME of every hierarchy, where record and top find it by that name. Signals are "
		   "passed on, the exit status is the command's (128 + number when a signal ended it). When the command ends, processes it "
		   "left are ended too and the cgroup is removed.",
	.opts = rows,
	.values = &options,
	.min_operands = 1,
	.max_operands = 1,
	.run = run,
};
