/*
 * Sockets: whose they are, and the traffic that the kernel counted in them.
 *
 * Owner: the socket's v2 cgroup; where that names no service (services in v1 cgroups or process trees) the task that made it
 * listen or connect, later the task that has it open (net_files_pass). Accepted sockets inherit the listener's
 * (BPF_F_CLONE), until the next such pass.
 */
#ifndef PROBES_NET_SOCK_BPF_H
#define PROBES_NET_SOCK_BPF_H

#include "probes/slot.bpf.h"
#include "probes/net.h"

#define PROTOCOL_TCP 6
#define PROTOCOL_UDP 17
#define TCP_LISTEN 10
#define FAMILY_INET 2
#define FAMILY_INET6 10
#define EEXIST_VALUE 17

#pragma clang attribute push (__attribute__((preserve_access_index)), apply_to = record)
struct sock_common {
	unsigned short skc_family;
	unsigned char skc_state;
};
typedef struct { int counter; } atomic_t;
struct sock_cgroup_data { struct cgroup *cgroup; };
struct sock {
	struct sock_common __sk_common;
	struct sock_cgroup_data sk_cgrp_data;
	__u16 sk_protocol;
	atomic_t sk_drops;
};
struct socket { struct sock *sk; };
struct file { void *private_data; };
struct inet_connection_sock_af_ops { __u16 net_header_len; };
struct inet_connection_sock { const struct inet_connection_sock_af_ops *icsk_af_ops; };
struct tcp_sock {
	__u64 bytes_sent, bytes_received;
	__u32 segs_in, segs_out, srtt_us;
	__u16 tcp_header_len;
};
struct bpf_iter_meta { __u64 seq_num; };
struct bpf_iter__bpf_map { struct bpf_iter_meta *meta; };
struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	__u32 fd;
	struct file *file;
};
#pragma clang attribute pop

struct sock_rec {                /* socket storage */
	__u32 generation;        /* of slot */
	__u16 slot, task_slot;
	__u32 pass;              /* number of the files' pass that set task_slot */
	__u32 pad;
};

struct sock_count { __u64 sent, received; __u32 out, in, drops, pad; };

struct tcp_count {               /* by address of the socket, while it is not closed: so the address is good */
	struct bpf_spin_lock lock;
	__u32 pad;
	struct sock_count seen;  /* what has been added to its owner's totals, or was there before */
};

/* What is known of a socket by its address alone, for packets whose socket may be gone: never followed. */
struct sock_owner { __u64 cgroup; __u32 generation; __u16 slot, task_slot; };

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
	__type(key, int);
	__type(value, struct sock_rec);
} net_socks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, NET_CONNECTIONS_PER_CPU); /* times CPUs, set before load */
	__type(key, __u64);
	__type(value, struct tcp_count);
} net_tcp SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, NET_OWNERS);
	__type(key, __u64);
	__type(value, struct sock_owner);
} net_owners SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, SLOTS);
	__type(key, __u32);
	__type(value, struct net_slot);
} net_slots SEC(".maps");

__u64 net_lost[NET_LOSSES];
__u32 net_pass;                  /* number of the files' pass under way; set by user space */
__u32 net_first_pass;            /* sockets met in it were there before: what they counted so far is not ours */

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

static __always_inline __u32 slot_of_record(struct sock_rec *rec, struct sock *sk)
{
	struct slot_ctl *ctl = slot_control();

	if (ctl && rec->generation != ctl->generation) {
		rec->slot = slot_of_css(ctl, SLOT_CGROUP2, &sk->sk_cgrp_data.cgroup->self);
		rec->generation = ctl->generation;
	}
	return rec->slot != SLOT_OTHER ? rec->slot : rec->task_slot;
}

/* The owner's slot; `sk` must be a pointer the kernel trusts (tracepoint argument) or one loaded from such. */
static __always_inline __u32 slot_of_sock(struct sock *sk)
{
	struct slot_ctl *ctl = slot_control();
	struct sock_rec *rec = sk ? bpf_sk_storage_get(&net_socks, sk, 0, 0) : NULL;

	if (rec)
		return slot_of_record(rec, sk);
	return sk && ctl ? slot_of_css(ctl, SLOT_CGROUP2, &sk->sk_cgrp_data.cgroup->self) : SLOT_OTHER;
}

/* The same by value only: every read may fail, and an address that was reused gives a wrong owner, never a fault. */
static __always_inline __u32 slot_of_address(struct sock *sk)
{
	__u64 key = (__u64)sk;
	struct sock_owner *known = bpf_map_lookup_elem(&net_owners, &key), fresh = { 0 };
	struct cgroup *cgroup = BPF_CORE_READ(sk, sk_cgrp_data.cgroup);
	struct slot_ctl *ctl = slot_control();
	struct cgroup_subsys_state *css;

	if (!ctl)
		return SLOT_OTHER;
	if (!known || known->cgroup != (__u64)cgroup || known->generation != ctl->generation) {
		fresh.cgroup = (__u64)cgroup;
		fresh.generation = ctl->generation;
		fresh.task_slot = known ? known->task_slot : SLOT_OTHER;
		css = &cgroup->self;
		for (int i = 0; i < SLOT_DEPTH && css && fresh.slot == SLOT_OTHER; i++) {
			fresh.slot = slot_of_id(SLOT_CGROUP2, BPF_CORE_READ(css, cgroup, kn, id));
			css = BPF_CORE_READ(css, parent);
		}
		bpf_map_update_elem(&net_owners, &key, &fresh, BPF_ANY);
		known = &fresh;
	}
	return known->slot != SLOT_OTHER ? known->slot : known->task_slot;
}

static __always_inline void owner_note(struct sock *sk, __u16 task_slot)
{
	__u64 key = (__u64)sk;
	struct sock_owner owner = { .cgroup = (__u64)sk->sk_cgrp_data.cgroup, .task_slot = task_slot };

	bpf_map_update_elem(&net_owners, &key, &owner, BPF_ANY); /* generation 0: its cgroup is looked up when needed */
}

static __always_inline void count_read(struct sock *sk, struct sock_count *out)
{
	struct tcp_sock *tp = (struct tcp_sock *)sk;

	out->sent = BPF_CORE_READ(tp, bytes_sent);
	out->received = BPF_CORE_READ(tp, bytes_received);
	out->out = BPF_CORE_READ(tp, segs_out);
	out->in = BPF_CORE_READ(tp, segs_in);
	out->drops = BPF_CORE_READ(sk, sk_drops.counter);
}

/* Bytes of headers per segment, from IP on; options that only some segments have are left out. */
static __always_inline __u32 header_bytes(struct sock *sk)
{
	return BPF_CORE_READ((struct tcp_sock *)sk, tcp_header_len) +
	       BPF_CORE_READ((struct inet_connection_sock *)sk, icsk_af_ops, net_header_len);
}

/* From now on the traffic of this TCP socket counts; what it has counted so far does if it is `fresh`. */
static __always_inline void sock_follow(struct sock *sk, bool fresh)
{
	struct tcp_count count = { 0 };
	__u64 key = (__u64)sk;
	long err;

	if (!fresh)
		count_read(sk, &count.seen);
	err = bpf_map_update_elem(&net_tcp, &key, &count, fresh ? BPF_ANY : BPF_NOEXIST);
	if (err && err != -EEXIST_VALUE)
		net_lose(NET_LOST_SOCKET);
}

/* Add what the socket counted since the last look to its owner. */
static __always_inline void sock_fold(struct sock *sk, struct tcp_count *count)
{
	struct sock_count now, last;
	struct net_slot *totals;
	__u32 in, out, drops, header;
	__u64 smoothed;

	count_read(sk, &now);
	bpf_spin_lock(&count->lock);
	last = count->seen;
	count->seen = now;
	bpf_spin_unlock(&count->lock);
	in = now.in - last.in;
	out = now.out - last.out;
	drops = BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_LISTEN ? now.drops - last.drops : 0;
	if (!(in | out | drops))
		return;
	totals = slot_totals(slot_of_address(sk));
	if (!totals)
		return;
	if (drops)
		__sync_fetch_and_add(&totals->overflows, drops);
	header = header_bytes(sk);
	__sync_fetch_and_add(&totals->tcp.rx_packets, in);
	__sync_fetch_and_add(&totals->tcp.tx_packets, out);
	__sync_fetch_and_add(&totals->tcp.rx_bytes, now.received - last.received + (__u64)in * header);
	__sync_fetch_and_add(&totals->tcp.tx_bytes, now.sent - last.sent + (__u64)out * header);
	smoothed = BPF_CORE_READ((struct tcp_sock *)sk, srtt_us) >> 3;
	if (in && smoothed)
		hist_count(totals->rtt_hist, smoothed * 1000);
}

#endif
