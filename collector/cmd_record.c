/*
 * `cotenant record`: services, blame and figures of this node into a session file, for a duration, while a command runs, or until Ctrl-C.
 *
 * Signals come through a signalfd, ticks through a timerfd on absolute time: a stopped and continued recorder makes one long interval and
 * says how late it was.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/opt.h"
#include "collector/record.h"

#define STOP_GRACE_MS 3000     /* for the command, between SIGTERM and SIGKILL */

static struct {
	const char *output, *by;
	struct opt_list services;
	uint64_t duration_ns, interval_ns;
	double budget_ratio;
	bool no_probes, quiet;
} options;

static const struct opt rows[] = {
	{ "output", 'o', OPT_STR, offsetof(typeof(options), output), "FILE", NULL, NULL, "session.db", "session file to make; never overwritten" },
	{ "service", 's', OPT_LIST, offsetof(typeof(options), services), "NAME=SELECTOR", NULL, NULL, NULL,
	  "record only this one (may be repeated): cgroup:/PATH, unit:NAME, pid:N with its descendants, comm:NAME, user:NAME; "
	  "NAME alone takes a service that is found by that name" },
	{ "by", 0, OPT_STR, offsetof(typeof(options), by), "auto|cgroup|unit|container|comm|user", NULL, NULL, "auto",
	  "what makes a service when none is named" },
	{ "duration", 'd', OPT_DURATION, offsetof(typeof(options), duration_ns), "TIME", "0", NULL, "0",
	  "how long (0: until the command ends, or Ctrl-C)" },
	{ "interval", 'i', OPT_DURATION, offsetof(typeof(options), interval_ns), "TIME", "50ms", "1h", "2s", "length of one interval" },
	{ "budget", 0, OPT_RATIO, offsetof(typeof(options), budget_ratio), "RATIO", "0", "100%", "0.5%",
	  "own share of the node's CPU time: what happens most often is watched in windows to stay within half of it; above it probes step down (0: no limit)" },
	{ "no-probes", 0, OPT_FLAG, offsetof(typeof(options), no_probes), NULL, NULL, NULL, NULL,
	  "without BPF: figures of cgroups and /proc only, no blame" },
	{ "quiet", 'q', OPT_FLAG, offsetof(typeof(options), quiet), NULL, NULL, NULL, NULL, "no progress line" },
	{ 0 },
};

struct loop {
	struct record record;
	int signal_fd, timer_fd;
	pid_t child;
	int child_status;
	uint64_t start_ns, next_ns;
	bool progress;
	const char *reason;     /* why it ends; NULL while it goes on */
};

static int open_events(struct loop *l, sigset_t *old, struct err *e)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, old);
	signal(SIGPIPE, SIG_IGN);
	l->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	l->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	return l->signal_fd < 0 || l->timer_fd < 0 ? err_set(e, -errno, "no timer for the recording: %s", strerror(errno)) : 0;
}

static int start_child(struct loop *l, char **command, const sigset_t *old, struct err *e)
{
	int fail[2], code = 0;

	if (pipe2(fail, O_CLOEXEC))
		return err_set(e, -errno, "%s: cannot start: %s", command[0], strerror(errno));
	l->child = fork();
	if (!l->child) {
		sigprocmask(SIG_SETMASK, old, NULL);
		signal(SIGPIPE, SIG_DFL);
		execvp(command[0], command);
		code = errno;
		if (write(fail[1], &code, sizeof(code)) < 0)
			_exit(126);
		_exit(127);
	}
	close(fail[1]);
	if (l->child < 0 || read(fail[0], &code, sizeof(code)) == (ssize_t)sizeof(code)) {
		l->child = 0;
		err_set(e, -EINVAL, "%s: cannot start: %s", command[0], strerror(code ? code : errno));
	}
	close(fail[0]);
	return e->code;
}

static void stop_child(struct loop *l)
{
	if (l->child <= 0)
		return;
	kill(l->child, SIGTERM);
	for (int ms = 0; waitpid(l->child, &l->child_status, WNOHANG) == 0; ms += 10) {
		if (ms >= STOP_GRACE_MS)
			kill(l->child, SIGKILL);
		clock_nap(10000000);
	}
	l->child = 0;
}

static void arm(struct loop *l)
{
	uint64_t at = l->next_ns;

	if (options.duration_ns && l->start_ns + options.duration_ns < at)
		at = l->start_ns + options.duration_ns;
	timerfd_settime(l->timer_fd, TFD_TIMER_ABSTIME, &(struct itimerspec){ .it_value = { (time_t)(at / 1000000000ull),
			(long)(at % 1000000000ull) } }, NULL);
}

static void show_progress(const struct loop *l)
{
	const struct sampler *s = l->record.sampler;
	uint64_t delay = 0;

	if (!l->progress)
		return;
	for (size_t v = PARTICIPANT_FIRST; v < s->n; v++)
		for (size_t c = PARTICIPANT_FIRST; c < s->n; c++)
			delay += v != c ? sampler_blame(s, BLAME_CPU, v, c) : 0;
	fprintf(stderr, "\r%5.0f s  %zu services  CPU delay by neighbours %.1f ms/s  own cost %.2f %%  losses %llu ",
		(double)(clock_ns(CLOCK_MONOTONIC) - l->start_ns) / 1e9, s->services->n,
		(double)delay * 1e3 / (double)(s->interval.end_ns - s->interval.start_ns + 1), s->own_ratio * 100,
		(unsigned long long)l->record.losses);
	fflush(stderr);
}

static int take_interval(struct loop *l, struct err *e)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC), late = now > l->next_ns ? now - l->next_ns : 0;
	int err = record_interval(&l->record, late, e);

	while (l->next_ns <= now) /* intervals that were slept through are not made up for */
		l->next_ns += options.interval_ns;
	if (options.duration_ns && now >= l->start_ns + options.duration_ns)
		l->reason = "duration";
	if (!err)
		show_progress(l);
	return err;
}

static void take_signals(struct loop *l)
{
	struct signalfd_siginfo info;

	while (read(l->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo != SIGCHLD)
			l->reason = "signal";
		else if (l->child > 0 && waitpid(l->child, &l->child_status, WNOHANG) == l->child) {
			l->child = 0;
			l->reason = "command";
		}
	}
}

static int record_loop(struct loop *l, struct err *e)
{
	struct pollfd fds[2] = { { .fd = l->signal_fd, .events = POLLIN }, { .fd = l->timer_fd, .events = POLLIN } };
	uint64_t expirations;
	int err = 0;

	while (!l->reason && !err) {
		arm(l);
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return err_set(e, -errno, "waiting for the next interval: %s", strerror(errno));
		take_signals(l);
		if (l->reason || read(l->timer_fd, &expirations, sizeof(expirations)) == (ssize_t)sizeof(expirations))
			err = take_interval(l, e);
	}
	return err;
}

static void summary(const struct loop *l)
{
	const struct record *r = &l->record;
	struct probe_status status;

	if (l->progress)
		fputc('\n', stderr);
	if (!options.quiet)
		fprintf(stderr, "%s: %llu intervals, %zu services, own cost %.2f %% of the node's CPU, %llu losses (ended by %s)\n",
			options.output, (unsigned long long)r->intervals, r->sampler->services->n,
			r->intervals ? 100 * r->own_ratio_sum / (double)r->intervals : 0, (unsigned long long)r->losses, l->reason);
	for (size_t i = 0; !options.quiet && r->sampler->probes && i < probes_count(r->sampler->probes); i++) {
		probes_status(r->sampler->probes, i, &status);
		if (status.state == PROBE_REDUCED || status.state == PROBE_OFF)
			fprintf(stderr, "probe %s: %s\n", status.name, status.note);
	}
	if (!options.quiet && !r->sampler->probes && !options.no_probes)
		fprintf(stderr, "without probes there is no blame: %s\n", r->sampler->why.text);
}

static int record(struct loop *l, const struct operands *op, const sigset_t *old, struct err *e)
{
	struct record_facts facts = { options.interval_ns, options.budget_ratio, op->nrest ? op->rest[0] : NULL };
	struct err closing = { 0 };
	int err = record_open(&l->record, options.output, l->record.sampler, &facts, e);

	if (err)
		return err;
	l->start_ns = clock_ns(CLOCK_MONOTONIC);
	l->next_ns = l->start_ns + options.interval_ns;
	if (op->nrest)
		err = start_child(l, op->rest, old, e);
	if (!err)
		err = record_loop(l, e);
	else
		unlink(options.output);
	stop_child(l);
	record_close(&l->record, err ? "failure" : l->reason, err ? &closing : e);
	if (!err)
		summary(l);
	return err ? err : e->code;
}

static int run(const struct operands *op, struct err *e)
{
	struct sampler_config config = { .by = service_by_parse(options.by), .interval_ns = options.interval_ns, .selectors = options.services.v,
					 .n_selectors = options.services.n, .budget_ratio = options.budget_ratio,
					 .no_probes = options.no_probes };
	struct loop l = { .signal_fd = -1, .timer_fd = -1, .progress = !options.quiet && isatty(STDERR_FILENO) };
	struct sampler *sampler = NULL;
	sigset_t old;
	int err;

	if (!access(options.output, F_OK))
		return err_set(e, -EEXIST, "%s: exists already; choose another name with -o, or remove it first", options.output);
	if (geteuid() && !options.no_probes)
		return err_set(e, -EPERM, "record needs root for its probes; run it with sudo, or with --no-probes for what any user may "
			       "see; cotenant doctor tells what is missing");
	config.root_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	err = config.root_fd < 0 ? err_set(e, -errno, "/: cannot open: %s", strerror(errno)) : open_events(&l, &old, e);
	if (!err)
		err = sampler_open(&config, &sampler, e);
	if (!err) {
		l.record.sampler = sampler;
		err = record(&l, op, &old, e);
	}
	sampler_close(sampler);
	close(l.signal_fd);
	close(l.timer_fd);
	close(config.root_fd);
	return err;
}

const struct verb verb_record = {
	.name = "record",
	.operands = "[-- CMD…]",
	.summary = "measure the services of this node, and who delays whom, into a session file",
	.details = "Services are found by themselves: systemd units, containers, pods, and what cotenant run started. A recording ends after "
		   "--duration, with CMD, or with Ctrl-C; also a killed recorder leaves a readable file.",
	.opts = rows,
	.values = &options,
	.max_operands = 0,
	.run = run,
};
