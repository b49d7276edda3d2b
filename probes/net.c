/*
 * Network probe, user side: totals per slot from mapped memory, transmit queues by one locked copy each.
 *
 * Conservation: waiting time in transmit queues = sum of the blame row, both in whole ns. net_tx_delay_ns is the time of the
 * packets that left their queue in the interval, so the two agree over a session, not in each interval.
 * Programs that the kernel cannot offer (no such tracepoint) are left out: sock_{send,recv}_length came with 6.3, the receiving
 * socket of a dropped packet with 6.11; then listen overflows are absent.
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

#include "base/mem.h"
#include "probes/net.h"
#include "probes/net.skel.h"

#define DROP_ARGUMENTS 5         /* of btf_trace_kfree_skb with the receiving socket, its context included */

struct net_probe {
	struct net_bpf *skel;
	struct net_slot *slots;      /* mapped */
	size_t map_bytes;
	struct net_slot last[SLOTS];
	struct net_queue queue;      /* copy */
	uint64_t blame[SLOTS][SLOTS], blame_last[SLOTS][SLOTS];
	bool drop_names_socket, no_softirq, no_rtt;
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
	const struct { const char *tracepoint; struct bpf_program *program; } optional[] = {
		{ "sock_send_length", p->skel->progs.net_send }, { "sock_recv_length", p->skel->progs.net_recv },
		{ "tcp_rcv_space_adjust", p->skel->progs.net_read }, { "tcp_probe", p->skel->progs.net_rtt },
	};

	for (size_t i = 0; i < sizeof(optional) / sizeof(optional[0]); i++)
		bpf_program__set_autoload(optional[i].program, tracepoint_arguments(optional[i].tracepoint) > 0);
	p->drop_names_socket = tracepoint_arguments("kfree_skb") >= DROP_ARGUMENTS;
	bpf_program__set_autoload(p->skel->progs.net_drop_rx, p->drop_names_socket);
	bpf_program__set_autoload(p->skel->progs.net_drop, !p->drop_names_socket);
}

static int net_open(struct probe_shared *shared, void **state, struct err *e)
{
	struct net_probe *p = mem_alloc(1, sizeof(*p));
	int err;

	*state = p;
	p->skel = net_bpf__open();
	if (!p->skel)
		return err_set(e, -errno, "cannot open the BPF object: %s", strerror(errno));
	programs_choose(p);
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

static int traffic_attach(struct net_probe *p, struct err *e)
{
	static const char *const roots[] = { "/sys/fs/cgroup/cgroup.procs", "/sys/fs/cgroup", "/sys/fs/cgroup/unified/cgroup.procs",
					     "/sys/fs/cgroup/unified" };

	for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i += 2) {
		int fd = access(roots[i], F_OK) ? -1 : open(roots[i + 1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (fd < 0)
			continue;
		p->skel->links.net_egress = bpf_program__attach_cgroup(p->skel->progs.net_egress, fd);
		p->skel->links.net_ingress = bpf_program__attach_cgroup(p->skel->progs.net_ingress, fd);
		close(fd);
		if (p->skel->links.net_egress && p->skel->links.net_ingress)
			return 0;
		return err_set(e, -errno, "cannot attach to the root cgroup at %s: %s", roots[i + 1], strerror(errno));
	}
	return err_set(e, -ENOENT, "no cgroup v2 hierarchy is mounted; mount one at /sys/fs/cgroup/unified");
}

static int net_attach(void *state, struct err *e)
{
	struct net_probe *p = state;
	int err;

	bpf_program__set_autoattach(p->skel->progs.net_egress, false);
	bpf_program__set_autoattach(p->skel->progs.net_ingress, false);
	err = net_bpf__attach(p->skel);
	if (err < 0)
		return err_set(e, err, "cannot attach to the network's tracepoints: %s", strerror(-err));
	return traffic_attach(p, e);
}

static int queues_read(struct net_probe *p, struct err *e)
{
	memset(p->blame, 0, sizeof(p->blame));
	for (uint32_t i = 0; i < NET_DEVICES && i < p->skel->bss->net_n_queues; i++) {
		if (bpf_map_lookup_elem_flags(bpf_map__fd(p->skel->maps.net_queues), &i, &p->queue, BPF_F_LOCK))
			return err_set(e, -errno, "cannot read the transmit queues' state: %s", strerror(errno));
		for (unsigned a = 0; a < SLOTS; a++)
			for (unsigned b = 0; b < SLOTS; b++)
				p->blame[a][b] += p->queue.blame[a][b];
	}
	return 0;
}

static void slot_report(struct net_probe *p, unsigned slot, struct probe_sample *s)
{
	struct net_slot *last = &p->last[slot], now = p->slots[slot];
	const struct { enum probe_counter id; uint64_t value; } rows[] = {
#define GROWN(id, field) { PROBE_COUNTER_NET_##id, now.field - last->field }
		GROWN(RX_BYTES, rx_bytes), GROWN(TX_BYTES, tx_bytes), GROWN(RX_PACKETS, rx_packets), GROWN(TX_PACKETS, tx_packets),
		GROWN(RETRANSMITS, retransmits), GROWN(DROPS, drops), GROWN(TX_DELAY, tx_delay_ns), GROWN(SOFTIRQ, softirq_ns),
#undef GROWN
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		s->counters[rows[i].id][slot] = (int64_t)rows[i].value;
	if (p->no_softirq)
		s->counters[PROBE_COUNTER_NET_SOFTIRQ][slot] = PROBE_ABSENT;
	if (p->drop_names_socket)
		s->counters[PROBE_COUNTER_NET_OVERFLOWS][slot] = (int64_t)(now.overflows - last->overflows);
	for (unsigned i = 0; i < HIST_BUCKETS; i++) {
		s->hists[PROBE_HIST_NET_RTT][slot][i] = now.rtt_hist[i] - last->rtt_hist[i];
		s->hists[PROBE_HIST_NET_TX_DELAY][slot][i] = now.tx_hist[i] - last->tx_hist[i];
	}
	for (unsigned b = 0; b < SLOTS; b++) {
		s->blame[PROBE_BLAME_SOFTIRQ][slot][b] = now.softirq_cost[b] - last->softirq_cost[b];
		s->blame[PROBE_BLAME_NET][slot][b] = p->blame[slot][b] - p->blame_last[slot][b];
		p->blame_last[slot][b] = p->blame[slot][b];
	}
	*last = now;
}

static int net_read(void *state, struct probe_sample *s, struct err *e)
{
	struct net_probe *p = state;
	int err = queues_read(p, e);

	if (err < 0)
		return err;
	for (unsigned slot = 0; slot < SLOTS; slot++)
		if (slot <= SLOT_KERNEL || slot >= SLOT_FIRST)
			slot_report(p, slot, s);
	s->hist_present[PROBE_HIST_NET_RTT] = !p->no_rtt && p->skel->links.net_rtt;
	s->hist_present[PROBE_HIST_NET_TX_DELAY] = true;
	s->blame_present[PROBE_BLAME_NET] = true;
	s->blame_present[PROBE_BLAME_SOFTIRQ] = !p->no_softirq;
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

static void link_drop(struct bpf_link **link)
{
	bpf_link__destroy(*link);
	*link = NULL;
}

static int net_step_down(void *state, char *note, size_t size)
{
	struct net_probe *p = state;

	if (!p->no_rtt) {
		p->no_rtt = true;
		link_drop(&p->skel->links.net_rtt);
		snprintf(note, size, "round-trip times are no longer read, to stay within the overhead budget");
		return 0;
	}
	if (p->no_softirq)
		return -ENOENT;
	p->no_softirq = true;
	link_drop(&p->skel->links.net_softirq_entry);
	link_drop(&p->skel->links.net_softirq_exit);
	link_drop(&p->skel->links.net_receive_skb);
	snprintf(note, size, "round-trip times and softirq time are no longer read, to stay within the overhead budget");
	return 0;
}

static void net_close(void *state)
{
	struct net_probe *p = state;

	if (!p)
		return;
	if (p->slots)
		munmap(p->slots, p->map_bytes);
	net_bpf__destroy(p->skel);
	free(p);
}

const struct probe probe_net = {
	.name = "net", .help = "traffic, losses, round-trip times by socket owner; transmit-queue and softirq blame",
	.open = net_open, .attach = net_attach, .read = net_read, .losses = net_losses, .object = net_object,
	.step_down = net_step_down, .close = net_close,
};
