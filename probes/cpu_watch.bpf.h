/*
 * The edges of a watch. The CPU probe counts from `since` to `until` (struct cpu_state), all the time or in windows
 * (probes/cpu_watch.c); both times are set ahead, so that they are edges to the ns on every CPU. What lies across an edge:
 *
 *   who is on a CPU when the watch begins   named right after by a program run on that CPU (cpu_seed); else by its first switch
 *   a wait that goes on when it ends        counts until then: user space closes the open waits at that very time
 *   a wait that was under way when it began counts from then on, when the task gets the CPU: charged by who has held that CPU since
 *   a wait that lasts all through it        found after its end: by the task's switch to the CPU while the programs are still
 *                                           attached, or by the walk over all tasks (cpu_walk), whichever comes first
 *
 * That a task waits which we did not see begin is told by the scheduler's own note (sched_info.last_queued).
 */
#ifndef PROBES_CPU_WATCH_BPF_H
#define PROBES_CPU_WATCH_BPF_H

#include "probes/cpu_slice.bpf.h"

#define AGE_SLACK_NS 8000000 /* a run queue's clock stands still between two ticks: 4 ms at 250 per second, and as much again */

__u32 walk_at_start;         /* set by user space before it reads cpu_walk */

static __always_inline void wait_count(struct cpu_victim *v, __u64 ns)
{
	__u64 bucket = hist_bucket(ns);

	v->waits++;
	hide(bucket);
	if (bucket < HIST_BUCKETS)
		v->wait_hist[bucket]++;
}

/* How long the task has waited by the scheduler's clocks; 0 = it does not, or the kernel keeps no such note. */
static __always_inline __u64 wait_age(struct task_struct *task)
{
	__u64 queued, clock;

	if (!bpf_core_field_exists(task->sched_info.last_queued))
		return 0;
	queued = task->sched_info.last_queued;
	clock = task->se.cfs_rq->rq->clock;
	return queued && clock > queued ? clock - queued : 0;
}

/* Charge a wait from the beginning of the watch to `end` by who has held the CPU since; steal is what is left. */
__noinline int span_charge(struct cpu_state *cs, __u32 slot, __u64 end)
{
	struct cpu_victim *v;
	__u64 rest;

	if (!cs)
		return 0;
	v = victim_of(cs, slot);
	rest = end - cs->since;
	v->wait_done += rest;
	for (int i = 0; i < SLOTS; i++) {
		struct cpu_victim *o = &cs->victims[i];
		__u64 ran = clip(o->run_ns - o->run_before_ns, rest), irq;

		v->blame[i] += ran;
		rest -= ran;
		irq = clip(o->irq_ns - o->irq_before_ns, rest);
		v->blame[SLOT_IRQ] += irq;
		rest -= irq;
	}
	v->blame[SLOT_STEAL] += rest;
	return 0;
}

/* The task gets the CPU at the time the present slice began, after a wait of `ns` that began before the watch. If its own
 * quota held it back then, that is to blame until the quota was renewed. */
static __noinline int wait_span(struct cpu_state *cs, struct task_struct *task, __u32 slot, __u64 ns)
{
	struct task_rec *rec = bpf_task_storage_get(&tasks, task, 0, 0);
	__u64 since = cs->since, end = cs->slice_start, renewed = 0, known;
	struct cpu_victim *v = victim_of(cs, slot);

	wait_count(v, ns);
	if (rec && rec->throttled_at == since) {
		renewed = quota_renewed((__u64)task->se.cfs_rq);
		renewed = clip(renewed ? renewed : end, end);
	}
	if (renewed <= since)
		return span_charge(cs, slot, end);
	known = clip(end - renewed, end - cs->last_start);
	v->wait_done += end - since;
	v->blame[SLOT_THROTTLE] += renewed - since;
	v->blame[slot_bound(cs->occupant)] += known;
	v->blame[SLOT_UNKNOWN] += end - renewed - known;
	return 0;
}

/* The watch is over, and this task has waited since before it began, if it is as old as that and nobody has said so yet.
 * Its CPU's lock is not held: two CPUs that find it within the same 10 ns count it twice. */
static __noinline int wait_spans(struct cpu_state *cs, struct task_struct *task, struct task_rec *rec, __u64 now)
{
	__u64 slot, age = wait_age(task);

	if (wait_seen(cs, rec) || rec->settled_at == cs->since || !age || age + AGE_SLACK_NS < now - cs->since)
		return 0;
	rec->settled_at = cs->since;
	slot = slot_bound(slot_of_task(task, rec));
	if (rec->throttled_at == cs->since && task->se.cfs_rq->throttle_count > 0)
		__sync_fetch_and_add(&cs->throttled[slot], 1);
	else
		__sync_fetch_and_add(&cs->spanning[slot], 1);
	return 0;
}

/* Has the watch ended, so that only waits across all of it are of interest? (Else it has not begun.) */
static __always_inline bool lingers(const struct cpu_state *cs, __u64 now)
{
	return cs->until > cs->since && now >= cs->until;
}

/* A switch after the end. Whoever begins to wait from now on did not wait all through it. */
static __noinline int linger_switch(struct cpu_state *cs, struct task_struct *prev, struct task_struct *next, __u64 now)
{
	struct task_rec *rec;

	rec = prev->pid ? bpf_task_storage_get(&tasks, prev, 0, 0) : NULL;
	if (rec)
		rec->settled_at = cs->since;
	rec = next->pid ? task_record(next) : NULL;
	if (rec)
		wait_spans(cs, next, rec, now);
	return 0;
}

#endif
