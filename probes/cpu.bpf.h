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

#include "probes/cpu_slice.bpf.h"
#include "probes/cpu_watch.bpf.h"
#include "probes/cpu_waits.bpf.h"
#include "probes/smt.bpf.h"

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
	__u64 known, end = cs->slice_start, ns = wait_age(task);

	if (!ns)
		return 0;
	if (ns > end - cs->since)
		return wait_span(cs, task, slot, ns);
	known = clip(ns, end - cs->last_start);
	v->wait_done += ns;
	v->blame[slot_bound(cs->occupant)] += known;
	v->blame[SLOT_UNKNOWN] += ns - known;
	wait_count(v, ns);
	cs->missed_wakeups++;
	return 0;
}

/* Until when a serving thread's wait was its own quota's doing: 0 = it was not. */
static __always_inline __u64 throttled_until(struct cpu_victim *v, struct task_rec *rec, __u64 end)
{
	__u64 renewed;

	if (!(rec->flags & TASK_THROTTLED))
		return 0;
	renewed = quota_renewed(v->cfs_rq);
	return renewed ? renewed : end;
}

/* The task got the CPU at the time the present slice began: its wait, if we saw it begin, is over. Returns its slot. */
static __always_inline __u32 task_arrive(struct cpu_state *cs, __u32 cpu, struct task_struct *task)
{
	struct task_rec *rec = task_record(task);
	__u64 end = cs->slice_start;
	struct cpu_victim *v;
	__u32 slot;

	if (!rec) {
		cs->lost_storage++;
		cs->serving = 0;
		return SLOT_UNKNOWN;
	}
	cs->serving = rec->flags & TASK_SERVES;
	if (!wait_seen(cs, rec)) {
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
	wait_count(v, end - rec->wait_start);
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
	if (smt_on)
		smt_slice_end(cs, now);
	v->run_ns += s.length - s.irq - s.steal;
	v->irq_ns += s.irq;
	v->steal_ns += s.steal;
	cs->last_start = cs->slice_start;
	cs->slice_start = now;
}

/* The task that leaves is not the one we saw come: some task is hidden from tracing. The scheduler knows how long the one
 * that leaves has run since it was picked, so the switch can be rebuilt; where it does not (idle, real time), the slice is
 * nobody's. */
static __noinline int slice_rebuild(struct cpu_state *cs, __u32 cpu, struct task_struct *prev, __u64 now)
{
	__u64 ran, start = cs->slice_start;

	if (cs->pid == NO_PID && !prev->pid) { /* the watch's first slice, and nobody ran */
		cs->occupant = SLOT_WAKEUP;
		return 0;
	}
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
