/*
 * Transmit queues: packets between qdisc_enqueue and qdisc_dequeue. A packet that finds its queue empty and its device free
 * passes by without either event, and so costs and waits nothing; devices without a queue (loopback) never have them.
 *
 * qdisc_enqueue fires when the packet is in already: a queue without a lock may have sent and freed it by then. So the packet and its
 * socket are only read by value (slot_of_address), and what was left behind is swept out (queue_empty, net_packets_pass).
 *
 * A queue is a root qdisc: of a device with several hardware queues, one of them.
 */
#ifndef PROBES_NET_QUEUE_BPF_H
#define PROBES_NET_QUEUE_BPF_H

#include "probes/net_sock.bpf.h"

#define QDISC_CAN_BYPASS 4       /* TCQ_F_CAN_BYPASS */
#define QDISC_NO_LOCK 0x100      /* TCQ_F_NOLOCK: its length is kept per CPU */
#define BULK 16                  /* packets of one dequeue that are looked at */

#pragma clang attribute push (__attribute__((preserve_access_index)), apply_to = record)
struct qdisc_skb_head { __u32 qlen; };
struct Qdisc_ops { char id[16]; };
struct Qdisc { unsigned int flags; const struct Qdisc_ops *ops; struct qdisc_skb_head q; };
struct sk_buff {
	struct sk_buff *next;
	struct sock *sk;
	__u16 network_header;
	unsigned int end;
	unsigned char *head;
};
struct skb_shared_info { unsigned short gso_size; };
#pragma clang attribute pop

struct queue_value {             /* struct net_queue with the lock as the verifier wants it */
	struct bpf_spin_lock lock;
	__u32 n_list;
	__u64 last_ns, holder, epoch;
	__u32 list[SLOTS], place[SLOTS];
	__u64 slot_n[SLOTS], blame[SLOTS][SLOTS];
};
_Static_assert(sizeof(struct queue_value) == sizeof(struct net_queue), "net_queue layout");

struct packet { __u64 start_ns, epoch; __u32 queue; __u16 slot, pad; };

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, NET_QUEUES);
	__type(key, __u32);
	__type(value, struct queue_value);
} net_queues SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, NET_QUEUES);
	__type(key, __u64);
	__type(value, __u32);
} net_index SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, NET_QUEUED);
	__type(key, __u64);
	__type(value, struct packet);
} net_packets SEC(".maps");

__u32 net_n_queues;

static __always_inline __u64 net_bound(__u64 slot)
{
	hide(slot);
	if (slot >= SLOTS)
		slot = SLOT_RESERVED;
	hide(slot);
	return slot;
}

/* Charge the time since the last event to the device's holder. Under the lock. */
static __always_inline void queue_charge(struct queue_value *q, __u64 now)
{
	__u64 holder = net_bound(q->holder), length = now - q->last_ns;

	for (__u32 i = 0; i < SLOTS; i++) {
		__u64 slot;

		if (i >= q->n_list)
			break;
		slot = net_bound(q->list[i]);
		q->blame[slot][holder] += q->slot_n[slot] * length;
	}
	q->last_ns = now;
}

static __always_inline void list_add(struct queue_value *q, __u64 slot)
{
	__u64 end = q->n_list;

	if (q->place[slot])
		return;
	hide(end);
	if (end >= SLOTS)
		return;
	q->list[end] = slot;
	q->place[slot] = end + 1;
	q->n_list = end + 1;
}

static __always_inline void list_remove(struct queue_value *q, __u64 slot)
{
	__u64 at = q->place[slot] - 1, end = q->n_list - 1, moved;

	hide(at);
	hide(end);
	if (at >= SLOTS || end >= SLOTS)
		return;
	moved = net_bound(q->list[end]);
	q->list[at] = moved;
	q->place[moved] = at + 1;
	q->place[slot] = 0;
	q->n_list = end;
}

/* A packet of `slot` comes (`unseen`: packets may have gone by before it, and if nobody waited, nobody knows who holds the
 * device). The time that counts. */
static __always_inline __u64 queue_enter(struct queue_value *q, __u64 slot, bool unseen, __u64 now, __u64 *epoch)
{
	slot = net_bound(slot);
	bpf_spin_lock(&q->lock);
	if (now < q->last_ns)
		now = q->last_ns;
	queue_charge(q, now);
	if (unseen && !q->n_list)
		q->holder = SLOT_UNKNOWN;
	list_add(q, slot);
	q->slot_n[slot]++;
	*epoch = q->epoch;
	bpf_spin_unlock(&q->lock);
	return now;
}

/* A packet goes to the device (`sent`) or away. The time that counts; 0 = it was not counted any more. */
static __always_inline __u64 queue_leave(struct queue_value *q, __u64 slot, bool sent, __u64 now, __u64 epoch)
{
	bool good = true;

	slot = net_bound(slot);
	bpf_spin_lock(&q->lock);
	if (now < q->last_ns)
		now = q->last_ns;
	queue_charge(q, now);
	if (epoch != q->epoch || !q->slot_n[slot])
		good = false;
	else if (!--q->slot_n[slot])
		list_remove(q, slot);
	if (sent)
		q->holder = slot;
	bpf_spin_unlock(&q->lock);
	return good ? now : 0;
}

/* The kernel says that the queue is empty: whoever still waits by our count has left unseen. How many. */
static __always_inline __u64 queue_empty(struct queue_value *q, __u64 now)
{
	__u64 ghosts = 0;

	bpf_spin_lock(&q->lock);
	if (now < q->last_ns)
		now = q->last_ns;
	queue_charge(q, now);
	for (__u32 i = 0; i < SLOTS; i++) {
		__u64 slot;

		if (i >= q->n_list)
			break;
		slot = net_bound(q->list[i]);
		ghosts += q->slot_n[slot];
		q->slot_n[slot] = 0;
		q->place[slot] = 0;
	}
	q->n_list = 0;
	q->epoch++;
	bpf_spin_unlock(&q->lock);
	return ghosts;
}

static __always_inline struct queue_value *queue_of(struct Qdisc *qdisc, __u32 *index)
{
	__u64 key = (__u64)qdisc;
	__u32 *known = bpf_map_lookup_elem(&net_index, &key), fresh;

	if (!known) {
		fresh = *(volatile __u32 *)&net_n_queues;
		if (fresh >= NET_QUEUES || bpf_map_update_elem(&net_index, &key, &fresh, BPF_NOEXIST))
			return NULL;
		__sync_fetch_and_add(&net_n_queues, 1);
		known = &fresh;
	}
	*index = *known;
	return bpf_map_lookup_elem(&net_queues, index);
}

/* May the queue cut a large packet up? Then the packet that came is not the ones that leave. */
static __always_inline bool queue_cuts(struct Qdisc *qdisc, struct sk_buff *skb)
{
	struct skb_shared_info *info = (struct skb_shared_info *)(BPF_CORE_READ(skb, head) + BPF_CORE_READ(skb, end));
	char id[4] = { 0 };

	if (!BPF_CORE_READ(info, gso_size))
		return false;
	bpf_core_read(id, sizeof(id), &qdisc->ops->id);
	return (id[0] == 't' && id[1] == 'b' && id[2] == 'f') || (id[0] == 'c' && id[1] == 'a' && id[2] == 'k') ||
	       (id[0] == 'n' && id[1] == 'e' && id[2] == 't') || (id[0] == 'h' && id[1] == 't' && id[2] == 'b');
}

/* The packet leaves its queue, if it is in one. A global function: verified once and by itself. */
__noinline int packet_leave(const __u64 *skb, int sent, __u64 now)
{
	struct queue_value *q;
	struct net_slot *totals;
	struct packet *p;
	__u64 key;

	if (!skb)
		return 0;
	key = *skb;
	p = bpf_map_lookup_elem(&net_packets, &key);
	if (!p)
		return 0;
	q = bpf_map_lookup_elem(&net_queues, &p->queue);
	if (q)
		now = queue_leave(q, p->slot, sent, now, p->epoch);
	totals = slot_totals(p->slot);
	if (totals && now) {
		__sync_fetch_and_add(&totals->tx_delay_ns, now - p->start_ns);
		hist_count(totals->tx_hist, now - p->start_ns);
	}
	bpf_map_delete_elem(&net_packets, &key);
	return 0;
}

#endif
