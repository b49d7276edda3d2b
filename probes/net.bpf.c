/*
 * Network probe: traffic, losses and round-trip times by owner of the socket; who waits for whom at a device; for whom the
 * receive softirq works and whose task it interrupts. Entry points only; the method stands in net_{sock,queue,receive}.bpf.h.
 *
 * Always attached, and rare:
 *   inet_sock_set_state                a TCP socket listens, connects, is accepted, closes
 *   tcp_retransmit_skb, kfree_skb      sent again, dropped
 *   udp_fail_queue_rcv_skb (before 6.11)  whose datagram was dropped
 *   qdisc_enqueue, qdisc_dequeue       in and out of a transmit queue
 * Run by user space once per interval:
 *   net_tcp_pass                       what every TCP socket has counted
 *   net_files_pass                     who has which socket open
 *   net_packets_pass                   packets that left their queue unseen
 * Run per packet, so attached in windows when they cost too much (probes/window.h):
 *   cgroup_skb at the root cgroup      datagrams and raw packets of every socket; for whom the softirq works
 *   softirq_{entry,exit}, netif_receive_skb   receive work
 */
#include "probes/net_queue.bpf.h"
#include "probes/net_receive.bpf.h"

char LICENSE[] SEC("license") = "GPL";

#define CGROUP_LEVELS 8          /* depth of cgroups looked at in programs that know ids only */
#define TCP_ESTABLISHED 1
#define TCP_SYN_SENT 2
#define TCP_SYN_RECV 3
#define TCP_CLOSE 7

const volatile __u8 net_drop_class[NET_REASONS]; /* enum net_drop by the kernel's reason; set by user space */
const volatile bool net_tells_receiver;          /* net_drop_datagram is attached */

static __always_inline int connection_end(struct sock *sk)
{
	__u64 key = (__u64)sk;
	struct tcp_count *count = bpf_map_lookup_elem(&net_tcp, &key);

	if (!count)
		return 0;
	sock_fold(sk, count);
	bpf_map_delete_elem(&net_tcp, &key);
	return 0;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(net_state, struct sock *sk, int before, int state)
{
	struct sock_rec *rec;

	if (sk->sk_protocol != PROTOCOL_TCP)
		return 0;
	if (state == TCP_CLOSE)
		return connection_end(sk);
	if (state != TCP_LISTEN && state != TCP_SYN_SENT && !(state == TCP_ESTABLISHED && before == TCP_SYN_RECV))
		return 0;
	rec = bpf_sk_storage_get(&net_socks, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!rec) {
		net_lose(NET_LOST_STORAGE);
		return 0;
	}
	if (state != TCP_ESTABLISHED) { /* its task is the current one */
		rec->task_slot = slot_of_current();
		rec->pass = 0;
	}
	owner_note(sk, rec->task_slot);
	sock_follow(sk, true);
	return 0;
}

struct bpf_map;

/* Looked up anew: on 6.1 the verifier lets nobody lock an element that was handed out by a walk. */
static long connection_look(struct bpf_map *map, __u64 *key, struct tcp_count *unused_count, void *unused)
{
	__u64 address = *key;
	struct tcp_count *count = bpf_map_lookup_elem(&net_tcp, &address);

	if (count)
		sock_fold((struct sock *)address, count);
	return 0;
}

/* Walks of our own tables are started by reading an iterator; what it iterates over does not matter, once is enough. (Programs of
 * the type made for being called must not take locks before 6.5.) */
SEC("iter/bpf_map")
int net_tcp_pass(struct bpf_iter__bpf_map *ctx)
{
	if (!ctx->meta->seq_num)
		bpf_for_each_map_elem(&net_tcp, connection_look, NULL, 0);
	return 0;
}

SEC("iter/task_file")
int net_files_pass(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct task_rec *owner;
	struct socket *socket;
	struct sock_rec *rec;
	struct sock *sk;
	__u32 family, slot;

	if (!task || !file || !(socket = bpf_sock_from_file(file)) || !(sk = socket->sk))
		return 0;
	family = sk->__sk_common.skc_family;
	if (family != FAMILY_INET && family != FAMILY_INET6)
		return 0;
	rec = bpf_sk_storage_get(&net_socks, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	owner = task_record(task);
	if (!rec || !owner) {
		net_lose(NET_LOST_STORAGE);
		return 0;
	}
	/* Of several tasks that share it the last one of a service has it: helpers are started after what started them. */
	slot = slot_of_task(task, owner);
	if (slot == SLOT_OTHER && rec->pass == net_pass)
		return 0;
	rec->task_slot = slot;
	rec->pass = net_pass;
	owner_note(sk, slot);
	if (net_first_pass && sk->sk_protocol == PROTOCOL_TCP && sk->__sk_common.skc_state != TCP_CLOSE)
		sock_follow(sk, false);
	return 0;
}

/* Counted by net_drop_datagram, which knows its socket: UDP over IPv4 that does not fit into the socket's buffer. */
static __always_inline bool receiver_is_told(struct sk_buff *skb)
{
	struct ip_start { __u8 version, skipped[8], protocol; } ip = { 0 };
	__u16 at = BPF_CORE_READ(skb, network_header);

	if (!net_tells_receiver)
		return false;
	bpf_probe_read_kernel(&ip, sizeof(ip), BPF_CORE_READ(skb, head) + at);
	return ip.version >> 4 == 4 && ip.protocol == PROTOCOL_UDP;
}

static __always_inline int drop_count(struct sk_buff *skb, struct sock *sk, __u32 reason)
{
	__u64 packet = (__u64)skb, at = reason, kind;
	struct net_slot *totals;

	hide(at);
	if (at >= NET_REASONS)
		at = 0;          /* not among those with a class */
	hide(at);
	kind = net_drop_class[at];
	packet_leave(&packet, false, bpf_ktime_get_ns());
	if (!sk && kind == NET_DROP_BUFFER && receiver_is_told(skb))
		return 0;
	totals = slot_totals(sk ? slot_of_sock(sk) : SLOT_OTHER);
	hide(kind);
	if (!totals || kind >= NET_DROPS)
		return 0;
	__sync_fetch_and_add(&totals->drops[kind], 1);
	return 0;
}

/* Kernels before 5.17 give no reason. */
SEC("tp_btf/kfree_skb")
int BPF_PROG(net_drop, struct sk_buff *skb)
{
	return drop_count(skb, skb->sk, 0);
}

SEC("tp_btf/kfree_skb")
int BPF_PROG(net_drop_reason, struct sk_buff *skb, void *location, int reason)
{
	return drop_count(skb, skb->sk, reason);
}

/* 6.11 and newer name the receiving socket, which the packet itself does not know yet. */
SEC("tp_btf/kfree_skb")
int BPF_PROG(net_drop_rx, struct sk_buff *skb, void *location, int reason, struct sock *sk)
{
	return sk ? drop_count(skb, sk, reason) : drop_count(skb, skb->sk, reason);
}

/* Before that only this event does, for UDP over IPv4. */
SEC("tp_btf/udp_fail_queue_rcv_skb")
int BPF_PROG(net_drop_datagram, int error, struct sock *sk)
{
	struct net_slot *totals = sk->__sk_common.skc_family == FAMILY_INET ? slot_totals(slot_of_sock(sk)) : NULL;

	if (totals)
		__sync_fetch_and_add(&totals->drops[NET_DROP_BUFFER], 1);
	return 0;
}

SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(net_retransmit, struct sock *sk)
{
	struct net_slot *totals = slot_totals(slot_of_sock(sk));

	if (totals)
		__sync_fetch_and_add(&totals->retransmits, 1);
	return 0;
}

SEC("tp_btf/qdisc_enqueue")
int BPF_PROG(net_enqueue, struct Qdisc *qdisc, void *txq, struct sk_buff *skb)
{
	struct packet p = { 0 };
	struct queue_value *q;
	struct sock *sk;
	__u64 key = (__u64)skb, now = bpf_ktime_get_ns();

	packet_leave(&key, false, now); /* went away where we do not look */
	if (queue_cuts(qdisc, skb)) {
		net_lose(NET_LOST_CUT);
		return 0;
	}
	q = queue_of(qdisc, &p.queue);
	if (!q) {
		net_lose(NET_LOST_QUEUE);
		return 0;
	}
	sk = BPF_CORE_READ(skb, sk);
	p.slot = sk ? slot_of_address(sk) : SLOT_KERNEL;
	p.start_ns = queue_enter(q, p.slot, qdisc->flags & QDISC_CAN_BYPASS, now, &p.epoch);
	if (bpf_map_update_elem(&net_packets, &key, &p, BPF_NOEXIST)) {
		queue_leave(q, p.slot, false, now, p.epoch);
		net_lose(NET_LOST_PACKET);
	}
	return 0;
}

SEC("tp_btf/qdisc_dequeue")
int BPF_PROG(net_dequeue, struct Qdisc *qdisc, void *txq, int packets, struct sk_buff *skb)
{
	__u64 now, key, ghosts;
	struct queue_value *q;
	__u32 index;

	if (!skb)
		return 0;
	now = bpf_ktime_get_ns();
	for (int i = 0; i < BULK && skb; i++) {
		key = (__u64)skb;
		packet_leave(&key, true, now);
		if (packets < 2)
			break;
		skb = BPF_CORE_READ(skb, next);
	}
	if (qdisc->q.qlen || qdisc->flags & QDISC_NO_LOCK)
		return 0;
	q = queue_of(qdisc, &index);
	if (q && *(volatile __u32 *)&q->n_list && (ghosts = queue_empty(q, now)))
		__sync_fetch_and_add(&net_lost[NET_LOST_STALE], ghosts);
	return 0;
}

static long packet_look(struct bpf_map *map, __u64 *key, struct packet *p, void *unused)
{
	__u64 now = bpf_ktime_get_ns(), skb = *key;

	if (now - p->start_ns < NET_STALE_NS)
		return 0;
	net_lose(NET_LOST_STALE);
	packet_leave(&skb, false, now);
	return 0;
}

SEC("iter/bpf_map")
int net_packets_pass(struct bpf_iter__bpf_map *ctx)
{
	if (!ctx->meta->seq_num)
		bpf_for_each_map_elem(&net_packets, packet_look, NULL, 0);
	return 0;
}

static __always_inline __u32 slot_of_skb_sock(struct bpf_sock *sk)
{
	struct slot_ctl *ctl = slot_control();
	struct sock_rec *rec = bpf_sk_storage_get(&net_socks, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	__u32 slot = SLOT_OTHER, found;

	if (!ctl || !rec) {
		net_lose(NET_LOST_STORAGE);
		return SLOT_OTHER;
	}
	if (rec->generation != ctl->generation) {
		for (int level = 1; level <= CGROUP_LEVELS && ctl->kinds & (1u << SLOT_CGROUP2); level++) {
			__u64 id = bpf_sk_ancestor_cgroup_id(sk, level);

			if (!id)
				break;
			found = slot_of_id(SLOT_CGROUP2, id);
			slot = found != SLOT_OTHER ? found : slot;
		}
		rec->slot = slot;
		rec->generation = ctl->generation;
	}
	return rec->slot != SLOT_OTHER ? rec->slot : rec->task_slot;
}

SEC("cgroup_skb/egress")
int net_egress(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;
	struct net_slot *totals;

	if (!sk || !(sk = bpf_sk_fullsock(sk)) || sk->protocol == PROTOCOL_TCP)
		return 1;
	totals = slot_totals(slot_of_skb_sock(sk));
	if (totals) {
		__sync_fetch_and_add(&totals->other.tx_bytes, skb->len);
		__sync_fetch_and_add(&totals->other.tx_packets, skb->gso_segs ? skb->gso_segs : 1);
	}
	return 1;
}

SEC("cgroup_skb/ingress")
int net_ingress(struct __sk_buff *skb)
{
	struct receive *r = receive_active();
	struct bpf_sock *sk = skb->sk;
	struct net_slot *totals;
	__u32 slot;

	if (!sk || !(sk = bpf_sk_fullsock(sk)) || (sk->protocol == PROTOCOL_TCP && !r))
		return 1;
	slot = slot_of_skb_sock(sk);
	totals = sk->protocol == PROTOCOL_TCP ? NULL : slot_totals(slot);
	if (totals) {
		__sync_fetch_and_add(&totals->other.rx_bytes, skb->len);
		__sync_fetch_and_add(&totals->other.rx_packets, skb->gso_segs ? skb->gso_segs : 1);
	}
	if (r)
		r->owner = slot;
	return 1;
}

SEC("tp_btf/softirq_exit")
int BPF_PROG(net_softirq_exit, unsigned int vector)
{
	struct receive *r = vector == SOFTIRQ_NET_RX ? receive_active() : NULL;

	if (r) {
		receive_charge(r, bpf_ktime_get_ns());
		r->active = 0;
	}
	return 0;
}

SEC("tp_btf/softirq_entry")
int BPF_PROG(net_softirq_entry, unsigned int vector)
{
	__u32 zero = 0;
	struct receive *r = bpf_map_lookup_elem(&net_receive, &zero);

	if (vector != SOFTIRQ_NET_RX || !r)
		return 0;
	r->start_ns = bpf_ktime_get_ns();
	r->owner = SLOT_KERNEL;
	r->victim = bpf_get_current_task_btf()->pid ? slot_of_current() : SLOT_WAKEUP;
	r->active = 1;
	return 0;
}

SEC("tp_btf/netif_receive_skb")
int BPF_PROG(net_receive_skb, struct sk_buff *skb)
{
	struct receive *r = receive_active();

	if (r && r->owner != SLOT_KERNEL) {
		receive_charge(r, bpf_ktime_get_ns());
		r->owner = SLOT_KERNEL;
	}
	return 0;
}
