/*
 * Network probe, user side: once per interval the kernel's sockets are walked (net_tcp_pass), now and then the files that are open
 * (net_files_pass); totals per slot from mapped memory, transmit queues by one locked copy each.
 *
 * Conservation: waiting time in transmit queues = sum of the blame row, both in whole ns. net_tx_delay_ns is the time of the
 * packets that left their queue in the interval, so the two agree over a session, not in each interval.
 * Programs that the kernel cannot offer (no such tracepoint) are left out: qdisc_enqueue came with 5.15, a reason of drops with 5.17,
 * the receiving socket of a dropped packet with 6.11.
 */
#include "probes/table.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "probes/net.h"
#include "probes/net_drop.h"
#include "probes/net.skel.h"

#define DROP_REASON_ARGUMENTS 4  /* of btf_trace_kfree_skb with the reason, its context included */
#define DROP_SOCKET_ARGUMENTS 5  /* and with the receiving socket */
#define FILES_PASS_SHARE 4000    /* open files are looked at so often that it takes one part in so many of one CPU's time */

enum walk { WALK_TCP, WALK_PACKETS, WALK_FILES, WALKS };

#define SOFTIRQ_PROGRAMS(p) (p)->skel->progs.net_softirq_exit, (p)->skel->progs.net_receive_skb, (p)->skel->progs.net_softirq_entry

struct net_probe {
	struct net_bpf *skel;
	struct net_slot *slots;      /* mapped */
	size_t map_bytes;
	struct net_slot last[SLOTS];
	struct net_queue queue;      /* copy */
	uint64_t blame[SLOTS][SLOTS], blame_last[SLOTS][SLOTS];
	int cgroup_fd;               /* root of the v2 hierarchy */
	struct bpf_link *walks[WALKS];
	uint64_t files_due_ns;
	int drop_arguments;
};

/* How many arguments a tracepoint has on this kernel; 0 = there is none. */
static int tracepoint_arguments(const char *name)
{
	struct btf *btf = btf__load_vmlinux_btf();
	const struct btf_type *t;
	char type[80];
	int id, n = 0;

	snprintf(type, sizeof(type), "btf_trace_%s", name);
	id = btf ? btf__find_by_name_kind(btf, type, BTF_KIND_TYPEDEF) : -1;
	for (t = id > 0 ? btf__type_by_id(btf, (uint32_t)id) : NULL; t && (btf_is_typedef(t) || btf_is_ptr(t));)
		t = btf__type_by_id(btf, t->type);
	if (t && btf_is_func_proto(t))
		n = btf_vlen(t);
	btf__free(btf);
	return n;
}

static void programs_choose(struct net_probe *p)
{
	int drop = p->drop_arguments = tracepoint_arguments("kfree_skb");
	bool queues = tracepoint_arguments("qdisc_enqueue") > 0;

	bpf_program__set_autoload(p->skel->progs.net_enqueue, queues);
	bpf_program__set_autoload(p->skel->progs.net_dequeue, queues);
	bpf_program__set_autoload(p->skel->progs.net_drop_rx, drop >= DROP_SOCKET_ARGUMENTS);
	bpf_program__set_autoload(p->skel->progs.net_drop_reason, drop == DROP_REASON_ARGUMENTS);
	bpf_program__set_autoload(p->skel->progs.net_drop, drop < DROP_REASON_ARGUMENTS);
	p->skel->rodata->net_tells_receiver = drop == DROP_REASON_ARGUMENTS && tracepoint_arguments("udp_fail_queue_rcv_skb") > 0;
	bpf_program__set_autoload(p->skel->progs.net_drop_datagram, p->skel->rodata->net_tells_receiver);
}

static int net_open(struct probe_shared *shared, void **state, struct err *e)
{
	struct net_probe *p = mem_alloc(1, sizeof(*p));
	int err;

	*state = p;
	p->cgroup_fd = -1;
	p->skel = net_bpf__open();
	if (!p->skel)
		return err_set(e, -errno, "cannot open the BPF object: %s", strerror(errno));
	programs_choose(p);
	net_drop_classes(p->skel->rodata->net_drop_class);
	/* Walking the table costs time whether it is full or not: its size follows the node's. */
	bpf_map__set_max_entries(p->skel->maps.net_tcp, NET_CONNECTIONS_PER_CPU * (uint32_t)shared->n_cpus);
	if ((err = probe_share(p->skel->obj, shared)) < 0)
		return err_set(e, err, "cannot share BPF maps: %s", strerror(-err));
	if ((err = net_bpf__load(p->skel)) < 0)
		return err_set(e, err, "the kernel refused the BPF programs: %s; BTF and CAP_BPF + CAP_PERFMON + CAP_NET_ADMIN are needed",
			       strerror(-err));
	p->map_bytes = sizeof(struct net_slot) * SLOTS;
	p->slots = mmap(NULL, p->map_bytes, PROT_READ, MAP_SHARED, bpf_map__fd(p->skel->maps.net_slots), 0);
	if (p->slots == MAP_FAILED) {
		p->slots = NULL;
		return err_set(e, -errno, "cannot map the totals: %s", strerror(errno));
	}
	return 0;
}

static int cgroup_root_open(struct net_probe *p, struct err *e)
{
	static const char *const roots[] = { "/sys/fs/cgroup/cgroup.procs", "/sys/fs/cgroup", "/sys/fs/cgroup/unified/cgroup.procs",
					     "/sys/fs/cgroup/unified" };

	for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]) && p->cgroup_fd < 0; i += 2)
		p->cgroup_fd = access(roots[i], F_OK) ? -1 : open(roots[i + 1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return p->cgroup_fd >= 0 ? 0 : err_set(e, -ENOENT, "no cgroup v2 hierarchy is mounted; mount one at /sys/fs/cgroup/unified");
}

static int walk(struct net_probe *p, enum walk which, struct err *e)
{
	int fd = bpf_iter_create(bpf_link__fd(p->walks[which]));
	ssize_t n;
	char byte;

	if (fd < 0)
		return err_set(e, -errno, "cannot walk the kernel's sockets: %s", strerror(errno));
	do
		n = read(fd, &byte, 1);
	while (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)));
	close(fd);
	return n < 0 ? err_set(e, -errno, "cannot walk the kernel's sockets: %s", strerror(errno)) : 0;
}

static int walks_attach(struct net_probe *p, struct err *e)
{
	struct bpf_program *programs[WALKS] = {
		[WALK_TCP] = p->skel->progs.net_tcp_pass, [WALK_PACKETS] = p->skel->progs.net_packets_pass,
		[WALK_FILES] = p->skel->progs.net_files_pass,
	};

	for (int i = 0; i < WALKS; i++)
		if (!(p->walks[i] = bpf_program__attach_iter(programs[i], NULL)))
			return err_set(e, -errno, "cannot walk the kernel's sockets: %s", strerror(errno));
	return 0;
}

/* Who has which socket open; when it takes long, it is done seldom. */
static int files_pass(struct net_probe *p, struct err *e)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC), cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	int err;

	if (now < p->files_due_ns)
		return 0;
	p->skel->bss->net_pass++;
	err = walk(p, WALK_FILES, e);
	if (!err && p->skel->bss->net_n_queues)
		err = walk(p, WALK_PACKETS, e);
	p->files_due_ns = now + (clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu) * FILES_PASS_SHARE;
	return err;
}

static int net_attach(void *state, struct err *e)
{
	struct net_probe *p = state;
	int err;

	probe_leave((struct bpf_program *[]){ p->skel->progs.net_egress, p->skel->progs.net_ingress, SOFTIRQ_PROGRAMS(p), p->skel->progs.net_tcp_pass,
					      p->skel->progs.net_packets_pass, p->skel->progs.net_files_pass, NULL });
	err = net_bpf__attach(p->skel);
	if (err < 0)
		return err_set(e, err, "cannot attach to the network's tracepoints: %s", strerror(-err));
	if ((err = cgroup_root_open(p, e)) < 0 || (err = walks_attach(p, e)) < 0)
		return err;
	p->skel->bss->net_first_pass = 1;
	err = files_pass(p, e);
	p->skel->bss->net_first_pass = 0;
	return err;
}

static void window_edge(void *state, enum window_edge edge)
{
	if (edge == WINDOW_ATTACH)
		((struct net_probe *)state)->skel->bss->net_since_ns = clock_ns(CLOCK_MONOTONIC);
}

static void net_hot(void *state, struct window_group *out)
{
	struct net_probe *p = state;

	*out = (struct window_group){ .programs = { { bpf_program__fd(p->skel->progs.net_egress), p->cgroup_fd, BPF_CGROUP_INET_EGRESS },
						    { bpf_program__fd(p->skel->progs.net_ingress), p->cgroup_fd, BPF_CGROUP_INET_INGRESS } },
				      .n = 2, .edge = window_edge, .context = p };
	probe_windows(out, (struct bpf_program *[]){ SOFTIRQ_PROGRAMS(p), NULL });
}

static int queues_read(struct net_probe *p, struct err *e)
{
	memset(p->blame, 0, sizeof(p->blame));
	for (uint32_t i = 0; i < NET_QUEUES && i < p->skel->bss->net_n_queues; i++) {
		if (bpf_map_lookup_elem_flags(bpf_map__fd(p->skel->maps.net_queues), &i, &p->queue, BPF_F_LOCK))
			return err_set(e, -errno, "cannot read the transmit queues' state: %s", strerror(errno));
		for (unsigned a = 0; a < SLOTS; a++)
			for (unsigned b = 0; b < SLOTS; b++)
				p->blame[a][b] += p->queue.blame[a][b];
	}
	return 0;
}

static void traffic_report(const struct net_slot *now, const struct net_slot *last, unsigned slot, struct probe_sample *s)
{
	const struct { enum probe_counter id; uint64_t exact, seen; } rows[] = {
#define GROWN(id, field) { PROBE_COUNTER_NET_##id, now->tcp.field - last->tcp.field, now->other.field - last->other.field }
		GROWN(RX_BYTES, rx_bytes), GROWN(TX_BYTES, tx_bytes), GROWN(RX_PACKETS, rx_packets), GROWN(TX_PACKETS, tx_packets),
#undef GROWN
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		s->counters[rows[i].id][slot] = (int64_t)(rows[i].exact + probe_scaled(rows[i].seen, s->hot_ratio));
}

static void drops_report(const struct net_probe *p, const struct net_slot *now, const struct net_slot *last, unsigned slot, struct probe_sample *s)
{
	static const enum probe_counter ids[NET_DROPS] = {
		[NET_DROP_BUFFER] = PROBE_COUNTER_NET_DROPS_BUFFER, [NET_DROP_QUEUE] = PROBE_COUNTER_NET_DROPS_QUEUE,
		[NET_DROP_FILTER] = PROBE_COUNTER_NET_DROPS_FILTER, [NET_DROP_NOBODY] = PROBE_COUNTER_NET_DROPS_NOBODY,
		[NET_DROP_DAMAGED] = PROBE_COUNTER_NET_DROPS_DAMAGED, [NET_DROP_PROTOCOL] = PROBE_COUNTER_NET_DROPS_PROTOCOL,
	};
	uint64_t all = 0, one;

	for (int i = 0; i < NET_DROPS; i++) {
		all += one = now->drops[i] - last->drops[i];
		if (i != NET_DROP_OTHER && p->drop_arguments >= DROP_REASON_ARGUMENTS)
			s->counters[ids[i]][slot] = (int64_t)one;
	}
	s->counters[PROBE_COUNTER_NET_DROPS][slot] = (int64_t)all;
	s->counters[PROBE_COUNTER_NET_OVERFLOWS][slot] = (int64_t)(now->overflows - last->overflows);
}

static void slot_report(struct net_probe *p, unsigned slot, struct probe_sample *s)
{
	struct net_slot *last = &p->last[slot], now = p->slots[slot];

	traffic_report(&now, last, slot, s);
	drops_report(p, &now, last, slot, s);
	s->counters[PROBE_COUNTER_NET_RETRANSMITS][slot] = (int64_t)(now.retransmits - last->retransmits);
	if (p->skel->links.net_enqueue)
		s->counters[PROBE_COUNTER_NET_TX_DELAY][slot] = (int64_t)(now.tx_delay_ns - last->tx_delay_ns);
	if (s->hot_ratio > 0)
		s->counters[PROBE_COUNTER_NET_SOFTIRQ][slot] = (int64_t)probe_scaled(now.softirq_ns - last->softirq_ns, s->hot_ratio);
	for (unsigned i = 0; i < HIST_BUCKETS; i++) {
		s->hists[PROBE_HIST_NET_RTT][slot][i] = now.rtt_hist[i] - last->rtt_hist[i];
		s->hists[PROBE_HIST_NET_TX_DELAY][slot][i] = now.tx_hist[i] - last->tx_hist[i];
	}
	for (unsigned b = 0; b < SLOTS; b++) {
		s->blame[PROBE_BLAME_SOFTIRQ][slot][b] += probe_scaled(now.softirq_cost[b] - last->softirq_cost[b], s->hot_ratio);
		s->blame[PROBE_BLAME_NET][slot][b] = p->blame[slot][b] - p->blame_last[slot][b];
		p->blame_last[slot][b] = p->blame[slot][b];
	}
	*last = now;
}

static int net_read(void *state, struct probe_sample *s, struct err *e)
{
	struct net_probe *p = state;
	int err;

	if ((err = files_pass(p, e)) < 0 || (err = walk(p, WALK_TCP, e)) < 0 || (err = queues_read(p, e)) < 0)
		return err;
	PROBE_FOR_SLOTS(slot, s)
		slot_report(p, slot, s);
	s->hist_present[PROBE_HIST_NET_RTT] = true;
	s->hist_present[PROBE_HIST_NET_TX_DELAY] = s->blame_present[PROBE_BLAME_NET] = p->skel->links.net_enqueue != NULL;
	s->blame_present[PROBE_BLAME_SOFTIRQ] |= s->hot_ratio > 0;
	return 0;
}

static uint64_t net_losses(const void *state)
{
	const struct net_probe *p = state;
	uint64_t lost = 0;

	for (int i = 0; i < NET_LOSSES; i++)
		lost += p->skel->bss->net_lost[i];
	return lost;
}

static struct bpf_object *net_object(const void *state)
{
	return ((const struct net_probe *)state)->skel->obj;
}

/* All that costs much is sampled (net_hot); there is nothing else to give up. */
static int net_step_down(void *state, char *note, size_t size)
{
	(void)state, (void)note, (void)size;
	return -ENOENT;
}

static void net_close(void *state)
{
	struct net_probe *p = state;

	if (!p)
		return;
	if (p->slots)
		munmap(p->slots, p->map_bytes);
	for (int i = 0; i < WALKS; i++)
		bpf_link__destroy(p->walks[i]);
	if (p->cgroup_fd >= 0)
		close(p->cgroup_fd);
	net_bpf__destroy(p->skel);
	free(p);
}

const struct probe probe_net = {
	.name = "net", .help = "traffic, losses, round-trip times by socket owner; transmit-queue and softirq blame",
	.open = net_open, .attach = net_attach, .read = net_read, .losses = net_losses, .object = net_object,
	.parts = { [PROBE_HOT] = net_hot }, .part_help = { [PROBE_HOT] = "softirq time and datagrams" }, .step_down = net_step_down, .close = net_close,
};
