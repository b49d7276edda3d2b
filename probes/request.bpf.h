/*
 * The request probe's method: conversations on servers' sockets, and whose fault each request's time was (docs/requests.md).
 *
 * A conversation lives in its socket. Whether the server has read since its last answer, and whether bytes lie unread that came
 * during the request, is seen from the socket itself at the moment of the answer: so reading needs no hook of its own.
 */
#ifndef PROBES_REQUEST_BPF_H
#define PROBES_REQUEST_BPF_H

#include "probes/request_blame.bpf.h"
#include "probes/request_sock.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct conversation);
} request_socks SEC(".maps");

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

static __always_inline struct conversation *conversation_of(struct sock *sk)
{
	struct conversation *c = bpf_sk_storage_get(&request_socks, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);

	if (!c) {
		__sync_fetch_and_add(&request_lost, 1);
		return NULL;
	}
	if (c->kind == CONVERSATION_UNKNOWN) {
		c->kind = sock_kind(sk);
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
static __noinline int request_record(struct conversation *c, __u64 now)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_rec *rec = task_record(task);
	__u32 slot = rec ? slot_of_task(task, rec) : SLOT_OTHER;
	struct request_slot *totals = slot_totals(slot);
	__u64 latency = now - c->arrival_ns, bucket = hist_bucket(latency), own = slot;
	struct wait_log *log = rec ? log_of(task, rec) : NULL;

	hide(bucket);
	hide(own);
	if (!totals || bucket >= HIST_BUCKETS || own >= SLOTS)
		return 0;
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
	return 0;
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

static __always_inline __u64 load(__u64 *at)
{
	return *(volatile __u64 *)at;
}

/* How far the server has read. Unix: counted from those announced, so up to one less while the sender is between the two. */
static __always_inline __u32 read_until(struct sock *sk, struct conversation *c)
{
	return is_tcp(sk) ? copied_seq(sk) : *(volatile __u32 *)&c->announced - sk->sk_receive_queue.qlen;
}

/* Begin afresh: nothing is known of this conversation, or what was is stale. The bytes that just came are unread. */
static __noinline int conversation_begin(struct sock *sk, struct conversation *c)
{
	c->arrival_ns = c->later_ns = c->answered_ns = c->sent_ns = c->overtaken_ns = 0;
	c->announced = sk->sk_receive_queue.qlen ? sk->sk_receive_queue.qlen : 1;
	c->read = is_tcp(sk) ? copied_seq(sk) : 0;
	return 0;
}

/*
 * A message in a Unix socket's queue can be read, and even answered, before sk_data_ready tells of it: the sender's CPU was taken away in
 * between. Such an answer looks like a second send without reading (sent_ns); here it turns out whether it was one. False when
 * the message announced has been answered already; since when it waited is not known.
 */
static __always_inline bool announce(struct sock *sk, struct conversation *c)
{
	__u64 sent;

	__sync_fetch_and_add(&c->announced, 1); /* before sent_ns is read: response() does it the other way round */
	sent = load(&c->sent_ns);
	if (!sent || (__s32)(read_until(sk, c) - c->read) <= 0)
		return true;
	if (c->arrival_ns) {
		c->overtaken_ns = sent;
		return true;
	}
	c->read = read_until(sk, c);
	__sync_fetch_and_add(&request_lost, 1);
	return false;
}

static __always_inline bool is_stale(struct conversation *c)
{
	__u64 since = load(&request_since_ns);

	return c->arrival_ns < since && c->answered_ns < since;
}

static __always_inline void arrival(struct sock *sk)
{
	struct conversation *c = conversation_of(sk);
	__u64 now;

	if (!c)
		return;
	now = bpf_ktime_get_ns();
	if (is_stale(c))
		conversation_begin(sk, c);
	else if (sk->__sk_common.skc_family == FAMILY_UNIX && !announce(sk, c))
		return;
	if (c->arrival_ns) {
		c->later_ns = now;
		return;
	}
	c->arrival_ns = now;
	turn_record(c, now);
}

/* The send at overtaken_ns was the answer to the request under way; what came after that is under way now. */
static __always_inline void overtaken_record(struct conversation *c)
{
	request_record(c, c->overtaken_ns);
	if (c->later_ns > c->arrival_ns)
		__sync_fetch_and_add(&c->arrival_ns, c->later_ns - c->arrival_ns);
}

/* The request under way, if the server has read since its last answer. It is over before unread bytes are looked for: those that
 * come from then on begin the next one themselves (arrival() on another CPU), those that came before are seen here. The addition
 * is atomic and thereby a barrier. */
static __always_inline void request_end(struct sock *sk, struct conversation *c, __u64 now)
{
	__u32 n = read_until(sk, c) - c->read;
	bool unread;

	if (!n || (!is_tcp(sk) && (__s32)n < 0))
		return;
	c->read += n;
	c->sent_ns = 0;
	if (n > 1 && c->overtaken_ns > c->arrival_ns)
		overtaken_record(c);
	c->overtaken_ns = 0;
	request_record(c, now);
	c->answered_ns = now;
	__sync_fetch_and_add(&c->arrival_ns, -c->arrival_ns);
	unread = is_tcp(sk) ? BPF_CORE_READ((struct tcp_sock *)sk, rcv_nxt) != c->read : sk->sk_receive_queue.qlen > 0;
	if (unread && !load(&c->arrival_ns))
		c->arrival_ns = c->later_ns ? c->later_ns : now;
	c->later_ns = 0;
}

/* The server sends. On a Unix socket that is noted before it is looked at how far it has read: see announce(). */
static __always_inline void response(struct sock *sk)
{
	struct conversation *c = bpf_sk_storage_get(&request_socks, sk, 0, 0);
	__u64 now;

	if (!c || c->kind != CONVERSATION_SERVER || (!c->arrival_ns && sk->__sk_common.skc_family != FAMILY_UNIX))
		return;
	now = bpf_ktime_get_ns();
	if (sk->__sk_common.skc_family == FAMILY_UNIX)
		__sync_fetch_and_add(&c->sent_ns, now - c->sent_ns);
	if (c->arrival_ns && c->arrival_ns >= load(&request_since_ns))
		request_end(sk, c, now);
}

#endif
