/*
 * Network probe: traffic, losses and round-trip times by owner of the socket; who waits for whom at a device; for whom the
 * receive softirq works and whose task it interrupts. Entry points only; the method stands in net.bpf.h.
 *
 * cgroup_skb at the root cgroup: every packet of every socket exactly once per direction, whatever devices it crosses
 * net_dev_queue, net_dev_start_xmit: a transmit queue; kfree_skb, consume_skb: dropped there, or cut up (GSO)
 * sock_{send,recv}_length (6.3+), tcp_rcv_space_adjust, inet_sock_set_state: a task uses its socket
 */
#include "probes/net.bpf.h"

char LICENSE[] SEC("license") = "GPL";

#define CGROUP_LEVELS 8          /* depth of cgroups looked at in programs that know ids only */

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

	if (sk && (sk = bpf_sk_fullsock(sk)) && (totals = slot_totals(slot_of_skb_sock(sk)))) {
		__sync_fetch_and_add(&totals->tx_bytes, skb->len);
		__sync_fetch_and_add(&totals->tx_packets, skb->gso_segs ? skb->gso_segs : 1);
	}
	return 1;
}

SEC("cgroup_skb/ingress")
int net_ingress(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;
	struct receive *r = receive_state();
	struct net_slot *totals;
	__u32 slot;

	if (!sk || !(sk = bpf_sk_fullsock(sk)))
		return 1;
	slot = slot_of_skb_sock(sk);
	totals = slot_totals(slot);
	if (totals) {
		__sync_fetch_and_add(&totals->rx_bytes, skb->len);
		__sync_fetch_and_add(&totals->rx_packets, skb->gso_segs ? skb->gso_segs : 1);
	}
	if (r && r->active)
		r->owner = slot;
	return 1;
}

SEC("tp_btf/softirq_exit")
int BPF_PROG(net_softirq_exit, unsigned int vector)
{
	struct receive *r = receive_state();

	if (vector == SOFTIRQ_NET_RX && r && r->active) {
		receive_charge(r, bpf_ktime_get_ns());
		r->active = 0;
	}
	return 0;
}

SEC("tp_btf/softirq_entry")
int BPF_PROG(net_softirq_entry, unsigned int vector)
{
	struct receive *r = receive_state();

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
	struct receive *r = receive_state();

	if (r && r->active && r->owner != SLOT_KERNEL) {
		receive_charge(r, bpf_ktime_get_ns());
		r->owner = SLOT_KERNEL;
	}
	return 0;
}

SEC("tp_btf/kfree_skb")
int BPF_PROG(net_drop, struct sk_buff *skb)
{
	struct net_slot *totals;

	packet_leave((__u64)skb, false, bpf_ktime_get_ns());
	if (skb->sk && (totals = slot_totals(slot_of_sock(skb->sk))))
		__sync_fetch_and_add(&totals->drops, 1);
	return 0;
}

/* 6.11 and newer name the receiving socket, which the packet itself does not know yet. */
SEC("tp_btf/kfree_skb")
int BPF_PROG(net_drop_rx, struct sk_buff *skb, void *location, int reason, struct sock *sk)
{
	struct net_slot *totals;

	packet_leave((__u64)skb, false, bpf_ktime_get_ns());
	if (!sk)
		sk = skb->sk;
	if (!sk || !(totals = slot_totals(slot_of_sock(sk))))
		return 0;
	__sync_fetch_and_add(&totals->drops, 1);
	if (sk->__sk_common.skc_state == TCP_LISTEN_STATE && sk->sk_ack_backlog > sk->sk_max_ack_backlog)
		__sync_fetch_and_add(&totals->overflows, 1);
	return 0;
}

SEC("tp_btf/consume_skb")
int BPF_PROG(net_consume, struct sk_buff *skb)
{
	if (*(volatile __u64 *)&net_gso_queued)
		packet_leave((__u64)skb, false, bpf_ktime_get_ns());
	return 0;
}

SEC("tp_btf/net_dev_start_xmit")
int BPF_PROG(net_start_xmit, struct sk_buff *skb, struct net_device *dev)
{
	if (!(dev->flags & DEVICE_LOOPBACK))
		packet_leave((__u64)skb, true, bpf_ktime_get_ns());
	return 0;
}

SEC("tp_btf/net_dev_queue")
int BPF_PROG(net_queue, struct sk_buff *skb)
{
	struct packet p = { 0 };
	struct net_device *dev = skb->dev;
	struct queue_value *q;
	__u64 key = (__u64)skb, now = bpf_ktime_get_ns();

	if (dev->flags & DEVICE_LOOPBACK)
		return 0;
	packet_leave(key, false, now); /* freed where we do not look */
	q = queue_of(dev, &p.queue);
	if (!q) {
		net_lose(NET_LOST_DEVICE);
		return 0;
	}
	p.slot = skb->sk ? slot_of_sock(skb->sk) : SLOT_KERNEL;
	p.gso = packet_is_gso(skb);
	p.start_ns = now;
	if (bpf_map_update_elem(&net_packets, &key, &p, BPF_NOEXIST)) {
		net_lose(NET_LOST_PACKET);
		return 0;
	}
	if (p.gso)
		__sync_fetch_and_add(&net_gso_queued, 1);
	queue_change(q, p.slot, true, false, now);
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

SEC("tp_btf/tcp_probe")
int BPF_PROG(net_rtt, struct sock *sk)
{
	struct net_slot *totals = slot_totals(slot_of_sock(sk));
	__u64 smoothed = BPF_CORE_READ((struct tcp_sock *)sk, srtt_us) >> 3;

	if (totals && smoothed)
		hist_count(totals->rtt_hist, smoothed * 1000);
	return 0;
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(net_send, struct sock *sk)
{
	sock_used(sk);
	return 0;
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(net_recv, struct sock *sk)
{
	sock_used(sk);
	return 0;
}

SEC("tp_btf/tcp_rcv_space_adjust")
int BPF_PROG(net_read, struct sock *sk)
{
	sock_used(sk);
	return 0;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(net_state, struct sock *sk, int old, int state)
{
	if (state == TCP_LISTEN_STATE)
		sock_used(sk);
	return 0;
}
