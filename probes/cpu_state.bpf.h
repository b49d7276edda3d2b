/*
 * State of one CPU: who holds it since when, who waits; its lock; tasks that come from other CPUs. The method: probes/cpu.bpf.h.
 */
#ifndef PROBES_CPU_STATE_BPF_H
#define PROBES_CPU_STATE_BPF_H

#include "probes/slot.bpf.h"

#define INBOX_COUNT_MASK ((1ULL << INBOX_COUNT_BITS) - 1)
#define barrier() asm volatile("" ::: "memory")

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
	hide(slot);
	if (slot >= SLOTS)
		slot = SLOT_RESERVED;
	hide(slot);
	return slot;
}

static __always_inline struct cpu_victim *victim_of(struct cpu_state *cs, __u64 slot)
{
	return &cs->victims[slot_bound(slot)];
}

/* The sequence lock that readers watch (victim_copy in cpu_totals.c). x86 keeps stores in their order, so the compiler is all there is to
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

	hide(was);
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

/* Does an event at `now` count? (Before `since` the difference wraps, and is larger than any watch is long.) */
static __always_inline bool watched(const struct cpu_state *cs, __u64 now)
{
	__u64 since = *(volatile __u64 *)&cs->since;

	return now - since < *(volatile __u64 *)&cs->until - since;
}

/* Has the CPU's watch seen this wait begin? What an earlier watch left in the record is older. */
static __always_inline bool wait_seen(const struct cpu_state *cs, const struct task_rec *rec)
{
	return rec->wait_start >= cs->since;
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
	hide(n);
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

#endif
