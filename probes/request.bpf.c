/*
 * Request probe: latency at the server's own socket and whose fault it was, without looking into payload or process.
 * Entry points only; the method stands in request.bpf.h.
 *
 * sk_data_ready          bytes arrived: the request begins, unless one is under way on this socket
 * sock_send_length       the server sends: the request ends at the first byte of its response
 * inet_sock_set_state    a new listener: its port tells servers' sockets from clients'
 * Before 6.3, which brought the first two (40e0b0908142, 6e6eda44b939), for TCP only:
 * tcp_probe              a segment for an established connection
 * net_dev_queue          a packet of the server's goes to its device
 */
#include "probes/request.bpf.h"

char LICENSE[] SEC("license") = "GPL";

#define TCP_DOFF 12          /* byte of the TCP header that has its length, in words, in the upper half */

SEC("tp_btf/sock_send_length")
int BPF_PROG(request_send, struct sock *sk, int length, int flags)
{
	if (length > 0)
		response(sk);
	return 0;
}

SEC("tp_btf/sk_data_ready")
int BPF_PROG(request_arrival, struct sock *sk)
{
	arrival(sk);
	return 0;
}

/* Payload of a packet whose TCP header begins at `header`, with `len` bytes from there. */
static __always_inline bool has_payload(unsigned char *header, __u32 len)
{
	__u8 words = 0;

	bpf_probe_read_kernel(&words, 1, header + TCP_DOFF);
	return len > (__u32)(words >> 4) * 4;
}

SEC("tp_btf/tcp_probe")
int BPF_PROG(request_segment, struct sock *sk, struct sk_buff *skb)
{
	if (has_payload(skb->data, skb->len))
		arrival(sk);
	return 0;
}

SEC("tp_btf/net_dev_queue")
int BPF_PROG(request_packet, struct sk_buff *skb)
{
	struct sock *sk = skb->sk;
	unsigned char *header = skb->head + skb->transport_header;

	if (sk && (sk->__sk_common.skc_family == FAMILY_INET || sk->__sk_common.skc_family == FAMILY_INET6) &&
	    has_payload(header, skb->len - (__u32)(header - skb->data)))
		response(sk);
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
