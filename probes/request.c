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

#include "base/mem.h"
#include "probes/request.h"
#include "probes/request.skel.h"

#define NAMESPACES 1024
#define SAMPLE_EVERY 8

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

/* A socket is judged at its first bytes, so all listeners must be known before: new ones by the event, old ones by /proc. */
static int request_attach(void *state, struct err *e)
{
	struct request_probe *p = state;
	int err = 0;

	p->skel->links.request_listen = bpf_program__attach(p->skel->progs.request_listen);
	if (!p->skel->links.request_listen)
		err = -errno;
	if (!err) {
		listeners_read(bpf_map__fd(p->skel->maps.request_ports));
		err = request_bpf__attach(p->skel);
	}
	return err < 0 ? err_set(e, err, "cannot attach to the sockets' tracepoints: %s", strerror(-err)) : 0;
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

/* Sampled sockets stand for all. */
static uint64_t grown(const struct request_probe *p, uint64_t now, uint64_t last)
{
	return (now - last) * REQUEST_LOTS / p->skel->data->request_share;
}

static void slot_report(const struct request_probe *p, unsigned slot, const struct request_slot *now,
			const struct request_slot *last, struct probe_sample *s)
{
	const struct { enum probe_counter counter; uint64_t now, last; } rows[] = {
		{ PROBE_COUNTER_REQ, now->count, last->count },
		{ PROBE_COUNTER_REQ_TIME, now->time_ns, last->time_ns },
		{ PROBE_COUNTER_REQ_DISK, now->disk_ns, last->disk_ns },
		{ PROBE_COUNTER_REQ_PARTNER, now->partner_ns, last->partner_ns },
		{ PROBE_COUNTER_REQ_BACKLOG, now->backlog_ns, last->backlog_ns },
		{ PROBE_COUNTER_REQ_TURN, now->turn_ns, last->turn_ns },
		{ PROBE_COUNTER_REQ_TURN_BLAMED, now->turn_blamed_ns, last->turn_blamed_ns },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		s->counters[rows[i].counter][slot] = (int64_t)grown(p, rows[i].now, rows[i].last);
	for (unsigned i = 0; i < SLOTS && p->blame; i++)
		s->blame[PROBE_BLAME_REQUEST][slot][i] = grown(p, now->blame[i], last->blame[i]);
	for (unsigned i = 0; i < HIST_BUCKETS; i++)
		s->hists[PROBE_HIST_REQ_LATENCY][slot][i] = grown(p, (uint32_t)(now->hist[i] - last->hist[i]), 0);
}

static int request_read(void *state, struct probe_sample *s, struct err *e)
{
	struct request_probe *p = state;
	struct request_slot now;

	(void)e;
	for (unsigned slot = 0; slot < SLOTS; slot++) {
		if (slot > SLOT_KERNEL && slot < SLOT_FIRST)
			continue;
		slot_sum(p, slot, &now);
		slot_report(p, slot, &now, &p->last[slot], s);
		s->client[slot] = now.client < SLOTS ? (uint16_t)now.client : SLOT_OTHER;
		p->last[slot] = now;
	}
	s->hist_present[PROBE_HIST_REQ_LATENCY] = true;
	s->blame_present[PROBE_BLAME_REQUEST] = p->blame;
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

/* An eighth of the sockets, then none. What was summed up before was of all of them, so the difference must end here. */
static int request_step_down(void *state, char *note, size_t size)
{
	struct request_probe *p = state;

	if (p->skel->data->request_share < REQUEST_LOTS)
		return -ENOENT;
	for (unsigned slot = 0; slot < SLOTS; slot++)
		slot_sum(p, slot, &p->last[slot]);
	p->skel->data->request_share = REQUEST_LOTS / SAMPLE_EVERY;
	snprintf(note, size, "one socket in %d is measured and stands for all, to stay within the overhead budget", SAMPLE_EVERY);
	return 0;
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
	.object = request_object, .step_down = request_step_down, .close = request_close,
};
