/*
 * The request probe's method: conversations on servers' sockets, and whose fault each request's time was (docs/requests.md).
 *
 * A conversation lives in its socket. Whether the server has read since its last answer, and whether bytes lie unread that came
 * during the request, is seen from the socket itself at the moment of the answer: so reading needs no hook of its own.
 */
#ifndef PROBES_REQUEST_BPF_H
#define PROBES_REQUEST_BPF_H

#include "probes/request_blame.bpf.h"

#define FAMILY_UNIX 1
#define FAMILY_INET 2
#define FAMILY_INET6 10
#define STATE_LISTEN 10
#define PROTOCOL_TCP 6
#define LOOPBACK_NET 127         /* first byte of an IPv4 address */

struct in6_addr { __u64 half[2]; }; /* copied whole: no field of it is looked for in the kernel */
#pragma clang attribute push (__attribute__((preserve_access_index)), apply_to = record)
struct sock_common {
	__u32 skc_daddr, skc_rcv_saddr;
	unsigned short skc_num, skc_family;
	unsigned char skc_state;
	struct in6_addr skc_v6_daddr, skc_v6_rcv_saddr;
};
struct sk_buff_head { __u32 qlen; };
struct sock {
	struct sock_common __sk_common;
	struct sk_buff_head sk_receive_queue;
	unsigned short sk_protocol;
};
struct unix_sock { void *addr; };
struct tcp_sock { __u32 rcv_nxt, copied_seq; };
struct sk_buff {
	struct sock *sk;
	unsigned int len;
	unsigned short transport_header;
	unsigned char *head, *data;
};
#pragma clang attribute pop

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct conversation);
} request_socks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, REQUEST_PORTS);
	__type(key, __u32);
	__type(value, __u32);
} request_ports SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, SLOTS); /* times possible CPUs, set before load */
	__type(key, __u32);
	__type(value, struct request_slot);
} request_slots SEC(".maps");

__u64 request_lost;
__u64 request_since_ns;          /* what was noted before is stale: events have been missed since (probes/window.h) */

static __always_inline struct request_slot *slot_totals(__u32 slot)
{
	__u32 at = bpf_get_smp_processor_id() * SLOTS + (slot < SLOTS ? slot : SLOT_OTHER);

	return bpf_map_lookup_elem(&request_slots, &at);
}

/* A TCP socket is a server's when its local port is one that is listened on; a Unix socket when it has an address. */
static __noinline int conversation_kind(struct sock *sk)
{
	__u32 family = sk->__sk_common.skc_family, port = sk->__sk_common.skc_num;

	if (family == FAMILY_UNIX)
		return BPF_CORE_READ((struct unix_sock *)sk, addr) ? CONVERSATION_SERVER : CONVERSATION_CLIENT;
	if ((family != FAMILY_INET && family != FAMILY_INET6) || sk->__sk_common.skc_state == STATE_LISTEN)
		return CONVERSATION_CLIENT;
	return bpf_map_lookup_elem(&request_ports, &port) ? CONVERSATION_SERVER : CONVERSATION_CLIENT;
}

/* Both ends have the same address, so the other end is on this node and a packet arrives in its sender's context. (The IPv4 address
 * of an IPv6 socket says nothing.) */
static __noinline int sock_is_local(struct sock *sk)
{
	struct in6_addr here, peer;

	if (sk->__sk_common.skc_family == FAMILY_UNIX)
		return true;
	if (sk->__sk_common.skc_family == FAMILY_INET)
		return sk->__sk_common.skc_daddr == sk->__sk_common.skc_rcv_saddr ||
		       (sk->__sk_common.skc_daddr & 0xff) == LOOPBACK_NET;
	if (!bpf_core_field_exists(sk->__sk_common.skc_v6_daddr) ||
	    bpf_core_read(&peer, sizeof(peer), &sk->__sk_common.skc_v6_daddr) ||
	    bpf_core_read(&here, sizeof(here), &sk->__sk_common.skc_v6_rcv_saddr))
		return false;
	return peer.half[0] == here.half[0] && peer.half[1] == here.half[1];
}

static __always_inline struct conversation *conversation_of(struct sock *sk)
{
	struct conversation *c = bpf_sk_storage_get(&request_socks, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);

	if (!c) {
		__sync_fetch_and_add(&request_lost, 1);
		return NULL;
	}
	if (c->kind == CONVERSATION_UNKNOWN) {
		c->kind = conversation_kind(sk);
		c->local = sock_is_local(sk);
		c->client = SLOT_UNKNOWN;
	}
	return c->kind == CONVERSATION_SERVER ? c : NULL;
}

/* Log of the current task's waits; from its first request on it has one. */
static __always_inline struct wait_log *log_of(struct task_struct *task, struct task_rec *rec)
{
	if (rec->flags & TASK_SERVES)
		return bpf_task_storage_get(&wait_logs, task, 0, 0);
	if (!bpf_task_storage_get(&wait_logs, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE))
		__sync_fetch_and_add(&request_lost, 1);
	else
		rec->flags |= TASK_SERVES;
	return NULL; /* nothing in it yet */
}

/* The request under way is answered by the current task. */
static __always_inline void request_record(struct conversation *c, __u64 began, __u64 now)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_rec *rec = task_record(task);
	__u32 slot = rec ? slot_of_task(task, rec) : SLOT_OTHER;
	struct request_slot *totals = slot_totals(slot);
	__u64 latency = now - began, bucket = hist_bucket(latency), own = slot;
	struct wait_log *log = rec ? log_of(task, rec) : NULL;

	hide(bucket);
	hide(own);
	if (!totals || bucket >= HIST_BUCKETS || own >= SLOTS)
		return;
	c->slot = slot;
	if (c->client != SLOT_UNKNOWN)
		totals->client = c->client;
	totals->count++;
	totals->time_ns += latency;
	totals->hist[bucket]++;
	if (log)
		request_charge(totals, log, c, now, slot);
	else
		totals->blame[own] += latency;
}

/* A client's turn is over: from the response to its next request. Longer ones are its own pace. */
static __always_inline void turn_record(struct conversation *c, __u64 now)
{
	__u64 turn = now - c->answered_ns;
	struct request_slot *totals;
	struct task_struct *task;
	struct task_rec *rec;
	struct wait_log *log;
	__u32 slot;

	if (c->answered_ns) /* else its pace is not known yet, or as it was */
		c->paced = turn > REQUEST_TURN_MAX_NS;
	if (!c->local) {
		totals = c->paced || !c->answered_ns ? NULL : slot_totals(c->slot);
		if (totals)
			totals->turn_ns += turn;
		return;
	}
	task = bpf_get_current_task_btf();
	rec = task_record(task);
	if (!rec || task->flags & PF_KTHREAD)
		return;
	slot = slot_of_task(task, rec);
	c->client = slot >= SLOT_FIRST ? slot : SLOT_UNKNOWN; /* `other` is too many to be one's clients */
	log = log_of(task, rec);
	totals = c->answered_ns ? slot_totals(c->slot) : NULL;
	if (!totals)
		return;
	if (log) {
		__u64 caused = foreign_ns(log, c->answered_ns, now, slot, c->slot);

		c->paced = turn - caused > REQUEST_TURN_MAX_NS;
		if (!c->paced)
			totals->turn_blamed_ns += caused;
	}
	if (!c->paced)
		totals->turn_ns += turn;
}

static __always_inline bool is_tcp(struct sock *sk)
{
	return sk->__sk_common.skc_family != FAMILY_UNIX && sk->sk_protocol == PROTOCOL_TCP;
}

/* How far the server has read. By probe reads, since a packet's socket is no pointer that bpf_skc_to_tcp_sock() takes. */
static __always_inline __u32 copied_seq(struct sock *sk)
{
	return BPF_CORE_READ((struct tcp_sock *)sk, copied_seq);
}

/* Begin afresh: nothing is known of this conversation, or what was is stale. The bytes that just came are unread. */
static __noinline int conversation_begin(struct sock *sk, struct conversation *c)
{
	c->arrival_ns = c->later_ns = c->answered_ns = 0;
	c->read = is_tcp(sk) ? copied_seq(sk) : sk->sk_receive_queue.qlen;
	return 0;
}

static __always_inline __u64 since(void)
{
	return *(volatile __u64 *)&request_since_ns;
}

static __always_inline void arrival(struct sock *sk)
{
	struct conversation *c = conversation_of(sk);
	__u64 now;

	if (!c)
		return;
	now = bpf_ktime_get_ns();
	if (c->arrival_ns < since() && c->answered_ns < since())
		conversation_begin(sk, c);
	else if (sk->__sk_common.skc_family == FAMILY_UNIX)
		c->read++;
	if (c->arrival_ns) {
		c->later_ns = now;
		return;
	}
	c->arrival_ns = now;
	turn_record(c, now);
}

/* Has the server read anything since its last answer? Then note how far it is. */
static __always_inline bool answers(struct sock *sk, struct conversation *c)
{
	__u32 at;

	if (is_tcp(sk)) {
		at = copied_seq(sk);
		if (at == c->read)
			return false;
		c->read = at;
		return true;
	}
	at = sk->sk_receive_queue.qlen;
	if (sk->__sk_common.skc_family != FAMILY_UNIX || c->read <= at)
		return false;
	c->read = at;
	return true;
}

/* The server sends. The request under way is over before unread bytes are looked for: those that come from then on begin the next
 * one themselves (arrival() on another CPU), those that came before are seen here. The addition is atomic and thereby a barrier. */
static __always_inline void response(struct sock *sk)
{
	struct conversation *c;
	__u64 now, began;
	bool unread;

	c = bpf_sk_storage_get(&request_socks, sk, 0, 0);
	if (!c || !c->arrival_ns || c->arrival_ns < since())
		return;
	if (!answers(sk, c))
		return;
	now = bpf_ktime_get_ns();
	began = c->arrival_ns;
	request_record(c, began, now);
	c->answered_ns = now;
	__sync_fetch_and_add(&c->arrival_ns, -began);
	unread = is_tcp(sk) ? BPF_CORE_READ((struct tcp_sock *)sk, rcv_nxt) != c->read : c->read > 0;
	if (unread && !*(volatile __u64 *)&c->arrival_ns)
		c->arrival_ns = c->later_ns ? c->later_ns : now;
	c->later_ns = 0;
}

#endif
