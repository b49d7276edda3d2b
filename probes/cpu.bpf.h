/*
 * Exact run-queue blame: every nanosecond that a task waits is charged to whoever held its CPU in that nanosecond.
 *
 * Per CPU we keep who occupies it since when (the slice), and per victim slot how many of its tasks wait there. When the
 * slice ends, each waiting slot gets n * length charged to the occupant, minus what its waiters missed because they came
 * later (missed += now - slice_start at arrival, -= at departure): the integral of n over the slice, in O(waiting slots)
 * per switch, however many tasks wait. The same time is summed a second way, task by task (wait_done, start_sum), and
 * tests hold the two against each other.
 *
 * Locking: sched_switch, sched_wakeup and sched_wakeup_new fire under the run-queue lock of the CPU concerned, and
 * sched_migrate_task of a queued task under the lock of the CPU it leaves; so each cpu_state has one writer at a time. The
 * CPU it goes to is not locked then: the task is put into that CPU's inbox with one atomic addition (arrival time and
 * count packed in 64 bits), and taken in at the CPU's next switch.
 */
#ifndef PROBES_CPU_BPF_H
#define PROBES_CPU_BPF_H

#include "probes/cpu_waits.bpf.h"

#define INBOX_COUNT_MASK ((1ULL << INBOX_COUNT_BITS) - 1)
#define QUOTA_DEPTH 4        /* groups above a waiter that are asked for their quota's timer */
#define barrier() asm volatile("" ::: "memory")
#define opaque(v) asm volatile("" : "+r"(v)) /* keep clang from dropping a bound check the verifier wants to see */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1); /* set to the number of possible CPUs before load */
	__type(key, __u32);
	__type(value, struct cpu_state);
} cpu_states SEC(".maps");

static __always_inline struct cpu_state *cpu_of(__u32 cpu)
{
	return bpf_map_lookup_elem(&cpu_states, &cpu);
}

/* A slot the verifier believes in. (All our slots are valid; SLOT_RESERVED would take one that is not.) */
static __always_inline __u64 slot_bound(__u64 slot)
{
	opaque(slot);
	if (slot >= SLOTS)
		slot = SLOT_RESERVED;
	opaque(slot);
	return slot;
}

static __always_inline struct cpu_victim *victim_of(struct cpu_state *cs, __u64 slot)
{
	return &cs->victims[slot_bound(slot)];
}

/* The sequence lock that readers watch (victim_copy in cpu.c). x86 keeps stores in their order, so the compiler is all there is to
 * hold back. Elsewhere an addition that returns its value is a full barrier (BPF_FETCH: BPF instruction set 3, Makefile). */
#ifdef __TARGET_ARCH_x86
static __always_inline void state_step(struct cpu_state *cs)
{
	barrier();
	cs->seq++;
	barrier();
}
#else
static __always_inline void state_step(struct cpu_state *cs)
{
	__u64 was = __sync_fetch_and_add(&cs->seq, 1);

	opaque(was);
}
#endif

static __always_inline void state_lock(struct cpu_state *cs)
{
	state_step(cs);
}

static __always_inline void state_unlock(struct cpu_state *cs)
{
	state_step(cs);
}

static __always_inline __u32 cpu_of_task(struct task_struct *task)
{
	struct task_struct___cpu *old = (void *)task;

	if (bpf_core_field_exists(task->thread_info.cpu))
		return task->thread_info.cpu;
	return old->cpu;
}

static __always_inline void victim_list(struct cpu_state *cs, struct cpu_victim *v, __u32 slot)
{
	__u64 n = cs->n_list;

	if (v->listed)
		return;
	opaque(n);
	if (n >= SLOTS) {
		cs->lost_state++;
		return;
	}
	cs->list[n] = slot;
	cs->n_list = n + 1;
	v->listed = 1;
}

/* A waiter's own quota: remember a run queue to ask (victim_close), and ask now if it is the first of its slot. */
static __always_inline void victim_watch_quota(struct cpu_victim *v, struct task_struct *task, struct task_rec *rec)
{
	if (!(rec->flags & TASK_QUOTA))
		return;
	v->cfs_rq = (__u64)task->se.cfs_rq;
	if (v->n == 1)
		v->throttled = task->se.cfs_rq->throttle_count > 0;
	if (v->throttled)
		rec->flags |= TASK_THROTTLED;
	else
		rec->flags &= ~TASK_THROTTLED;
}

/* The task starts to wait on this CPU. Caller holds the state. */
static __always_inline void wait_begin(struct cpu_state *cs, __u32 cpu, struct task_struct *task, struct task_rec *rec, __u64 now)
{
	__u32 slot = slot_of_task(task, rec);
	struct cpu_victim *v = victim_of(cs, slot);

	v->n++;
	v->start_sum += now;
	v->missed += now - cs->slice_start;
	victim_list(cs, v, slot);
	victim_watch_quota(v, task, rec);
	rec->wait_start = rec->queue_start = now;
	rec->wait_slot = slot;
	rec->cpu = cpu;
}

/* The task leaves this CPU's queue, to run or to wait elsewhere. */
static __always_inline void wait_leave(struct cpu_state *cs, struct cpu_victim *v, struct task_rec *rec, __u64 now)
{
	if (!v->n)
		cs->lost_state++;
	else
		v->n--;
	v->start_sum -= rec->queue_start;
	v->wait_done += now - rec->queue_start;
}

/* Take in the tasks that other CPUs put here since the last look. A global function: rare, and verified by itself. */
__noinline int inbox_take(struct cpu_state *cs, __u64 now)
{
	if (!cs)
		return 0;
	cs->inbox_taken = *(volatile __u64 *)&cs->inbox_total;
	for (__u32 slot = 0; slot < SLOTS; slot++) {
		struct cpu_victim *v = &cs->victims[slot];
		__u64 seen = *(volatile __u64 *)&cs->inbox[slot], fresh = seen - v->inbox_seen, n;
		__s64 late;

		if (!fresh)
			continue;
		v->inbox_seen = seen;
		n = fresh & INBOX_COUNT_MASK;
		/* n * now - sum of arrival times, of which the upper bits were lost in packing; negative if one came since `now` */
		late = (__s64)((n * now << INBOX_COUNT_BITS) - (fresh - n)) >> INBOX_COUNT_BITS;
		v->n += n;
		v->start_sum += n * now - late;
		v->missed += n * (now - cs->slice_start) - late;
		victim_list(cs, v, slot);
	}
	return 0;
}

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

/* The run queue's own clocks where there are any, reached through the task that ran (the symbol itself is not exported on
 * kernels without CONFIG_KALLSYMS_ALL). */
static __always_inline struct slice slice_end(struct cpu_state *cs, struct task_struct *ran, __u64 now)
{
	struct slice s = { .now = now, .length = now - cs->slice_start };
	__u64 irq = *(volatile __u64 *)&cs->irq_ns, steal = 0;

	if (bpf_core_field_exists(((struct rq *)0)->prev_irq_time))
		irq = ran->se.cfs_rq->rq->prev_irq_time;
	if (bpf_core_field_exists(((struct rq *)0)->prev_steal_time_rq))
		steal = ran->se.cfs_rq->rq->prev_steal_time_rq;
	if (cs->occupant != SLOT_UNKNOWN) { /* the first slice has no marks to compare with */
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

/* When the quota was last renewed: one period before its timer fires next. 0 = not known. */
static __always_inline __u64 quota_renewed(struct cpu_victim *v)
{
	struct cfs_rq *cfs_rq = (struct cfs_rq *)v->cfs_rq;
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
		renewed = quota_renewed(v);
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
		opaque(n);
		if (n >= SLOTS)
			break;
		if (victim_charge(cs, s, cs->list[n]))
			continue;
		last = cs->n_list - 1ULL;
		opaque(last);
		if (last >= SLOTS)
			break;
		cs->list[n] = cs->list[last];
		cs->n_list = last;
	}
	return 0;
}

/* A waiter turned up here without our having seen it leave the other queue. That queue's lock is not held, hence atomics. */
static __noinline int wait_leave_afar(struct task_rec *rec, __u64 now)
{
	struct cpu_state *from = cpu_of(rec->cpu);
	struct cpu_victim *v;

	if (!from)
		return 0;
	v = victim_of(from, rec->wait_slot);
	__sync_fetch_and_add(&from->missed_moves, 1);
	__sync_fetch_and_add(&v->n, -1ULL);
	__sync_fetch_and_add(&v->start_sum, -rec->queue_start);
	__sync_fetch_and_add(&v->wait_done, now - rec->queue_start);
	__sync_fetch_and_add((__u64 *)&v->missed, from->slice_start - now);
	return 0;
}

/* A task gets the CPU and we saw no wakeup. If the scheduler says it waited, count that: what falls into the slice just
 * closed is its occupant's doing, what lies before is unknown. */
static __noinline int wait_rebuild(struct cpu_state *cs, struct task_struct *task, __u32 slot)
{
	struct cpu_victim *v = victim_of(cs, slot);
	__u64 ns, known, end = cs->slice_start;

	if (!bpf_core_field_exists(task->sched_info.last_queued) || !task->sched_info.last_queued)
		return 0;
	ns = task->se.cfs_rq->rq->clock - task->sched_info.last_queued;
	if (ns > end - cs->since)
		return 0; /* clocks of two CPUs, or a wait from before the recording */
	known = clip(ns, end - cs->last_start);
	v->wait_done += ns;
	v->waits++;
	v->blame[slot_bound(cs->occupant)] += known;
	v->blame[SLOT_UNKNOWN] += ns - known;
	known = hist_bucket(ns);
	opaque(known);
	if (known < HIST_BUCKETS)
		v->wait_hist[known]++;
	cs->missed_wakeups++;
	return 0;
}

/* Until when a serving thread's wait was its own quota's doing: 0 = it was not. */
static __always_inline __u64 throttled_until(struct cpu_victim *v, struct task_rec *rec, __u64 end)
{
	__u64 renewed;

	if (!(rec->flags & TASK_THROTTLED))
		return 0;
	renewed = quota_renewed(v);
	return renewed ? renewed : end;
}

/* The task got the CPU at the time the present slice began: its wait, if we saw it begin, is over. Returns its slot. */
static __always_inline __u32 task_arrive(struct cpu_state *cs, __u32 cpu, struct task_struct *task)
{
	struct task_rec *rec = task_record(task);
	__u64 bucket, end = cs->slice_start;
	struct cpu_victim *v;
	__u32 slot;

	if (!rec) {
		cs->lost_storage++;
		cs->serving = 0;
		return SLOT_UNKNOWN;
	}
	cs->serving = rec->flags & TASK_SERVES;
	if (!rec->wait_start) {
		slot = slot_of_task(task, rec);
		wait_rebuild(cs, task, slot);
		return slot;
	}
	v = victim_of(cs, rec->wait_slot);
	if (end < rec->queue_start)
		end = rec->queue_start;
	if (rec->cpu == cpu) {
		if (rec->flags & TASK_SERVES)
			wait_log_queue(cs, task, rec, end, throttled_until(v, rec, end));
		wait_leave(cs, v, rec, end);
		v->missed -= end - cs->slice_start;
	} else {
		wait_leave_afar(rec, end);
	}
	v->waits++;
	bucket = hist_bucket(end - rec->wait_start);
	opaque(bucket);
	if (bucket < HIST_BUCKETS)
		v->wait_hist[bucket]++;
	rec->wait_start = 0;
	return slot_of_task(task, rec);
}

/* End the slice at `now`: charge the waiters, credit the occupant. `ran` is any task of this CPU. */
static __always_inline void slice_close(struct cpu_state *cs, struct task_struct *ran, __u64 now)
{
	struct slice s = slice_end(cs, ran, now);
	struct cpu_victim *v = victim_of(cs, cs->occupant);

	if (cs->n_list) {
		slice_note(cs, now, s.irq, s.steal);
		slice_charge(cs, &s);
	}
	v->run_ns += s.length - s.irq - s.steal;
	v->irq_ns += s.irq;
	cs->last_start = cs->slice_start;
	cs->slice_start = now;
}

/* The task that leaves is not the one we saw come: some task is hidden from tracing. The scheduler knows how long the one
 * that leaves has run since it was picked, so the switch can be rebuilt; where it does not (idle, real time), the slice is
 * nobody's. */
static __noinline int slice_rebuild(struct cpu_state *cs, __u32 cpu, struct task_struct *prev, __u64 now)
{
	__u64 ran, start = cs->slice_start;

	if (cs->pid != NO_PID)
		cs->missed_switches++;
	if (!prev->pid || prev->prio < PRIO_FAIR) {
		cs->occupant = SLOT_UNKNOWN;
		ran = 0;
	} else {
		ran = clip(prev->se.sum_exec_runtime - prev->se.prev_sum_exec_runtime, now - start);
	}
	slice_close(cs, prev, now - ran);
	cs->occupant = prev->pid ? task_arrive(cs, cpu, prev) : SLOT_WAKEUP;
	return 0;
}

static __always_inline void task_depart(struct cpu_state *cs, __u32 cpu, struct task_struct *task, __u64 now)
{
	struct task_rec *rec = task_record(task);
	struct cpu_victim *v = victim_of(cs, cs->occupant);

	v->preemptions++;
	if (rec)
		wait_begin(cs, cpu, task, rec, now);
	else
		cs->lost_storage++;
}

#endif
