/*
 * `cotenant top`: who delays whom, live. Raw terminal with plain ANSI sequences (works over ssh, in tmux and screen); the terminal is given
 * back on every way out. Without a terminal, or with --count, it prints plain tables.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/opt.h"
#include "collector/screen.h"

#define PAGE_BYTES 65536
#define ENTER_SCREEN "\033[?1049h\033[?25l"
#define LEAVE_SCREEN "\033[?25h\033[?1049l"

static struct {
	const char *by, *sort;
	struct opt_list services;
	uint64_t interval_ns, count;
	double budget_ratio;
	bool no_probes;
} options;

static const struct opt rows[] = {
	{ "service", 's', OPT_LIST, offsetof(typeof(options), services), "NAME=SELECTOR", NULL, NULL, NULL,
	  "watch only this one (may be repeated), as in record" },
	{ "by", 0, OPT_STR, offsetof(typeof(options), by), "auto|cgroup|unit|container|comm|user", NULL, NULL, "auto",
	  "what makes a service when none is named" },
	{ "sort", 0, OPT_STR, offsetof(typeof(options), sort), "delay|slow|latency|cpu|wait|disk|memory|name", NULL, NULL, "delay", "first order" },
	{ "interval", 'i', OPT_DURATION, offsetof(typeof(options), interval_ns), "TIME", "100ms", "1h", "1s", "time between two readings" },
	{ "count", 'n', OPT_U64, offsetof(typeof(options), count), "N", "0", NULL, "0", "print N plain tables and end (0: live)" },
	{ "budget", 0, OPT_RATIO, offsetof(typeof(options), budget_ratio), "RATIO", "0", "100%", "0.5%",
	  "own share of the node's CPU time: what happens most often is watched in windows to stay within half of it; above it probes step down (0: no limit)" },
	{ "no-probes", 0, OPT_FLAG, offsetof(typeof(options), no_probes), NULL, NULL, NULL, NULL, "without BPF: no blame" },
	{ 0 },
};

static volatile sig_atomic_t ended;

static void end(int signal_number)
{
	(void)signal_number;
	ended = 1;
}

static enum screen_sort sort_parse(const char *text)
{
	enum screen_sort i = 0;

	while (strcmp(screen_sort_names[i], text)) /* opt_parse() has checked it */
		i++;
	return i;
}

static void terminal_size(struct screen *v)
{
	struct winsize w = { 0 };

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) || !w.ws_col)
		w = (struct winsize){ .ws_col = 80, .ws_row = 24 };
	v->columns = w.ws_col;
	v->rows = w.ws_row;
}

static void show(const struct screen *v, const struct sampler *s, bool live)
{
	static char text[PAGE_BYTES];
	size_t n = screen_draw(v, s, text, sizeof(text));

	if (!live) {
		fwrite(text, 1, n, stdout);
		fflush(stdout);
		return;
	}
	fputs("\033[H", stdout);
	for (size_t i = 0, from = 0; i < n; i++)
		if (text[i] == '\n') {
			fwrite(text + from, 1, i - from, stdout);
			fputs("\033[K\r\n", stdout);
			from = i + 1;
		}
	fputs("\033[J", stdout);
	fflush(stdout);
}

/* The next key of what was read: a letter, or the end of an arrow's sequence as 'U' / 'D'; lone escape is 27. */
static int next_key(const char *text, size_t n, size_t *at)
{
	char c = text[(*at)++];

	if (c != 27 || *at + 1 >= n || (text[*at] != '[' && text[*at] != 'O'))
		return c;
	c = text[*at + 1];
	*at += 2;
	return c == 'A' ? 'U' : c == 'B' ? 'D' : 0;
}

static void take_key(struct screen *v, const struct sampler *s, int key)
{
	size_t order[PARTICIPANTS_MAX], n = screen_order(s, v->sort, order);

	switch (key) {
	case 'q':
	case 3:
		ended = 1;
		break;
	case 'p':
	case ' ':
		v->paused = !v->paused;
		break;
	case 's':
	case 'S':
		v->sort = (v->sort + (key == 's' ? 1 : SORTS - 1)) % SORTS;
		v->selected = 0;
		break;
	case 'g':
		v->selected = 0;
		break;
	case 'G':
		v->selected = n ? n - 1 : 0;
		break;
	case 'U':
	case 'k':
		v->selected -= v->selected > 0;
		break;
	case 'D':
	case 'j':
		v->selected += v->selected + 1 < n;
		break;
	case '\r':
	case '\n':
		if (v->selected < n)
			v->victim = order[v->selected];
		break;
	case 27:
	case 127:
	case 'h':
		v->victim = SIZE_MAX;
		break;
	}
}

static void take_keys(struct screen *v, const struct sampler *s)
{
	char text[64];
	ssize_t n = read(STDIN_FILENO, text, sizeof(text));

	ended |= n <= 0;
	for (size_t at = 0; n > 0 && at < (size_t)n;)
		take_key(v, s, next_key(text, (size_t)n, &at));
}

static uint64_t now_ms(void)
{
	return clock_ns(CLOCK_MONOTONIC) / 1000000;
}

/* Keys until the next reading is due; every key redraws. */
static void wait_keys(struct screen *v, const struct sampler *s, uint64_t until_ms)
{
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };

	while (!ended) {
		uint64_t now = now_ms();

		if (now >= until_ms)
			return;
		if (poll(&in, 1, (int)(until_ms - now)) > 0) {
			take_keys(v, s);
			terminal_size(v);
			show(v, s, true);
		}
	}
}

static int live(struct sampler *s, struct screen *v, struct err *e)
{
	uint64_t next = now_ms(), step = options.interval_ns / 1000000;
	struct termios before, raw;
	int err = 0;

	tcgetattr(STDIN_FILENO, &before);
	raw = before;
	cfmakeraw(&raw);
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	fputs(ENTER_SCREEN, stdout);
	while (!ended && !err) {
		terminal_size(v);
		show(v, s, true);
		next += step;
		if (next < now_ms())
			next = now_ms() + step;
		wait_keys(v, s, next);
		if (!v->paused && !ended)
			err = sampler_tick(s, e);
	}
	fputs(LEAVE_SCREEN, stdout);
	fflush(stdout);
	tcsetattr(STDIN_FILENO, TCSANOW, &before);
	return err;
}

static int plain(struct sampler *s, struct screen *v, struct err *e)
{
	int err = 0;

	for (uint64_t i = 0; !err && !ended && (i < options.count || !options.count); i++) {
		clock_nap(options.interval_ns);
		err = sampler_tick(s, e);
		if (!err)
			show(v, s, false);
	}
	return err;
}

static int run(const struct operands *op, struct err *e)
{
	struct sampler_config config = { .by = service_by_parse(options.by), .interval_ns = options.interval_ns, .selectors = options.services.v,
					 .n_selectors = options.services.n, .budget_ratio = options.budget_ratio,
					 .no_probes = options.no_probes };
	struct screen v = { .sort = sort_parse(options.sort), .victim = SIZE_MAX, .columns = 80 };
	struct sigaction action = { .sa_handler = end };
	struct sampler *s = NULL;
	int err;

	(void)op;
	if (geteuid() && !options.no_probes)
		return err_set(e, -EPERM, "top needs root for its probes; run it with sudo, or with --no-probes for what any user may see");
	config.root_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (config.root_fd < 0)
		return err_set(e, -errno, "/: cannot open: %s", strerror(errno));
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	err = sampler_open(&config, &s, e);
	if (!err)
		err = !options.count && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) ? live(s, &v, e) : plain(s, &v, e);
	sampler_close(s);
	close(config.root_fd);
	return err;
}

const struct verb verb_top = {
	.name = "top",
	.summary = "who delays whom, live",
	.details = "WAIT is time runnable threads waited for a CPU, DELAYED the part of all delays that neighbours caused, SLOW x the estimated "
		   "slowdown by them (1.00 = none), LATENCY the mean of its requests. Enter shows the selected service's requests, its estimate "
		   "with interval, and its culprits by resource. Keys: s and S change the order, p pauses, g and G go to the first and last row.",
	.opts = rows,
	.values = &options,
	.max_operands = 0,
	.run = run,
};
