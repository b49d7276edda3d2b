/*
 * The end of a slice: how much of it interrupts, the hypervisor and the victims' own quotas took, and the charge to each victim.
 */
#ifndef PROBES_CPU_SLICE_BPF_H
#define PROBES_CPU_SLICE_BPF_H

#include "probes/cpu_state.bpf.h"

#define QUOTA_DEPTH 4        /* groups above a waiter that are asked for their quota's timer */

/* Time stolen and spent in interrupts during the slice that ends now; clipped to its length. */
struct slice {
	__u64 now, length, irq, steal;
	__u64 irq_share, steal_share; /* of the length, fixed point */
};

static __always_inline __u64 clip(__u64 v, __u64 max)
{
	return v < max ? v : max;
}

/* Interrupt time of the slice where only our own clock tells it, and that only while it is watched (probes/window.h): the
 * rest by the occupant's rate while it was. */
static __always_inline __u64 irq_estimate(struct cpu_state *cs, __u64 now, __u64 measured)
{
	struct cpu_victim *v = victim_of(cs, cs->occupant);
	__u64 from = cs->irq_since, to = cs->irq_until, watched;

	from = from > cs->slice_start ? from : cs->slice_start;
	to = clip(to, now);
	watched = to > from ? to - from : 0;
	v->irq_watched_ns += watched;
	v->irq_measured_ns += measured;
	return measured + ((now - cs->slice_start - watched) * v->irq_rate >> SHARE_SHIFT);
}

/* The run queue's own clocks where there are any, reached through a task of it (the symbol itself is not exported on kernels
 * without CONFIG_KALLSYMS_ALL). */
static __always_inline __u64 irq_clock(const struct cpu_state *cs, struct task_struct *task)
{
	if (bpf_core_field_exists(((struct rq *)0)->prev_irq_time))
		return task->se.cfs_rq->rq->prev_irq_time;
	return *(volatile __u64 *)&cs->irq_ns;
}

static __always_inline __u64 steal_clock(struct task_struct *task)
{
	if (bpf_core_field_exists(((struct rq *)0)->prev_steal_time_rq))
		return task->se.cfs_rq->rq->prev_steal_time_rq;
	return 0;
}

/* `ran`: any task of this CPU. */
static __always_inline struct slice slice_end(struct cpu_state *cs, struct task_struct *ran, __u64 now)
{
	struct slice s = { .now = now, .length = now - cs->slice_start };
	__u64 irq = irq_clock(cs, ran), steal = steal_clock(ran);

	if (cs->irq_mark != NO_MARK) {
		s.steal = clip(steal - cs->steal_mark, s.length);
		s.irq = clip(irq - cs->irq_mark, s.length - s.steal);
		if (!bpf_core_field_exists(((struct rq *)0)->prev_irq_time))
			s.irq = clip(irq_estimate(cs, now, s.irq), s.length - s.steal);
	}
	cs->irq_mark = irq;
	cs->steal_mark = steal;
	if (s.irq | s.steal) { /* rare, so that the divisions are */
		s.irq_share = (s.irq << SHARE_SHIFT) / s.length;
		s.steal_share = (s.steal << SHARE_SHIFT) / s.length;
	}
	return s;
}

/* Charge one victim's waiting during the slice. The parts add up to `ns` exactly: the occupant gets what is left. */
static __always_inline void blame_charge(struct cpu_victim *v, __u64 occupant, const struct slice *s, __u64 ns)
{
	__u64 irq, steal;

	/* A waiter stamped by another CPU can be a few ns ahead of this slice: its share of a negative time would wrap to hours. */
	if ((s->irq | s->steal) && (__s64)ns > 0) {
		irq = ns * s->irq_share >> SHARE_SHIFT;
		steal = ns * s->steal_share >> SHARE_SHIFT;
		v->blame[SLOT_IRQ] += irq;
		v->blame[SLOT_STEAL] += steal;
		ns -= irq + steal;
	}
	v->blame[slot_bound(occupant)] += ns;
}

/* Is the run queue of this victim's tasks throttled (by its own group's quota or one above)? */
static __always_inline bool victim_is_throttled(struct cpu_victim *v)
{
	struct cfs_rq *cfs_rq = (struct cfs_rq *)v->cfs_rq;
	int count = 0;

	return !bpf_core_read(&count, sizeof(count), &cfs_rq->throttle_count) && count > 0;
}

/* When the quota above this run queue was last renewed: one period before its timer fires next. 0 = not known. */
static __always_inline __u64 quota_renewed(__u64 address)
{
	struct cfs_rq *cfs_rq = (struct cfs_rq *)address;
	struct task_group *group = 0;
	__u64 quota, period = 0, expires = 0;

	if (!bpf_core_field_exists(group->cfs_bandwidth.period_timer.node.expires))
		return 0;
	bpf_core_read(&group, sizeof(group), &cfs_rq->tg);
	for (int i = 0; i < QUOTA_DEPTH && group; i++) {
		if (bpf_core_read(&quota, sizeof(quota), &group->cfs_bandwidth.quota))
			return 0;
		if (quota != CGROUP_QUOTA_NONE) {
			bpf_core_read(&period, sizeof(period), &group->cfs_bandwidth.period);
			bpf_core_read(&expires, sizeof(expires), &group->cfs_bandwidth.period_timer.node.expires);
			return expires - period;
		}
		if (bpf_core_read(&group, sizeof(group), &group->parent))
			return 0;
	}
	return 0;
}

/* Charge a victim that has a quota. Throttling begins when one of its tasks leaves the CPU, that is at a slice's border;
 * it ends with the renewal of the quota, possibly while somebody else runs: from there on that one is to blame. */
static __noinline int quota_charge(struct cpu_victim *v, const struct slice *s, __u64 occupant, __u64 ns)
{
	bool throttled;
	__u64 renewed, own = ns, start = s->now - s->length;

	throttled = victim_is_throttled(v);
	if (!v->throttled) {
		own = 0;
	} else if (!throttled) {
		renewed = quota_renewed(v->cfs_rq);
		if (renewed > start && renewed < s->now)
			own = ns - clip(v->n * (s->now - renewed), ns);
	}
	v->blame[SLOT_THROTTLE] += own;
	blame_charge(v, occupant, s, ns - own);
	v->throttled = throttled;
	if (!v->n) {
		v->cfs_rq = 0;
		v->throttled = 0;
	}
	return 0;
}

/* Charge one listed victim; returns whether it still has waiters. Global functions are verified once and by themselves: that
 * keeps the verifier's work for the loop around small. */
__noinline int victim_charge(struct cpu_state *cs, const struct slice *s, __u32 slot)
{
	struct cpu_victim *v;
	__u64 ns;

	if (!cs || !s)
		return 0;
	v = victim_of(cs, slot);
	ns = v->n * s->length - v->missed;
	v->missed = 0;
	if (v->cfs_rq)
		quota_charge(v, s, cs->occupant, ns);
	else
		blame_charge(v, cs->occupant, s, ns);
	v->listed = v->n > 0;
	return v->listed;
}

/* End of a slice: charge all victims, backwards so that one without waiters can be replaced by the last. */
__noinline int slice_charge(struct cpu_state *cs, const struct slice *s)
{
	__u64 n, last;

	if (!cs || !s)
		return 0;
	n = cs->n_list;
	for (int i = 0; i < SLOTS && n; i++) {
		n--;
		hide(n);
		if (n >= SLOTS)
			break;
		if (victim_charge(cs, s, cs->list[n]))
			continue;
		last = cs->n_list - 1ULL;
		hide(last);
		if (last >= SLOTS)
			break;
		cs->list[n] = cs->list[last];
		cs->n_list = last;
	}
	return 0;
}

#endif
