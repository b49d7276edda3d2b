/*
 * What the network probe's BPF programs and its user side share. Fixed width, explicit padding.
 *
 * Transmit queue: a device serves one packet after the other; from the moment it gets a packet until it gets the next, it is
 * held by that packet's owner (with a shaper: the time its tokens take to come back). While it is held by slot b, every
 * waiting packet of slot a is delayed by b. Only whole ns are added, so waiting time = sum of the blame row, exactly.
 */
#ifndef PROBES_NET_H
#define PROBES_NET_H

#include "probes/events.h"

#define NET_DEVICES 32
#define NET_QUEUED 16384         /* packets in transmit queues at once */

enum net_loss { NET_LOST_PACKET, NET_LOST_DEVICE, NET_LOST_COUNT, NET_LOST_STORAGE, NET_LOSSES };

struct net_slot {                /* map net_slots: totals of one slot */
	__u64 rx_bytes, tx_bytes, rx_packets, tx_packets;
	__u64 retransmits, drops, overflows;
	__u64 tx_delay_ns;       /* of packets that left the queue */
	__u64 softirq_ns;        /* receive work done for its sockets */
	__u64 pad;
	__u64 softirq_cost[SLOTS];   /* culprits: receive work for others on top of its tasks */
	__u32 rtt_hist[HIST_BUCKETS], tx_hist[HIST_BUCKETS];
};

struct net_queue {               /* map net_queues: who waits at one device; all below `lock` */
	__u32 lock;              /* struct bpf_spin_lock */
	__u32 n_list;
	__u64 last_ns;
	__u64 holder;            /* slot whose packet the device has got */
	__u32 list[SLOTS];
	__u32 place[SLOTS];
	__u64 slot_n[SLOTS];
	__u64 blame[SLOTS][SLOTS];   /* [victim][culprit] ns */
};

_Static_assert(sizeof(struct net_slot) == 80 + 8 * SLOTS + 8 * HIST_BUCKETS, "net_slot layout");

#endif
