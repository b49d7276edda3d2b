/*
 * What the network probe's BPF programs and its user side share. Fixed width, explicit padding.
 *
 * TCP traffic is not counted packet by packet: the kernel counts it in every socket anyway, so the probe reads the sockets once
 * per interval, and once more when one closes. Nothing runs per packet for that.
 *
 * Transmit queue: a device serves one packet after the other; from the moment it gets a packet until it gets the next, it is
 * held by that packet's owner (with a shaper: the time its tokens take to come back). While it is held by slot b, every
 * waiting packet of slot a is delayed by b. Only whole ns are added, so waiting time = sum of the blame row, exactly.
 */
#ifndef PROBES_NET_H
#define PROBES_NET_H

#include "probes/events.h"

#define NET_QUEUES 128           /* root qdiscs (hardware queues) met in a session; more are counted as lost */
#define NET_QUEUED 16384         /* packets in transmit queues at once */
#define NET_CONNECTIONS_PER_CPU 8192 /* TCP sockets followed at once */
#define NET_OWNERS 65536         /* sockets whose packets may be met without a reference to them */
#define NET_REASONS 512          /* values of the kernel's enum skb_drop_reason that are told apart */
#define NET_STALE_NS 30000000000ull /* a packet waiting longer left unseen */

enum net_loss { NET_LOST_PACKET, NET_LOST_QUEUE, NET_LOST_STORAGE, NET_LOST_CUT, NET_LOST_STALE, NET_LOST_SOCKET, NET_LOSSES };

/* Why a packet was dropped, by the kernel's own reason (Linux 5.17+). */
enum net_drop {
	NET_DROP_OTHER,
	NET_DROP_BUFFER,         /* the socket's buffer or backlog, or protocol memory, is full */
	NET_DROP_QUEUE,          /* a transmit queue or a CPU's backlog is full */
	NET_DROP_FILTER,         /* netfilter, tc, BPF or a policy */
	NET_DROP_NOBODY,         /* no socket, protocol or route takes it */
	NET_DROP_DAMAGED,        /* checksum or header */
	NET_DROP_PROTOCOL,       /* TCP has no use for it: out of window, after close, duplicate, … */
	NET_DROPS
};

struct net_traffic { __u64 rx_bytes, tx_bytes, rx_packets, tx_packets; };

struct net_slot {                /* map net_slots: totals of one slot */
	struct net_traffic tcp, other;   /* other: datagrams and raw sockets, counted while their programs are attached */
	__u64 retransmits, overflows;
	__u64 drops[NET_DROPS];
	__u64 tx_delay_ns;       /* of packets that left the queue */
	__u64 softirq_ns;        /* receive work done for its sockets */
	__u64 softirq_cost[SLOTS];   /* culprits: receive work for others on top of its tasks */
	__u32 rtt_hist[HIST_BUCKETS], tx_hist[HIST_BUCKETS];
};

struct net_queue {               /* map net_queues: who waits in one queue; all below `lock` */
	__u32 lock;              /* struct bpf_spin_lock */
	__u32 n_list;
	__u64 last_ns;
	__u64 holder;            /* slot whose packet the device has got */
	__u64 epoch;             /* raised when everybody's packets are found to have gone unseen */
	__u32 list[SLOTS];
	__u32 place[SLOTS];
	__u64 slot_n[SLOTS];
	__u64 blame[SLOTS][SLOTS];   /* [victim][culprit] ns */
};

_Static_assert(sizeof(struct net_slot) == 96 + 8 * NET_DROPS + 8 * SLOTS + 8 * HIST_BUCKETS, "net_slot layout");

#endif
