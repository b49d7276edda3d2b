/*
 * Request probe: latency at the server's own socket, without looking into payload or process.
 *
 * sk_data_ready          bytes arrived: the request begins, unless one is under way on this socket
 * sock_recv_length       the server read some of them
 * sock_send_length       the server sends: the request ends at the first byte of its response
 * inet_sock_set_state    a new listener: its port tells servers' sockets from clients'
 *
 * A TCP socket is a server's when its local port is one that is listened on; a Unix socket when it has an address. The owner
 * is the task that answers. All three events exist since 6.3. What this measures well and what not: docs/requests.md.
 */
#include "probes/slot.bpf.h"
#include "probes/request.h"

char LICENSE[] SEC("license") = "GPL";

#define FAMILY_UNIX 1
#define FAMILY_INET 2
#define FAMILY_INET6 10
#define STATE_LISTEN 10
#define MESSAGE_PEEK 2

#pragma clang attribute push (__attribute__((preserve_access_index)), apply_to = record)
struct sock_common {
	unsigned short skc_num, skc_family;
	unsigned char skc_state;
};
struct sock { struct sock_common __sk_common; };
struct unix_sock { void *addr; };
#pragma clang attribute pop

struct conversation {
	__u64 arrival_ns;        /* 0 = no request under way */
	__u32 read;
	__u32 pad;
};

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
	__uint(max_entries, SLOTS);
	__type(key, __u32);
	__type(value, struct request_slot);
} request_slots SEC(".maps");

__u64 request_lost;

static __always_inline bool sock_serves(struct sock *sk)
{
	__u32 family = sk->__sk_common.skc_family, port = sk->__sk_common.skc_num;

	if (family == FAMILY_UNIX)
		return BPF_CORE_READ((struct unix_sock *)sk, addr) != NULL;
	if (family != FAMILY_INET && family != FAMILY_INET6)
		return false;
	return sk->__sk_common.skc_state != STATE_LISTEN && bpf_map_lookup_elem(&request_ports, &port);
}

static __always_inline void request_record(__u64 latency)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_rec *rec = task_record(task);
	__u32 slot = rec ? slot_of_task(task, rec) : SLOT_OTHER;
	struct request_slot *totals = bpf_map_lookup_elem(&request_slots, &slot);
	__u64 bucket = hist_bucket(latency);

	asm volatile("" : "+r"(bucket));
	if (!totals || bucket >= HIST_BUCKETS)
		return;
	__sync_fetch_and_add(&totals->count, 1);
	__sync_fetch_and_add(&totals->time_ns, latency);
	__sync_fetch_and_add(&totals->hist[bucket], 1);
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(request_send, struct sock *sk, int length, int flags)
{
	struct conversation *c;

	if (length <= 0)
		return 0;
	c = bpf_sk_storage_get(&request_socks, sk, 0, 0);
	if (!c || !c->arrival_ns || !c->read)
		return 0;
	request_record(bpf_ktime_get_ns() - c->arrival_ns);
	c->arrival_ns = 0;
	c->read = 0;
	return 0;
}

/* Bytes that came while the request before was under way begin when they are read: a lower bound. */
SEC("tp_btf/sock_recv_length")
int BPF_PROG(request_recv, struct sock *sk, int length, int flags)
{
	struct conversation *c;

	if (length <= 0 || flags & MESSAGE_PEEK)
		return 0;
	c = bpf_sk_storage_get(&request_socks, sk, 0, 0);
	if (!c)
		return 0;
	if (!c->arrival_ns)
		c->arrival_ns = bpf_ktime_get_ns();
	c->read = 1;
	return 0;
}

SEC("tp_btf/sk_data_ready")
int BPF_PROG(request_arrival, struct sock *sk)
{
	struct conversation *c = bpf_sk_storage_get(&request_socks, sk, 0, 0);

	if (!c) {
		if (!sock_serves(sk))
			return 0;
		c = bpf_sk_storage_get(&request_socks, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
		if (!c) {
			__sync_fetch_and_add(&request_lost, 1);
			return 0;
		}
	}
	if (!c->arrival_ns)
		c->arrival_ns = bpf_ktime_get_ns();
	return 0;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(request_listen, struct sock *sk, int old, int state)
{
	__u32 port = sk->__sk_common.skc_num, one = 1;

	if (state == STATE_LISTEN && bpf_map_update_elem(&request_ports, &port, &one, BPF_ANY))
		__sync_fetch_and_add(&request_lost, 1);
	return 0;
}
