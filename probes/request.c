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

struct request_probe {
	struct request_bpf *skel;
	struct request_slot *slots;  /* mapped */
	size_t map_bytes;
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

static int request_open(struct probe_shared *shared, void **state, struct err *e)
{
	struct request_probe *p = mem_alloc(1, sizeof(*p));
	int err;

	*state = p;
	if (libbpf_find_vmlinux_btf_id("sock_send_length", BPF_TRACE_RAW_TP) <= 0 ||
	    libbpf_find_vmlinux_btf_id("sk_data_ready", BPF_TRACE_RAW_TP) <= 0)
		return err_set(e, -ENOTSUP, "this kernel lacks the tracepoints sock_send_length and sk_data_ready; Linux 6.3 or newer is needed");
	p->skel = request_bpf__open();
	if (!p->skel)
		return err_set(e, -errno, "cannot open the BPF object: %s", strerror(errno));
	if ((err = probe_share(p->skel->obj, shared)) < 0)
		return err_set(e, err, "cannot share BPF maps: %s", strerror(-err));
	if ((err = request_bpf__load(p->skel)) < 0)
		return err_set(e, err, "the kernel refused the BPF programs: %s; BTF and CAP_BPF + CAP_PERFMON are needed", strerror(-err));
	p->map_bytes = sizeof(struct request_slot) * SLOTS;
	p->slots = mmap(NULL, p->map_bytes, PROT_READ, MAP_SHARED, bpf_map__fd(p->skel->maps.request_slots), 0);
	if (p->slots == MAP_FAILED) {
		p->slots = NULL;
		return err_set(e, -errno, "cannot map the totals: %s", strerror(errno));
	}
	return 0;
}

static int request_attach(void *state, struct err *e)
{
	struct request_probe *p = state;
	int err = request_bpf__attach(p->skel);

	if (err < 0)
		return err_set(e, err, "cannot attach to the sockets' tracepoints: %s", strerror(-err));
	listeners_read(bpf_map__fd(p->skel->maps.request_ports));
	return 0;
}

static int request_read(void *state, struct probe_sample *s, struct err *e)
{
	struct request_probe *p = state;

	(void)e;
	for (unsigned slot = 0; slot < SLOTS; slot++) {
		struct request_slot *last = &p->last[slot], now = p->slots[slot];

		if (slot > SLOT_KERNEL && slot < SLOT_FIRST)
			continue;
		s->counters[PROBE_COUNTER_REQ][slot] = (int64_t)(now.count - last->count);
		s->counters[PROBE_COUNTER_REQ_TIME][slot] = (int64_t)(now.time_ns - last->time_ns);
		for (unsigned i = 0; i < HIST_BUCKETS; i++)
			s->hists[PROBE_HIST_REQ_LATENCY][slot][i] = now.hist[i] - last->hist[i];
		*last = now;
	}
	s->hist_present[PROBE_HIST_REQ_LATENCY] = true;
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
	.name = "request", .help = "latency of requests at servers' TCP and Unix sockets",
	.open = request_open, .attach = request_attach, .read = request_read, .losses = request_losses,
	.object = request_object, .step_down = request_step_down, .close = request_close,
};
