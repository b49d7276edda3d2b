/* Receive softirqs: for whom they work, by the socket that each packet reaches, and whose task they interrupt. */
#ifndef PROBES_NET_RECEIVE_BPF_H
#define PROBES_NET_RECEIVE_BPF_H

#include "probes/net_sock.bpf.h"

#define SOFTIRQ_NET_RX 3

struct receive { __u64 start_ns; __u32 owner, victim, active, pad; };

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct receive);
} net_receive SEC(".maps");

__u64 net_since_ns;              /* these programs are attached since; set by user space */

/* State of the receive softirq under way on this CPU, NULL when there is none or its beginning was not seen. */
static __always_inline struct receive *receive_active(void)
{
	__u32 zero = 0;
	struct receive *r = bpf_map_lookup_elem(&net_receive, &zero);

	return r && r->active && r->start_ns >= *(volatile __u64 *)&net_since_ns ? r : NULL;
}

/* Charge the receive work since the last packet on this CPU. */
static __always_inline void receive_charge(struct receive *r, __u64 now)
{
	struct net_slot *owner = slot_totals(r->owner), *victim = slot_totals(r->victim);
	__u64 length = now - r->start_ns, culprit = r->owner;

	hide(culprit);
	if (culprit >= SLOTS)
		culprit = SLOT_RESERVED;
	hide(culprit);
	if (owner)
		__sync_fetch_and_add(&owner->softirq_ns, length);
	if (victim && r->victim != SLOT_WAKEUP)
		__sync_fetch_and_add(&victim->softirq_cost[culprit], length);
	r->start_ns = now;
}

#endif
