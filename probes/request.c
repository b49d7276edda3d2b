/*
 * Request probe, user side: ports listened on when it starts, totals per slot from mapped memory.
 * Listeners are read from /proc/PID/net of one process per network namespace; later ones the BPF side sees itself.
 */
#include "probes/table.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "probes/request.h"
#include "probes/request.skel.h"

#define NAMESPACES 1024
#define WEIGHT_MOST 10.0     /* of a request that hardly fits into a window */

struct request_probe {
	struct request_bpf *skel;
	struct request_slot *slots;  /* mapped: [n_cpus * SLOTS] */
	size_t map_bytes;
	int n_cpus;
	bool blame;                  /* the CPU probe writes the waits' logs */
	struct request_slot last[SLOTS];
};

/* Rows "sl: LOCAL:PORT REMOTE:PORT STATE …" in hex; state 0A listens. */
static void ports_read(int map, const char *path)
{
	FILE *f = fopen(path, "re");
	char line[512];
	uint32_t port, one = 1;

	if (!f)
		return;
	while (fgets(line, sizeof(line), f)) {
		char *save = NULL, *field = strtok_r(line, " ", &save), *local = field ? strtok_r(NULL, " ", &save) : NULL;
		char *remote = local ? strtok_r(NULL, " ", &save) : NULL, *state = remote ? strtok_r(NULL, " ", &save) : NULL;
		char *colon = state ? strrchr(local, ':') : NULL, *end;

		if (!colon || strcmp(state, "0A"))
			continue;
		port = (uint32_t)strtoul(colon + 1, &end, 16);
		if (!*end && port)
			bpf_map_update_elem(map, &port, &one, BPF_ANY);
	}
	fclose(f);
}

static void listeners_read(int map)
{
	ino_t seen[NAMESPACES];
	size_t n = 0, i;
	DIR *proc = opendir("/proc");
	struct dirent *d;

	while (proc && n < NAMESPACES && (d = readdir(proc))) {
		char path[300];
		struct stat st;

		snprintf(path, sizeof(path), "/proc/%s/ns/net", d->d_name);
		if (d->d_name[0] < '1' || d->d_name[0] > '9' || stat(path, &st))
			continue;
		for (i = 0; i < n && seen[i] != st.st_ino; i++)
			;
		if (i < n)
			continue;
		seen[n++] = st.st_ino;
		snprintf(path, sizeof(path), "/proc/%s/net/tcp", d->d_name);
		ports_read(map, path);
		snprintf(path, sizeof(path), "/proc/%s/net/tcp6", d->d_name);
		ports_read(map, path);
	}
	if (proc)
		closedir(proc);
}

static bool has_tracepoint(const char *name)
{
	return libbpf_find_vmlinux_btf_id(name, BPF_TRACE_RAW_TP) > 0;
}

/* The best pair of hooks this kernel has. */
static void programs_choose(struct request_bpf *skel)
{
	bool sockets = has_tracepoint("sock_send_length") && has_tracepoint("sk_data_ready");

	bpf_program__set_autoload(skel->progs.request_send, sockets);
	bpf_program__set_autoload(skel->progs.request_arrival, sockets);
	bpf_program__set_autoload(skel->progs.request_segment, !sockets);
	bpf_program__set_autoload(skel->progs.request_packet, !sockets);
}

static int request_open(struct probe_shared *shared, void **state, struct err *e)
{
	struct request_probe *p = mem_alloc(1, sizeof(*p));
	int err;

	*state = p;
	p->n_cpus = shared->n_cpus;
	p->blame = shared->wait_logs_fd >= 0;
	p->skel = request_bpf__open();
	if (!p->skel)
		return err_set(e, -errno, "cannot open the BPF object: %s", strerror(errno));
	programs_choose(p->skel);
	bpf_map__set_max_entries(p->skel->maps.request_slots, (uint32_t)p->n_cpus * SLOTS);
	if ((err = probe_share(p->skel->obj, shared)) < 0)
		return err_set(e, err, "cannot share BPF maps: %s", strerror(-err));
	if ((err = request_bpf__load(p->skel)) < 0)
		return err_set(e, err, "the kernel refused the BPF programs: %s; BTF and CAP_BPF + CAP_PERFMON are needed", strerror(-err));
	p->map_bytes = (sizeof(struct request_slot) + 7) / 8 * 8 * SLOTS * (size_t)p->n_cpus;
	p->slots = mmap(NULL, p->map_bytes, PROT_READ, MAP_SHARED, bpf_map__fd(p->skel->maps.request_slots), 0);
	if (p->slots == MAP_FAILED) {
		p->slots = NULL;
		return err_set(e, -errno, "cannot map the totals: %s", strerror(errno));
	}
	return 0;
}

/* A socket is judged at its first bytes, so all listeners must be known before: new ones by the event, old ones by /proc. The
 * rest is attached in windows (request_hot). */
static int request_attach(void *state, struct err *e)
{
	struct request_probe *p = state;

	p->skel->links.request_listen = bpf_program__attach(p->skel->progs.request_listen);
	if (!p->skel->links.request_listen)
		return err_set(e, -errno, "cannot attach to the sockets' tracepoint: %s", strerror(errno));
	listeners_read(bpf_map__fd(p->skel->maps.request_ports));
	return 0;
}

static void window_edge(void *state, enum window_edge edge)
{
	if (edge == WINDOW_ATTACH)
		((struct request_probe *)state)->skel->bss->request_since_ns = clock_ns(CLOCK_MONOTONIC);
}

/* The response first: no request begins of which the end is not looked for. */
static void request_hot(void *state, struct window_group *out)
{
	struct request_probe *p = state;

	*out = (struct window_group){ .edge = window_edge, .context = p };
	probe_windows(out, (struct bpf_program *[]){ p->skel->progs.request_send, p->skel->progs.request_arrival, p->skel->progs.request_packet,
						     p->skel->progs.request_segment, NULL });
}

/* One slot's totals since load, all CPUs. Fields may be a few ns apart; they only grow. */
static void slot_sum(const struct request_probe *p, unsigned slot, struct request_slot *sum)
{
	memset(sum, 0, sizeof(*sum));
	for (int cpu = 0; cpu < p->n_cpus; cpu++) {
		const struct request_slot *one = &p->slots[(size_t)cpu * SLOTS + slot];

		sum->turn_ns += one->turn_ns;
		sum->turn_blamed_ns += one->turn_blamed_ns;
		if (!one->count)
			continue;
		sum->count += one->count;
		sum->time_ns += one->time_ns;
		sum->disk_ns += one->disk_ns;
		sum->partner_ns += one->partner_ns;
		sum->backlog_ns += one->backlog_ns;
		sum->client = one->client ? one->client : sum->client;
		for (unsigned i = 0; i < SLOTS; i++)
			sum->blame[i] += one->blame[i];
		for (unsigned i = 0; i < HIST_BUCKETS; i++)
			sum->hist[i] += one->hist[i];
	}
}

/* What the requests seen stand for. One of latency l is seen when it begins and ends within a window of length w: (1 - l / w) of
 * them are. Both are 1 while everything is seen. */
struct scale { double count, time; };

static struct scale scale_of(const struct request_slot *now, const struct request_slot *last, const struct probe_sample *s, uint64_t *hist)
{
	double ratio = s->hot_ratio, window = ratio * (double)s->period_ns, seen = 0, stands = 0, seen_ns = 0, stands_ns = 0;

	for (uint32_t b = 0; b < HIST_BUCKETS; b++) {
		double n = (uint32_t)(now->hist[b] - last->hist[b]), ns = (double)(hist_low(b) + hist_low(b + 1)) / 2;
		double weight = ratio >= 1 ? 1 : (ns < window * (1 - 1 / WEIGHT_MOST) ? 1 / (1 - ns / window) : WEIGHT_MOST) / ratio;

		hist[b] = (uint64_t)(n * weight + 0.5);
		seen += n;
		stands += (double)hist[b];
		seen_ns += n * ns;
		stands_ns += n * ns * weight;
	}
	return seen > 0 ? (struct scale){ stands / seen, stands_ns / seen_ns } : (struct scale){ 1 / ratio, 1 / ratio };
}

static int64_t grown(uint64_t now, uint64_t last, double scale)
{
	return (int64_t)((double)(now - last) * scale + 0.5);
}

/* Latency is the sum of its parts, so that it is that to the ns also when they are scaled. */
static void slot_report(const struct request_probe *p, unsigned slot, const struct request_slot *now,
			const struct request_slot *last, struct probe_sample *s)
{
	struct scale scale = scale_of(now, last, s, s->hists[PROBE_HIST_REQ_LATENCY][slot]);
	const struct { enum probe_counter counter; uint64_t now, last; double scale; } rows[] = {
		{ PROBE_COUNTER_REQ, now->count, last->count, scale.count },
		{ PROBE_COUNTER_REQ_DISK, now->disk_ns, last->disk_ns, scale.time },
		{ PROBE_COUNTER_REQ_PARTNER, now->partner_ns, last->partner_ns, scale.time },
		{ PROBE_COUNTER_REQ_BACKLOG, now->backlog_ns, last->backlog_ns, scale.time },
		{ PROBE_COUNTER_REQ_TURN, now->turn_ns, last->turn_ns, 1 / s->hot_ratio },
		{ PROBE_COUNTER_REQ_TURN_BLAMED, now->turn_blamed_ns, last->turn_blamed_ns, 1 / s->hot_ratio },
	};
	int64_t time = 0, part;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		s->counters[rows[i].counter][slot] = grown(rows[i].now, rows[i].last, rows[i].scale);
	for (unsigned i = 0; i < SLOTS; i++) {
		time += part = grown(now->blame[i], last->blame[i], scale.time);
		if (p->blame)
			s->blame[PROBE_BLAME_REQUEST][slot][i] = (uint64_t)part;
	}
	s->counters[PROBE_COUNTER_REQ_TIME][slot] = time + s->counters[PROBE_COUNTER_REQ_DISK][slot];
}

static int request_read(void *state, struct probe_sample *s, struct err *e)
{
	struct request_probe *p = state;
	struct request_slot now;

	(void)e;
	PROBE_FOR_SLOTS(slot, s) {
		slot_sum(p, slot, &now);
		if (s->hot_ratio > 0)
			slot_report(p, slot, &now, &p->last[slot], s);
		s->client[slot] = now.client < SLOTS ? (uint16_t)now.client : SLOT_OTHER;
		p->last[slot] = now;
	}
	s->hist_present[PROBE_HIST_REQ_LATENCY] = s->hot_ratio > 0;
	s->blame_present[PROBE_BLAME_REQUEST] = p->blame && s->hot_ratio > 0;
	return 0;
}

static uint64_t request_losses(const void *state)
{
	return ((const struct request_probe *)state)->skel->bss->request_lost;
}

static struct bpf_object *request_object(const void *state)
{
	return ((const struct request_probe *)state)->skel->obj;
}

/* All that costs is sampled (request_hot). */
static int request_step_down(void *state, char *note, size_t size)
{
	(void)state, (void)note, (void)size;
	return -ENOENT;
}

static void request_close(void *state)
{
	struct request_probe *p = state;

	if (!p)
		return;
	if (p->slots)
		munmap(p->slots, p->map_bytes);
	request_bpf__destroy(p->skel);
	free(p);
}

const struct probe probe_request = {
	.name = "request", .help = "latency of requests at servers' TCP and Unix sockets, and who caused it",
	.open = request_open, .attach = request_attach, .read = request_read, .losses = request_losses,
	.object = request_object, .parts = { [PROBE_HOT] = request_hot }, .part_help = { [PROBE_HOT] = "requests" },
	.step_down = request_step_down, .close = request_close,
};
