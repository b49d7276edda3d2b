/*
 * `cotenant agent`: the node's readings on HTTP for Prometheus and its relatives, at /metrics. libmicrohttpd answers from its own thread with a
 * copy of the last text; readings go on at their own interval whoever asks how often.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/opt.h"
#include "base/parse.h"
#include "collector/openmetrics.h"

#define CONTENT_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"
#define ADDRESS_MAX 64

static struct {
	const char *listen, *by;
	struct opt_list services;
	uint64_t interval_ns;
	double budget_ratio;
	bool no_probes;
} options;

static const struct opt rows[] = {
	{ "listen", 'l', OPT_STR, offsetof(typeof(options), listen), "ADDRESS:PORT", NULL, NULL, "127.0.0.1:9753", "IPv4 address to serve on" },
	{ "service", 's', OPT_LIST, offsetof(typeof(options), services), "NAME=SELECTOR", NULL, NULL, NULL,
	  "watch only this one (may be repeated), as in record" },
	{ "by", 0, OPT_STR, offsetof(typeof(options), by), "auto|cgroup|unit|container|comm|user", NULL, NULL, "auto",
	  "what makes a service when none is named" },
	{ "interval", 'i', OPT_DURATION, offsetof(typeof(options), interval_ns), "TIME", "100ms", "1h", "5s", "time between two readings" },
	{ "budget", 0, OPT_RATIO, offsetof(typeof(options), budget_ratio), "RATIO", "0", "100%", "0.5%",
	  "own share of the node's CPU time; above it probes step down (0: no limit)" },
	{ "no-probes", 0, OPT_FLAG, offsetof(typeof(options), no_probes), NULL, NULL, NULL, NULL, "without BPF: no blame" },
	{ 0 },
};

struct page {
	pthread_mutex_t lock;
	char *text;
	size_t size;
};

static enum MHD_Result answer(void *context, struct MHD_Connection *c, const char *url, const char *method, const char *version,
			      const char *upload, size_t *upload_size, void **state)
{
	static char not_found[] = "cotenant agent: the metrics are at /metrics\n";
	struct page *page = context;
	struct MHD_Response *r;
	enum MHD_Result result;
	bool found = !strcmp(url, "/metrics");

	(void)version, (void)upload, (void)upload_size, (void)state;
	if (strcmp(method, "GET") && strcmp(method, "HEAD"))
		return MHD_NO;
	if (found) {
		pthread_mutex_lock(&page->lock);
		r = MHD_create_response_from_buffer(page->size, page->text, MHD_RESPMEM_MUST_COPY);
		pthread_mutex_unlock(&page->lock);
	} else {
		r = MHD_create_response_from_buffer(sizeof(not_found) - 1, not_found, MHD_RESPMEM_PERSISTENT);
	}
	if (!r)
		return MHD_NO;
	MHD_add_response_header(r, "Content-Type", found ? CONTENT_TYPE : "text/plain");
	result = MHD_queue_response(c, found ? MHD_HTTP_OK : MHD_HTTP_NOT_FOUND, r);
	MHD_destroy_response(r);
	return result;
}

static int parse_address(const char *text, struct sockaddr_in *a, struct err *e)
{
	const char *colon = strrchr(text, ':');
	char host[ADDRESS_MAX] = "";
	uint64_t port;

	*a = (struct sockaddr_in){ .sin_family = AF_INET };
	if (colon && (size_t)(colon - text) < sizeof(host))
		memcpy(host, text, (size_t)(colon - text));
	if (!colon || parse_u64(colon + 1, &port) || !port || port > 65535 || inet_pton(AF_INET, host, &a->sin_addr) != 1)
		return err_set(e, -EINVAL, "--listen %s: not ADDRESS:PORT; write it like 127.0.0.1:9753 or 0.0.0.0:9753", text);
	a->sin_port = htons((uint16_t)port);
	return 0;
}

static void refresh(struct page *page, struct openmetrics *o, const struct sampler *s)
{
	size_t size;
	char *text = openmetrics_text(o, s, &size), *old;

	pthread_mutex_lock(&page->lock);
	old = page->text;
	page->text = text;
	page->size = size;
	pthread_mutex_unlock(&page->lock);
	free(old);
}

/* Readings until a signal of the (blocked) set comes. */
static int serve(struct sampler *s, struct page *page, const sigset_t *set, struct err *e)
{
	struct timespec step = { (time_t)(options.interval_ns / 1000000000), (long)(options.interval_ns % 1000000000) };
	struct openmetrics *o = openmetrics_new();
	int err = 0;

	refresh(page, o, s);
	while (!err && sigtimedwait(set, NULL, &step) < 0) {
		err = sampler_tick(s, e);
		if (err)
			break;
		openmetrics_add(o, s);
		refresh(page, o, s);
	}
	free(o);
	return err;
}

static int agent(struct sampler *s, struct sockaddr_in *address, const sigset_t *set, struct err *e)
{
	struct page page = { .lock = PTHREAD_MUTEX_INITIALIZER, .text = strdup("# EOF\n"), .size = 6 };
	struct MHD_Daemon *daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, answer, &page, MHD_OPTION_SOCK_ADDR,
						     address, MHD_OPTION_CONNECTION_TIMEOUT, 10u, MHD_OPTION_END);
	int err;

	if (!daemon) {
		free(page.text);
		return err_set(e, -EADDRINUSE, "--listen %s: cannot serve there: %s; is another agent running?", options.listen, strerror(errno));
	}
	fprintf(stderr, "cotenant agent: http://%s/metrics\n", options.listen);
	err = serve(s, &page, set, e);
	MHD_stop_daemon(daemon);
	free(page.text);
	return err;
}

static int run(const struct operands *op, struct err *e)
{
	struct sampler_config config = { .by = service_by_parse(options.by), .interval_ns = options.interval_ns, .selectors = options.services.v,
					 .n_selectors = options.services.n, .budget_ratio = options.budget_ratio,
					 .no_probes = options.no_probes };
	struct sockaddr_in address;
	struct sampler *s = NULL;
	sigset_t set;
	int err = parse_address(options.listen, &address, e);

	(void)op;
	if (err)
		return err;
	if (geteuid() && !options.no_probes)
		return err_set(e, -EPERM, "agent needs root for its probes; run it as root, or with --no-probes for what any user may see");
	config.root_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (config.root_fd < 0)
		return err_set(e, -errno, "/: cannot open: %s", strerror(errno));
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	err = sampler_open(&config, &s, e);
	if (!err)
		err = agent(s, &address, &set, e);
	sampler_close(s);
	close(config.root_fd);
	return err;
}

const struct verb verb_agent = {
	.name = "agent",
	.summary = "serve the live figures of this node as OpenMetrics over HTTP",
	.details = "Running totals since its start at http://ADDRESS:PORT/metrics, in base units; any Prometheus-compatible server can scrape it. SIGTERM ends it.",
	.opts = rows,
	.values = &options,
	.max_operands = 0,
	.run = run,
};
