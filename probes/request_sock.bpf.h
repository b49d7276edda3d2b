/*
 * Sockets as the request probe sees them: whose end of a conversation one is, whether the other end is on this node, and how far
 * what came has been read. Nothing of the payload.
 */
#ifndef PROBES_REQUEST_SOCK_BPF_H
#define PROBES_REQUEST_SOCK_BPF_H

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
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, REQUEST_PORTS);
	__type(key, __u32);
	__type(value, __u32);
} request_ports SEC(".maps");

/* A TCP socket is a server's when its local port is one that is listened on; a Unix socket when it has an address. */
static __noinline int sock_kind(struct sock *sk)
{
	__u32 family = sk->__sk_common.skc_family, port = sk->__sk_common.skc_num;

	if (family == FAMILY_UNIX)
		return BPF_CORE_READ((struct unix_sock *)sk, addr) ? CONVERSATION_SERVER : CONVERSATION_CLIENT;
	if ((family != FAMILY_INET && family != FAMILY_INET6) || sk->sk_protocol != PROTOCOL_TCP || sk->__sk_common.skc_state == STATE_LISTEN)
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

static __always_inline bool is_tcp(struct sock *sk)
{
	return sk->__sk_common.skc_family != FAMILY_UNIX && sk->sk_protocol == PROTOCOL_TCP;
}

/* How far the server has read. By probe reads, since a packet's socket is no pointer that bpf_skc_to_tcp_sock() takes. */
static __always_inline __u32 copied_seq(struct sock *sk)
{
	return BPF_CORE_READ((struct tcp_sock *)sk, copied_seq);
}

#endif
