/*
 * The network probe's method: owner of a socket, waiting in transmit queues (probes/net.h), receive work by owner.
 *
 * Owner of a socket: its v2 cgroup; where that names no service (services in v1 cgroups or process trees) the task that made
 * it listen or last used it. Accepted sockets inherit the listener's (BPF_F_CLONE).
 */
#ifndef PROBES_NET_BPF_H
#define PROBES_NET_BPF_H

#include "probes/slot.bpf.h"
#include "probes/net.h"

#define TCP_LISTEN_STATE 10
#define SOFTIRQ_NET_TX 2
#define SOFTIRQ_NET_RX 3
#define DEVICE_LOOPBACK 0x8   /* IFF_LOOPBACK: has no queue */

#pragma clang attribute push (__attribute__((preserve_access_index)), apply_to = record)
struct sock_common { unsigned char skc_state; };
struct sock_cgroup_data { struct cgroup *cgroup; };
struct sock {
	struct sock_common __sk_common;
	struct sock_cgroup_data sk_cgrp_data;
	__u32 sk_ack_backlog, sk_max_ack_backlog;
};
struct tcp_sock { __u32 srtt_us; };
struct net_device { unsigned int flags; };
struct sk_buff {
	struct net_device *dev;
	struct sock *sk;
	unsigned int len;
	unsigned int end;
	unsigned char *head;
};
struct skb_shared_info { unsigned short gso_size; };
#pragma clang attribute pop

struct sock_rec { __u32 generation; __u16 slot, task_slot; };

struct queue_value {             /* struct net_queue with the lock as the verifier wants it */
	struct bpf_spin_lock lock;
	__u32 n_list;
	__u64 last_ns, holder;
	__u32 list[SLOTS], place[SLOTS];
	__u64 slot_n[SLOTS], blame[SLOTS][SLOTS];
};
_Static_assert(sizeof(struct queue_value) == sizeof(struct net_queue), "net_queue layout");

struct packet { __u64 start_ns; __u32 queue; __u16 slot, gso; };
struct receive { __u64 start_ns; __u32 owner, victim, active, pad; };

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
	__type(key, int);
	__type(value, struct sock_rec);
} net_socks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, SLOTS);
	__type(key, __u32);
	__type(value, struct net_slot);
} net_slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, NET_DEVICES);
	__type(key, __u32);
	__type(value, struct queue_value);
} net_queues SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, NET_DEVICES);
	__type(key, __u64);
	__type(value, __u32);
} net_index SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, NET_QUEUED);
	__type(key, __u64);
	__type(value, struct packet);
} net_packets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct receive);
} net_receive SEC(".maps");

__u64 net_lost[NET_LOSSES];
__u32 net_n_queues;
__u64 net_gso_queued;            /* such packets leave their queue by being cut up, not by being sent */

#define hide(x) asm volatile("" : "+r"(x))

static __always_inline __u64 net_bound(__u64 slot)
{
	hide(slot);
	if (slot >= SLOTS)
		slot = SLOT_RESERVED;
	hide(slot);
	return slot;
}

static __always_inline void net_lose(enum net_loss what)
{
	__sync_fetch_and_add(&net_lost[what], 1);
}

static __always_inline struct net_slot *slot_totals(__u32 slot)
{
	return bpf_map_lookup_elem(&net_slots, &slot);
}

static __always_inline void hist_count(__u32 *hist, __u64 ns)
{
	__u64 bucket = hist_bucket(ns);

	hide(bucket);
	if (bucket < HIST_BUCKETS)
		__sync_fetch_and_add(&hist[bucket], 1);
}

static __always_inline __u32 slot_of_current(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_rec *rec = task_record(task);

	return rec ? slot_of_task(task, rec) : SLOT_OTHER;
}

/* The owner's slot; `sk` must be a pointer the kernel trusts (tracepoint argument) or one loaded from such. */
static __always_inline __u32 slot_of_sock(struct sock *sk)
{
	struct slot_ctl *ctl = slot_control();
	struct sock_rec *rec;

	if (!sk || !ctl)
		return SLOT_OTHER;
	rec = bpf_sk_storage_get(&net_socks, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!rec)
		return slot_of_css(ctl, SLOT_CGROUP2, &sk->sk_cgrp_data.cgroup->self);
	if (rec->generation != ctl->generation) {
		rec->slot = slot_of_css(ctl, SLOT_CGROUP2, &sk->sk_cgrp_data.cgroup->self);
		rec->generation = ctl->generation;
	}
	return rec->slot != SLOT_OTHER ? rec->slot : rec->task_slot;
}

/* The current task uses the socket: it owns it, unless a cgroup says better. */
static __always_inline void sock_used(struct sock *sk)
{
	struct sock_rec *rec = bpf_sk_storage_get(&net_socks, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);

	if (rec)
		rec->task_slot = slot_of_current();
	else
		net_lose(NET_LOST_STORAGE);
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

/* A packet of `slot` comes, or goes to the device (`sent`) or away. The time that counts; 0 = the count was wrong. */
static __always_inline __u64 queue_change(struct queue_value *q, __u64 slot, bool more, bool sent, __u64 now)
{
	bool good = true;

	slot = net_bound(slot);
	bpf_spin_lock(&q->lock);
	if (now < q->last_ns)
		now = q->last_ns;
	queue_charge(q, now);
	if (more) {
		list_add(q, slot);
		q->slot_n[slot]++;
	} else if (q->slot_n[slot]) {
		if (!--q->slot_n[slot])
			list_remove(q, slot);
	} else {
		good = false;
	}
	if (sent)
		q->holder = slot;
	bpf_spin_unlock(&q->lock);
	return good ? now : 0;
}

static __always_inline struct queue_value *queue_of(struct net_device *dev, __u32 *index)
{
	__u64 key = (__u64)dev;
	__u32 *known = bpf_map_lookup_elem(&net_index, &key), fresh;

	if (!known) {
		fresh = *(volatile __u32 *)&net_n_queues;
		if (fresh >= NET_DEVICES || bpf_map_update_elem(&net_index, &key, &fresh, BPF_NOEXIST))
			return NULL;
		__sync_fetch_and_add(&net_n_queues, 1);
		known = &fresh;
	}
	*index = *known;
	return bpf_map_lookup_elem(&net_queues, index);
}

static __always_inline bool packet_is_gso(struct sk_buff *skb)
{
	struct skb_shared_info *info = (struct skb_shared_info *)(skb->head + skb->end);

	return BPF_CORE_READ(info, gso_size) != 0;
}

/* The packet leaves its queue. */
static __always_inline void packet_leave(__u64 skb, bool sent, __u64 now)
{
	struct packet *p = bpf_map_lookup_elem(&net_packets, &skb);
	struct queue_value *q;
	struct net_slot *totals;

	if (!p)
		return;
	q = bpf_map_lookup_elem(&net_queues, &p->queue);
	if (q)
		now = queue_change(q, p->slot, false, sent, now);
	if (!now)
		net_lose(NET_LOST_COUNT);
	totals = slot_totals(p->slot);
	if (totals && now) {
		__sync_fetch_and_add(&totals->tx_delay_ns, now - p->start_ns);
		hist_count(totals->tx_hist, now - p->start_ns);
	}
	if (p->gso)
		__sync_fetch_and_add(&net_gso_queued, -1);
	bpf_map_delete_elem(&net_packets, &skb);
}

/* Charge the receive work since the last packet on this CPU. */
static __always_inline void receive_charge(struct receive *r, __u64 now)
{
	struct net_slot *owner = slot_totals(r->owner), *victim = slot_totals(r->victim);
	__u64 length = now - r->start_ns;

	if (owner)
		__sync_fetch_and_add(&owner->softirq_ns, length);
	if (victim && r->victim != SLOT_WAKEUP)
		__sync_fetch_and_add(&victim->softirq_cost[net_bound(r->owner)], length);
	r->start_ns = now;
}

static __always_inline struct receive *receive_state(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&net_receive, &zero);
}

#endif
